"""What Textual 8.2 gets wrong where no class of ours can reach: its palette makes its own list and screen."""

from textual.events import Click
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList

_react_to_click, _turn_page = OptionList._on_click, OptionList._move_page
_find_text = Screen.get_widget_and_offset_at


async def _on_click(options: OptionList, event: Click) -> None:
    """A click on an option that has gone since it was painted chooses nothing; Textual's ends the app."""
    option = event.style.meta.get("option")
    if option is None or option < options.option_count:
        await _react_to_click(options, event)


def _move_page(options: OptionList, direction: int) -> None:
    """A list that is empty, or not laid out yet, has no page to turn; Textual's raises KeyError."""
    if (options.highlighted or 0) in options._index_to_line:
        _turn_page(options, direction)


def _text_at(screen: Screen, x: int, y: int) -> tuple[Widget | None, Offset | None]:
    """A widget that has gone since it was painted has no text to select; Textual's asks for its parent."""
    widget, offset = _find_text(screen, x, y)
    return (None, None) if widget is not None and widget.parent is None else (widget, offset)


def mend() -> None:
    """Have every list of options answer clicks and page keys so, and every screen the mouse."""
    Screen.get_widget_and_offset_at = _text_at  # type: ignore[method-assign]
    OptionList._on_click = _on_click  # type: ignore[method-assign]
    OptionList._move_page = _move_page  # type: ignore[method-assign]
