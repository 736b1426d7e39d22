"""Editing a config: checked while it is typed, saved only when it is valid."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on, work

from app import messages
from app.layers.listing import Listing
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    from experiments.folders import Experiment


class Editing(Listing):
    """Between the editor and `experiments.config_file`."""

    def action_edit(self) -> None:
        if self.furnished and self.selected:
            self.action_show("config")
            self.part("#config-text").focus()

    def action_save(self) -> None:
        self.save()

    def save(self, then: Callable[[], None] | None = None) -> None:
        pane, experiment = self.part("#config"), self.experiment
        if experiment and pane.draft:
            self._write(experiment, pane.draft.text, pane.draft.saved, then)

    @work(thread=True, group="save", exit_on_error=False)
    def _write(self, experiment: "Experiment", text: str, base: str | None, then: Callable[[], None] | None) -> None:
        from experiments.config_file import read_text, save

        if base is not None and experiment.config_file.is_file() and read_text(experiment.config_file) != base:
            self.post_message(messages.ChangedOnDisk(experiment, text, then))
            return
        save(experiment.config_file, text)
        self.post_message(messages.Saved(experiment.name, text, then))

    @on(messages.ChangedOnDisk)
    def changed_on_disk(self, message: messages.ChangedOnDisk) -> None:
        def answer(key: str | None) -> None:
            if key == "o":
                self._write(message.experiment, message.text, None, message.then)

        question = f"{message.experiment.config_file} was changed by someone else since it was read."
        self.ask(question, [("o", "overwrite it"), ("k", "keep the file")], answer)

    @on(messages.Saved)
    def saved(self, message: messages.Saved) -> None:
        self.part("#config").mark_saved(message.name, message.text)
        self.notify(f"{message.name}/config.yaml saved")
        self.read_list()
        if (experiment := self.experiment) and experiment.name == message.name:
            self.describe(experiment)
        if message.then:
            message.then()

    def action_revert(self) -> None:
        if self.furnished and self.selected in self.part("#config").unsaved:
            answers = [("t", "throw them away"), ("k", "keep them")]
            question = f"Throw the unsaved changes of {self.selected}/config.yaml away?"
            self.ask(question, answers, lambda key: self.part("#config").revert() if key == "t" else None)

    @on(messages.Edited)
    def edited(self, message: messages.Edited) -> None:
        self.check(message.name, message.text)

    @on(messages.UnsavedChanged)
    def unsaved_changed(self) -> None:
        self.draw_frame()

    @on(messages.LeftEditor)
    def left_editor(self) -> None:
        self.set_focus(None if self.is_narrow else self.part(ExperimentList))

    @work(thread=True, exclusive=True, group="check", exit_on_error=False)
    def check(self, name: str, text: str) -> None:
        from experiments.config_file import check_text

        self.post_message(messages.Checked(name, text, check_text(text)))

    @on(messages.Checked)
    def checked(self, message: messages.Checked) -> None:
        self.part("#config").show_problems(message.name, message.text, message.problems)
