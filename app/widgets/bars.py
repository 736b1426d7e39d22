"""The two lines that frame the screen: where we are, and which keys there are."""

from textual.content import Content
from textual.widgets import Static

from app.action import readable_key
from app.actions import ACTIONS, PANES, footer_actions
from app.text import escape


class TitleBar(Static):
    """The panes with their keys, and what is selected."""

    def show(self, pane: str, subject: str, room: int) -> None:
        """Args: room: width in cells; the subject is dropped first, then the words of the other panes."""
        places = dict(zip(PANES, ACTIONS, strict=False))
        parts = []
        for name in PANES:
            text = f"{places[name].keys[0]} {places[name].label}"
            style = "reverse bold" if name == pane else "$foreground 70%"
            parts.append(f"[{style}][@click=app.show('{name}')] {text} [/][/]")
        tabs = Content.from_markup("".join(parts))
        right = Content.from_markup(f"[$foreground 60%]{escape(subject)}[/]  [b $primary]pipeseg[/] ")
        gap = room - tabs.cell_length - right.cell_length
        self.update(Content.assemble(tabs, " " * gap, right) if gap >= 2 else tabs)


class KeyBar(Static):
    """As many keys as fit, the most particular first; help always."""

    def show(self, pane: str, room: int, *, waits: bool = False) -> None:
        help_entry = self._entry("?", "help", "Help")
        line, space = Content(""), room - help_entry.cell_length
        for action in footer_actions(pane):
            if action.name == "help":
                continue
            label = "Resume" if action.name == "pause" and waits else action.label
            entry = self._entry(readable_key(action.keys[0]), action.name, label)
            if line.cell_length + entry.cell_length > space:
                break
            line = Content.assemble(line, entry)
        self.update(Content.assemble(line, help_entry))

    @staticmethod
    def _entry(key: str, action: str, label: str) -> Content:
        shown = f"[b $primary]{escape(key)}[/] [$foreground 75%]{label}[/]"
        return Content.from_markup(f"[@click=app.{action}] {shown} [/]")
