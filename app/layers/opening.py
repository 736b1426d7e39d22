"""The person's own editor, on the file, while the dashboard waits."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from app.language import _
from app.layers.editing import Editing

if TYPE_CHECKING:
    from experiments.folders import Experiment


class Opening(Editing):
    """Hands the terminal to $VISUAL or $EDITOR, then reads the file again."""

    def action_editor(self) -> None:
        experiment = self.experiment
        if not self.furnished or experiment is None:
            return
        if not experiment.config_file.is_file():
            self.notify(_("there is no config.yaml to open yet"), severity="warning")
            return
        command = editor_command(os.environ)
        if not command:
            self.notify(_("no editor is set: export EDITOR=nano, or another one"), severity="warning", timeout=10)
            return
        if experiment.name not in self.part("#config").unsaved:
            self._open_editor(experiment, command)
            return

        def answer(key: str | None) -> None:
            if key == "s":
                self.save(lambda: self._open_editor(experiment, command))
            elif key == "t":
                self.part("#config").revert()
                self._open_editor(experiment, command)

        question = _("{name}/config.yaml has unsaved changes.").format(name=experiment.name)
        answers = [
            ("s", _("save and open")),
            ("t", _("throw them away and open the file")),
            ("k", _("keep editing here")),
        ]
        self.ask(question, answers, answer)

    def _open_editor(self, experiment: "Experiment", command: list[str]) -> None:
        try:
            with self.suspend():
                code = subprocess.run([*command, str(experiment.config_file)], check=False).returncode
        except SuspendNotSupported:
            told = _("this terminal cannot be handed over; edit {path} elsewhere, it is read again by itself")
            self.notify(told.format(path=experiment.config_file), severity="warning", timeout=10, markup=False)
            return
        except OSError as error:
            self.notify(f"{command[0]}: {error.strerror or error}", severity="error", timeout=10, markup=False)
            return
        self.refresh(layout=True)
        if code:
            self.notify(
                _("{editor} ended with code {code}").format(editor=command[0], code=code),
                severity="warning",
                markup=False,
            )
        self.describe(experiment)
        self.read_list()


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """Return the words of VISUAL, else of EDITOR; nothing where neither is set."""
    text = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        return shlex.split(text)
    except ValueError:
        return [text]
