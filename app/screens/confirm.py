"""A question with a few answers; the safe one has the focus."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.widgets import Button, Static

from app.action import latin
from app.screens.dialog import Dialog


class Confirm(Dialog[str | None]):
    """Answers with the key of the chosen answer, None on Esc.

    Args:
        answers: (key, label), the safe one last.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, answers: list[tuple[str, str]]) -> None:
        super().__init__()
        self.question, self.answers = question, answers

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self.question, markup=False)
            with Horizontal(classes="answers"):
                for key, label in self.answers:
                    yield Button(f"[b]{key}[/b]  {label}", id=f"answer-{key}", compact=True)

    def on_mount(self) -> None:
        self.query(Button).last().focus()

    def on_key(self, event: Key) -> None:
        key = latin(event.character or "")
        if key in dict(self.answers):
            event.stop()
            self.dismiss(key)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss((event.button.id or "").removeprefix("answer-"))
