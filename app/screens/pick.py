"""Choosing several of many: type to search, Tab marks, Enter takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from app.language import _
from app.messages import Opened
from app.screens.dialog import Dialog
from app.text import escape
from app.widgets.grid import Column, Grid, Row


@dataclass(frozen=True, slots=True)
class Choice:
    """One row: cells are console markup; `words` is what typing finds it by."""

    key: str
    cells: tuple[str, ...]
    words: str


class Pick(Dialog[list[str] | None]):
    """Answers with the keys that are marked, in the order of marking; None on Esc.

    Enter without any mark takes the row under the cursor, unless the marks were just taken away.

    Args:
        marked: keys that are marked from the beginning.
        most: how many can be marked.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("tab", "mark", show=False, priority=True),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
    ]
    DEFAULT_CSS = """
    Pick {
        & #pick { width: 96; height: 80%; padding: 0 1; }
        & Grid { height: 1fr; }
        & #pick-keys { height: 1; color: $foreground 60%; }
    }
    """

    def __init__(
        self,
        title: str,
        columns: Sequence[Column],
        choices: Iterable[Choice],
        marked: Iterable[str] = (),
        most: int | None = None,
    ) -> None:
        super().__init__()
        self.heading, self.columns, self.most = title, [Column("", 1, keep=99), *columns], most
        self.choices = {choice.key: choice for choice in choices}
        self.marked = [key for key in marked if key in self.choices]
        self._touched = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="pick"):
            yield Static(f"[b]{escape(self.heading)}[/b]")
            yield Input(placeholder=_("type to search"))
            yield Grid(self.columns, empty=_("nothing is called that"))
            yield Static(id="pick-keys")

    def on_mount(self) -> None:
        self.query_one(Grid).can_focus = False
        self.query_one(Input).focus()
        self._show()

    def on_input_changed(self) -> None:
        self._show()

    def _show(self) -> None:
        words = self.query_one(Input).value.casefold().split()
        found = (choice for choice in self.choices.values() if all(word in choice.words.casefold() for word in words))
        self.query_one(Grid).show(
            Row(choice.key, ("[$primary]●[/]" if choice.key in self.marked else "·", *choice.cells)) for choice in found
        )
        counted = f"{len(self.marked)}" if self.most is None else f"{len(self.marked)}/{self.most}"
        keys = _("Tab marks · Enter takes · Esc leaves · {count} marked").format(count=counted)
        self.query_one("#pick-keys", Static).update(keys)

    def action_move(self, count: int) -> None:
        self.query_one(Grid).action_move(count)

    def action_mark(self) -> None:
        if key := self.query_one(Grid).cursor_key:
            self._toggle(key)

    @on(Opened)
    def _clicked(self, message: Opened) -> None:
        message.stop()
        self._toggle(message.key)

    def _toggle(self, key: str) -> None:
        self._touched = True
        if key in self.marked:
            self.marked.remove(key)
        elif self.most is not None and len(self.marked) >= self.most:
            self.notify(_("{count} at most").format(count=self.most), severity="warning", timeout=3)
        else:
            self.marked.append(key)
        self._show()

    def on_input_submitted(self) -> None:
        key = self.query_one(Grid).cursor_key
        if not self.marked and not self._touched and key:
            self.marked.append(key)
        self.dismiss(self.marked)
