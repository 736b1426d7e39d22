"""One of a few words, chosen with the arrow keys or a click."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static

from app.text import escape


class Choice(Static, can_focus=True):
    """Shows every option; the chosen one stands between angles, so that it is seen without colour.

    Args:
        options: (value, label).
    """

    BINDINGS: ClassVar = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l,space", "step(1)", show=False),
    ]
    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; link-style: none; }
    Choice:focus { background: $primary 20%; }
    """

    @dataclass
    class Chosen(Message):
        """Another option was chosen."""

        choice: "Choice"

    def __init__(self, options: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.value = self.options[0][0]

    def on_mount(self) -> None:
        self._draw()

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Replace the options; what was chosen stays chosen while it is among them."""
        self.options = tuple(options)
        if self.value not in dict(self.options):
            self.value = self.options[0][0]
        self._draw()

    def action_step(self, count: int) -> None:
        values = [value for value, _ in self.options]
        self.action_choose(values[(values.index(self.value) + count) % len(values)])

    def action_choose(self, value: str) -> None:
        self.value = value
        self._draw()
        self.post_message(self.Chosen(self))

    def _draw(self) -> None:
        parts = (
            f"[b $primary]‹{escape(label)}›[/]"
            if value == self.value
            else f"[@click=choose('{value}')][$foreground 60%] {escape(label)} [/][/]"
            for value, label in self.options
        )
        self.update(" ".join(parts))
