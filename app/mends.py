"""What Textual 8.2 gets wrong where no class of ours can reach: its palette makes its own list."""

from textual.events import Click
from textual.widgets import OptionList

_react_to_click = OptionList._on_click


async def _on_click(options: OptionList, event: Click) -> None:
    """A click on an option that has gone since it was painted chooses nothing; Textual's ends the app."""
    option = event.style.meta.get("option")
    if option is None or option < options.option_count:
        await _react_to_click(options, event)


def mend_clicks() -> None:
    """Have every list of options answer clicks so."""
    OptionList._on_click = _on_click  # type: ignore[method-assign]
