"""One line of `key=value` for one launch."""

import shlex
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from app.text import escape

NOTE = "Enter launches · Esc leaves · quote spaces · seed=1,2 makes two runs"


class Overrides(ModalScreen[list[str] | None]):
    """Answers with the overrides, None on Esc."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, experiment: str, last: str = "") -> None:
        super().__init__()
        self.experiment, self.last = experiment, last

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Launch [b]{escape(self.experiment)}[/b] with overrides, for this run only")
            yield Input(self.last, placeholder="epochs=2 defect_class=deposition model.args.encoder_name=resnet18")
            yield Static(f"[$foreground 55%]{NOTE}[/]", id="overrides-note")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(split_overrides(event.value))
        except ValueError as error:
            self.query_one("#overrides-note", Static).update(f"[$error]✗ {escape(error)}[/]")


def split_overrides(line: str) -> list[str]:
    """Split a line into `key=value` texts; brackets hold together what a shell would need quotes for.

    Raises:
        ValueError: one sentence for the user.
    """
    words, depth = [], 0
    for word in _shell_words(line):
        if depth > 0:
            words[-1] += f" {word}"
        else:
            words.append(word)
        depth += sum(word.count(mark) for mark in "[{") - sum(word.count(mark) for mark in "]}")
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not of the form key=value")
    return words


def _shell_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise ValueError("a quote is not closed") from None
