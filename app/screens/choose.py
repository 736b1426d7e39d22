"""Choosing one of many: filtered while it is typed; where anything goes, what is typed is an answer too."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.language import _
from app.screens.dialog import Dialog
from app.text import escape
from app.widgets.filter_line import has_words


class Choose(Dialog[str | None]):
    """Answers with the chosen text, None on Esc.

    Args:
        choices: (text, what it means).
        current: the choice to begin at.
        open_ended: whether a text that is no choice may be the answer.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
    ]
    DEFAULT_CSS = """
    Choose #choose-list {
        height: auto; max-height: 60vh; border: none; background: $panel; padding: 0; scrollbar-size: 1 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    Choose #choose-list:focus { border: none; }
    """

    def __init__(
        self, title: str, choices: Sequence[tuple[str, str]], current: str = "", *, open_ended: bool = False
    ) -> None:
        super().__init__()
        self.heading, self.choices, self.current, self.open_ended = title, choices, current, open_ended
        self._shown: list[str] = []

    def compose(self) -> ComposeResult:
        hint = _("words to look for, or a value") if self.open_ended else _("words to look for")
        with Vertical(classes="dialog"):
            yield Static(escape(self.heading))
            yield Input(placeholder=hint)
            yield OptionList(id="choose-list")

    def on_mount(self) -> None:
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        index = self.query_one(OptionList).highlighted
        if index is not None and index < len(self._shown):
            self.dismiss(self._shown[index])
        elif self.open_ended and event.value.strip():
            self.dismiss(event.value.strip())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])

    def action_move(self, count: int) -> None:
        options = self.query_one(OptionList)
        if self._shown:
            options.highlighted = min(max(0, (options.highlighted or 0) + count), len(self._shown) - 1)

    def _fill(self, words: str) -> None:
        found = [(text, told) for text, told in self.choices if has_words(f"{text} {told}", words)]
        found.sort(key=lambda item: not item[0].startswith(words))
        typed = words.strip()
        if self.open_ended and typed and all(text != typed for text, _told in found):
            found.append((typed, _("as it is typed")))
        self._shown = [text for text, _told in found]
        width = min(36, max((len(text) for text in self._shown), default=0))
        options = self.query_one(OptionList)
        options.set_options(
            [Option(f"{escape(text):<{width}}  [$foreground 60%]{escape(told)}[/]") for text, told in found]
        )
        at = self._shown.index(self.current) if not words and self.current in self._shown else 0
        options.highlighted = at if found else None
