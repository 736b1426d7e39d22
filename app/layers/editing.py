"""Editing a config, as text or as a form: checked while it is typed, saved only when it is valid."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import on, work

from app import messages
from app.language import _
from app.layers.listing import Listing
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    from experiments.folders import Experiment


class Editing(Listing):
    """Between the editor and `experiments.config_file`, `experiments.config_form`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._changes: deque[messages.FieldChanged] = deque()
        self._changing = False

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "config" and self.furnished and (target := self.part("#config").focus_target):
            self.set_focus(target)

    def action_view(self) -> None:
        if self.furnished and self.selected:
            self.part("#config").switch_view()

    def action_undo(self) -> None:
        if self.furnished:
            self.part("#config-text").undo()

    def action_redo(self) -> None:
        if self.furnished:
            self.part("#config-text").redo()

    def action_filter(self) -> None:
        on_list = self.is_on_list or self.part(ExperimentList).has_focus
        if self.pane == "config" and not on_list and self.furnished:
            config = self.part("#config")
            if config.focus_target is None:
                config.switch_view()
            self.part("#config-form").action_filter()
        else:
            super().action_filter()

    def action_edit(self) -> None:
        if self.furnished and self.selected:
            self.action_show("config")
            if not self.part("#config-text").display:
                self.part("#config").switch_view()
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
        target = self.part("#config").focus_target
        if target is None or target.has_focus:
            target = None if self.is_narrow else self.part(ExperimentList)
        self.set_focus(target)

    @work(thread=True, exclusive=True, group="check", exit_on_error=False)
    def check(self, name: str, text: str) -> None:
        from experiments.config_form import read_form

        self.post_message(messages.Checked(name, read_form(text, self.settings)))

    @on(messages.Checked)
    def checked(self, message: messages.Checked) -> None:
        self.part("#config").show_checked(message.name, message.form)

    # -- the form ------------------------------------------------------------------------------------------------

    @on(messages.FieldTyped)
    def field_typed(self, message: messages.FieldTyped) -> None:
        """Say at the field what is wrong with it; take it over when it is done and right."""
        from experiments.config_form import problem_of, read_typed
        from pipeseg.errors import BadInput

        pane, shown = self.part("#config"), self.part("#config-form")
        if not (shown.form and (entry := shown.form.entry(message.key))):
            return
        try:
            value = read_typed(entry, message.text)
            problem = problem_of(shown.form, message.key, value)
        except BadInput as error:
            problem = str(error)
        shown.show_typing(message.key, problem)
        if message.is_done and not problem:
            shown.end_typing()
            self.post_message(messages.FieldChanged(pane.name_shown or "", message.key, value))

    @on(messages.ChoiceWanted)
    def choice_wanted(self, message: messages.ChoiceWanted) -> None:
        from app.screens.choose import Choose
        from experiments.config_diff import as_text

        pane, shown = self.part("#config"), self.part("#config-form")
        if not (shown.form and (entry := shown.form.entry(message.key))):
            return
        choices = [(as_text(choice.value), choice.help) for choice in entry.kind.choices]
        name = pane.name_shown or ""

        def answer(text: str | None) -> None:
            if text is not None:
                self._take_typed(name, message.key, text)

        self.push_screen(Choose(message.key, choices, as_text(entry.shown), open_ended=not entry.kind.closed), answer)

    def _take_typed(self, name: str, key: str, text: str) -> None:
        from experiments.config_form import problem_of, read_typed

        form = self.part("#config-form").form
        if self.part("#config").name_shown != name or form is None or (entry := form.entry(key)) is None:
            return
        value = read_typed(entry, text)
        if problem := problem_of(form, key, value):
            self.notify(f"{key}: {problem}", severity="warning", timeout=10, markup=False)
        else:
            self.post_message(messages.FieldChanged(name, key, value))

    @on(messages.FieldChanged)
    def field_changed(self, message: messages.FieldChanged) -> None:
        self._changes.append(message)
        self._next_change()

    def _next_change(self) -> None:
        """One change after another, each on the text that the last one left."""
        if self._changing or not self._changes:
            return
        change, pane = self._changes.popleft(), self.part("#config")
        if (draft := pane.drafts.get(change.name)) is not None:
            self._changing = True
            self._change(change, draft.text)

    @work(thread=True, group="form", exit_on_error=False)
    def _change(self, change: messages.FieldChanged, text: str) -> None:
        from experiments.config_form import changed_text, read_form
        from pipeseg.errors import BadInput

        after, problem = text, None
        try:
            form = read_form(text)
            if form.is_readable:
                after = changed_text(form, change.key, change.value)
            else:
                problem = _("the text cannot be read now")
        except BadInput as error:
            problem = str(error)
        finally:
            self.post_message(messages.FieldWritten(change, text, after, problem))

    @on(messages.FieldWritten)
    def field_written(self, message: messages.FieldWritten) -> None:
        self._changing = False
        pane, change = self.part("#config"), message.change
        draft = pane.drafts.get(change.name)
        if draft is not None and draft.text != message.base:  # typed meanwhile: once more, on what stands there now
            self._changes.appendleft(change)
        elif message.problem:
            self.notify(message.problem, severity="warning", timeout=10, markup=False)
        elif draft is not None:
            pane.put(change.name, message.text)
        self._next_change()
