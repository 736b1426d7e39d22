"""The log of a run: any length of it, drawn line by line, that follows its end until someone scrolls up."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.language import _
from app.messages import LogFilterLeft
from app.text import escape
from app.widgets.drawn import Drawn

if TYPE_CHECKING:
    from experiments.log_file import LogView
    from experiments.log_lines import Line

GUTTER = 2
_GLYPHS = {"warning": "!", "error": "✗"}


class RunLog(Drawn, ScrollView, can_focus=True):
    """Only the lines in view are ever read and drawn. Lines that are redrawn (progress bars) stand at the end.

    Attributes:
        view: what is shown; the App's worker keeps it up to date and says so with `grown`.
        following: whether the end stays in view.
        left: how many cells of long lines are scrolled out of view.
    """

    BINDINGS: ClassVar = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "follow", show=False),
        Binding("end", "follow", show=False),
        Binding("left", "sideways(-1)", show=False),
        Binding("right", "sideways(1)", show=False),
        Binding("escape", "everything", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"run-log--warning", "run-log--error", "run-log--note", "run-log--found"}
    DEFAULT_CSS = """
    RunLog {
        height: 1fr; min-height: 2; scrollbar-size: 1 1; overflow-x: hidden; overflow-y: auto;
        color: $foreground 80%; border-title-color: $foreground 60%; border-subtitle-color: $foreground 60%;
        & .run-log--warning { color: $warning; }
        & .run-log--error { color: $error; }
        & .run-log--note { color: $foreground 50%; }
        & .run-log--found { text-style: bold underline; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: LogView | None = None
        self.following = True
        self.left = 0
        self._count = 0
        self._live: list[Line] = []
        # the line that was at the top when the filter changed: it comes back when the filter goes
        self._wanted_top: int | None = None

    # -- what the App tells --------------------------------------------------------------------------------------

    def show(self, view: "LogView | None") -> None:
        """Show another log, from its end; None for no log."""
        self.view, self.following, self.left, self._wanted_top = view, True, 0, None
        self.grown()

    def refilter(self) -> None:
        """Another filter holds: what it lets through is shown from its end; without one, from where we were."""
        if self.view and self.view.filtered is None and self._wanted_top is not None:
            self.following = False
        self.grown()

    def about_to_filter(self) -> None:
        """Remember the line at the top, to come back to it."""
        if self.view and self._count and not self.following:
            self._wanted_top = self.view.number(min(self.scroll_offset.y, self._count - 1))

    def grown(self) -> None:
        """Something was appended, or more was looked through."""
        shown = self.view.shown if self.view else None
        self._count, self._live = (shown.count, shown.live) if shown else (0, [])
        self._set_rows(self._count + len(self._live))
        if self._wanted_top is not None and self.view and self.view.filtered is None:
            self.scroll_to(y=self._wanted_top, animate=False, immediate=True, force=True)
            self._wanted_top = None
        elif self.following:
            self.scroll_end(animate=False, immediate=True, force=True)
        self._tell_place()
        self.refresh()

    def _set_rows(self, rows: int) -> None:
        """Grow or shrink without laying the whole screen out, but for a scroll bar that comes or goes."""
        size = Size(0, rows)
        if size != self.virtual_size:
            self.set_reactive(RunLog.virtual_size, size)
            self._scroll_update(size)

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_follow(self) -> None:
        self.following = True
        self.grown()

    def action_sideways(self, direction: int) -> None:
        """Move by half a width, to read long lines."""
        step = max(1, self.size.width // 2)
        longest = max((len(self._line(y).text) for y in self._rows_in_view()), default=0)
        self.left = max(0, min(self.left + direction * step, max(0, longest - step)))
        self._tell_place()
        self.refresh()

    def action_everything(self) -> None:
        self.post_message(LogFilterLeft())

    def _on_mouse_scroll_left(self, event: object) -> None:
        self.action_sideways(-1)

    def _on_mouse_scroll_right(self, event: object) -> None:
        self.action_sideways(1)

    # -- drawing -------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.grown()

    def watch_scroll_y(self, old: float, new: float) -> None:
        super().watch_scroll_y(old, new)
        # a pane that grows is scrolled back as far as it must, and is still at its end
        self.following = new >= self.max_scroll_y
        self._tell_place()

    def _rows_in_view(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(top + self.size.height, self._count + len(self._live)))

    def _tell_place(self) -> None:
        """Say beside the rule above the log what is shown of how much."""
        view = self.view
        if view is None:
            self.border_title = self.border_subtitle = None
            return
        total = view.log.count + len(view.log.live)
        if view.filtered is None:
            parts = [_("{total} lines").format(total=f"{total:,}")]
        else:
            found, text = self._count + len(self._live), escape(view.filtered.filter.text)
            parts = [_("{found} of {total} lines").format(found=f"{found:,}", total=f"{total:,}"), f"/ [b]{text}[/b]"]
        rows = self._rows_in_view()
        if not self.following and rows:
            parts.append(_("from {first}, f follows").format(first=f"{rows[0] + 1:,}"))
        if self.left:
            parts.append(_("from column {column} →").format(column=self.left + 1))
        self.border_title = " · ".join(parts)

    def _line(self, index: int) -> "Line":
        from experiments.log_lines import Line

        try:
            if self.view and index < self._count:
                return self.view.shown.line(index)
            return self._live[index - self._count]
        except IndexError:  # taken back by a bar since the last look; the next look is on its way
            return Line("")

    def render_line(self, y: int) -> Strip:
        # without the scroll bar
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        base = self.rich_style
        if index >= self._count + len(self._live):
            text = self._note() if y == 0 else ""
            return Strip([Segment(text, self.get_component_rich_style("run-log--note"))]).adjust_cell_length(
                width, base
            )
        line = self._line(index)
        style = self.get_component_rich_style(f"run-log--{line.mark}") if line.mark else base
        glyph = ("│" if line.joined else _GLYPHS[line.mark]) if line.mark else " "
        # no character is narrower than a cell but those that take none: they are rare enough to be cut off
        text = line.text[: self.left + width]
        strip = Strip(self._segments(text, style)).crop(self.left, self.left + width - GUTTER)
        if len(line.text) > len(text) or Strip([Segment(text)]).cell_length > self.left + width - GUTTER:
            strip = Strip([*strip.crop(0, width - GUTTER - 1), Segment("…", style)])
        return Strip([Segment(f"{glyph} ", style), *strip]).adjust_cell_length(width, base)

    def _segments(self, text: str, style: Style) -> list[Segment]:
        """The text, with what the filter looks for told apart."""
        filtered = self.view.filtered if self.view else None
        if filtered is None:
            return [Segment(text, style)]
        found = style + self.get_component_rich_style("run-log--found", partial=True)
        parts, end = [], 0
        for begin, stop in filtered.filter.places(text):
            if begin >= end:
                parts += [Segment(text[end:begin], style), Segment(text[begin:stop], found)]
                end = stop
        return [*parts, Segment(text[end:], style)]

    def _note(self) -> str:
        if self._count or self._live or self.view is None:
            return ""
        return _("no line matches; Esc shows all") if self.view.filtered else _("no output yet")
