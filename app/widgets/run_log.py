"""The log of a run: a bounded tail, drawn line by line, that follows its end until someone scrolls up."""

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

MAX_LINES = 5000


class RunLog(ScrollView, can_focus=True):
    """Only the lines in view are ever drawn. The last, unfinished line (a progress bar) replaces itself."""

    BINDINGS: ClassVar = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "follow", show=False),
        Binding("end", "follow", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"run-log--warning", "run-log--error", "run-log--note"}
    DEFAULT_CSS = """
    RunLog {
        height: 1fr; min-height: 2; scrollbar-size: 1 1; overflow-x: hidden; overflow-y: auto;
        color: $foreground 80%;
        & .run-log--warning { color: $warning; }
        & .run-log--error { color: $error; }
        & .run-log--note { color: $foreground 50%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: deque[str] = deque(maxlen=MAX_LINES)
        self.pending = ""
        self.following = True

    def extend(self, lines: Iterable[str], pending: str) -> None:
        """Append finished lines; `pending` is the unfinished one, shown below them."""
        self.lines.extend(lines)
        self.pending = pending
        self._resized()

    def clear(self) -> None:
        self.lines.clear()
        self.pending = ""
        self.following = True
        self._resized()

    def action_follow(self) -> None:
        self.following = True
        self._resized()

    def _resized(self) -> None:
        self.virtual_size = Size(0, len(self.lines) + bool(self.pending))
        if self.following:
            self.scroll_end(animate=False, immediate=True, force=True)
        self.refresh()

    def on_resize(self) -> None:
        self._resized()

    def watch_scroll_y(self, old: float, new: float) -> None:
        super().watch_scroll_y(old, new)
        # a pane that grows is scrolled back as far as it must, and is still at its end
        self.following = new >= self.max_scroll_y

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.size.width
        text = self.lines[index] if index < len(self.lines) else self.pending if index == len(self.lines) else ""
        style = self.rich_style
        if not self.lines and not self.pending and y == 0:
            text, style = "no output yet", self.get_component_rich_style("run-log--note")
        elif text[:80].casefold().startswith(("error", "traceback")) or "Error:" in text[:80]:
            style = self.get_component_rich_style("run-log--error")
        elif "warning" in text[:60].casefold():
            style = self.get_component_rich_style("run-log--warning")
        if cell_len(text) > width:
            text = text[: max(0, width - 1)] + "…"
        return Strip([Segment(text, style)]).adjust_cell_length(width, self.rich_style)
