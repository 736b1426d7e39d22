"""Jump mode: a letter over every place that can be gone to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Click, Key
from textual.geometry import Offset
from textual.screen import Screen
from textual.widgets import Static, Tab

from app.action import latin
from app.screens.dialog import Dialog
from app.widgets.bars import TitleBar

# the keys under the fingers first
LETTERS = "asdfghjklqwertyuiopzxcvbnm"


@dataclass(frozen=True, slots=True)
class Target:
    """A place on the screen, and how to get there."""

    at: Offset
    go: Callable[[], object]


def targets(screen: Screen[Any]) -> list[Target]:
    """Return the places of a screen: panes in the title, tabs, and everything that can have the focus."""
    found = []
    for bar in screen.query(TitleBar):
        for pane, (first, _width) in bar.spots.items():
            found.append(Target(bar.region.offset + Offset(first, 0), lambda pane=pane: screen.app.action_show(pane)))
    for tab in screen.query(Tab):
        if _is_seen(screen, tab) and not tab.disabled:
            found.append(Target(tab.region.offset, lambda tab=tab: tab.post_message(Tab.Clicked(tab))))
    for widget in screen.focus_chain:
        if _is_seen(screen, widget):
            found.append(Target(_visible(screen, widget).offset, lambda widget=widget: screen.set_focus(widget)))
    return sorted(found, key=lambda target: (target.at.y, target.at.x))[: len(LETTERS)]


def _visible(screen: Screen[Any], widget: Any) -> Any:
    """What of a widget is in view; nothing of it may be."""
    region = widget.region
    for node in widget.ancestors:
        if node is screen:
            break
        region = region.intersection(node.region)
    return region.intersection(screen.region)


def _is_seen(screen: Screen[Any], widget: Any) -> bool:
    return bool(widget.is_on_screen) and bool(_visible(screen, widget).area)


class Jump(Dialog[None]):
    """One letter goes to its place; any other key leaves."""

    DEFAULT_CSS = """
    Jump { layers: letters; }
    Jump Static {
        layer: letters; position: absolute; width: 3; height: 1; text-align: center;
        background: $warning; color: $background; text-style: bold;
    }
    """

    def __init__(self, found: Sequence[Target]) -> None:
        super().__init__()
        self.by_letter = dict(zip(LETTERS, found, strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self.by_letter.items():
            mark = Static(Content(letter))
            mark.styles.offset = target.at
            yield mark

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss()
        if target := self.by_letter.get(latin(event.character or "").lower()):
            self.app.call_later(target.go)

    def on_click(self, event: Click) -> None:
        self.dismiss()
