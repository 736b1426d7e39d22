"""One chart, drawn line by line in braille; its cost follows the width, not the number of points.

Only rows that came out different are sent to the terminal, and a crosshair that moves touches two columns and
the legend.
"""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from app.language import _
from app.widgets.chart_drawing import MIN_HEIGHT, MIN_WIDTH, Frame, draw
from app.widgets.chart_legend import legend
from app.widgets.chart_view import View
from app.widgets.drawn import Drawn
from app.widgets.plots import Plot

FAINT = 0.55
LEGEND_ROWS = 1


class Chart(Drawn, Widget):
    """Curves with axes and a legend; told what to show by its panel, tells what the mouse asks for.

    Attributes:
        drawings: how many frames were computed so far.
    """

    COMPONENT_CLASSES: ClassVar = {
        *(f"chart--{part}" for part in ("axis", "label", "title", "mark", "cursor", "ghost")),
        *(f"chart--metric{number}" for number in range(4)),
        *(f"chart--run{number}" for number in range(7)),
    }

    # the runs' colours are Okabe & Ito's, told apart by every kind of colour vision; darker on a light background
    DEFAULT_CSS = """
    Chart {
        width: 1fr; height: 1fr; min-height: 5;
        & .chart--axis { color: $foreground 22%; }
        & .chart--label { color: $foreground 60%; }
        & .chart--title { color: $foreground; text-style: bold; }
        & .chart--mark { color: $warning; text-style: bold; }
        & .chart--cursor { color: $foreground; background: $foreground 20%; }
        & .chart--ghost { color: $foreground 45%; }
        & .chart--metric0 { color: $primary; }
        & .chart--metric1 { color: $accent; }
        & .chart--metric2 { color: $success; }
        & .chart--metric3 { color: $secondary; }
        & .chart--run0 { color: #56b4e9; }
        & .chart--run1 { color: #e69f00; }
        & .chart--run2 { color: #20c092; }
        & .chart--run3 { color: #f0e442; }
        & .chart--run4 { color: #d58bb4; }
        & .chart--run5 { color: #e8702a; }
        & .chart--run6 { color: #c8ccd4; }
        &:light .chart--run0 { color: #0072b2; }
        &:light .chart--run1 { color: #a86f00; }
        &:light .chart--run2 { color: #00734f; }
        &:light .chart--run3 { color: #7a7000; }
        &:light .chart--run4 { color: #a33d78; }
        &:light .chart--run5 { color: #b84500; }
        &:light .chart--run6 { color: #404650; }
    }
    """

    class Zoomed(Message):
        """The wheel turned: `factor` below 1 comes closer; `at` is a place on the x axis."""

        def __init__(self, factor: float, at: float) -> None:
            super().__init__()
            self.factor, self.at = factor, at

    class Panned(Message):
        """Dragged by a share of the window, to later points where it is positive."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    class Pointed(Message):
        """The mouse is at a place on the x axis; None where it left."""

        def __init__(self, place: float | None, pinned: bool = False) -> None:
            super().__init__()
            self.place, self.pinned = place, pinned

    def __init__(self, group: str) -> None:
        super().__init__()
        self.plot, self.view, self.window = Plot(group, ()), View(), (0.0, 1.0)
        self.drawings = 0
        self.frame: Frame | None = None
        self._strips: list[Strip] | None = None
        self._cursor_cell: int | None = None
        self._dragged: int | None = None

    def show(self, plot: Plot, view: View, window: tuple[float, float]) -> None:
        """Draw this; the rows that differ from what is there are sent."""
        self.plot, self.view, self.window = plot, view, window
        before = self._strips
        self._strips = None
        if before is None or not self.is_on_screen or len(before) != self.size.height:
            self.refresh()
            return
        self._strips = self._draw()
        for y, (old, new) in enumerate(zip(before, self._strips, strict=False)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))
        self._move_cursor()

    def point(self) -> None:
        """Draw the crosshair where the view has it now: two columns and the legend."""
        if not self._strips:
            self.refresh()
        else:
            self._strips[0] = self._legend()
            self.refresh(Region(0, 0, self.size.width, LEGEND_ROWS))
            self._move_cursor()

    def _move_cursor(self) -> None:
        before, self._cursor_cell = self._cursor_cell, None
        if self.frame and self.view.cursor is not None:
            cell = self.frame.cell(self.view.cursor)
            self._cursor_cell = None if cell is None else cell + self.frame.gutter
        height = self.size.height - LEGEND_ROWS - 2
        for cell in {before, self._cursor_cell} - {None}:
            self.refresh(Region(cell, LEGEND_ROWS, 1, max(1, height)))

    def notify_style_update(self) -> None:
        self._strips = None
        super().notify_style_update()

    def on_resize(self) -> None:
        # rows of the size before may have been painted, and kept, since the layout changed
        self._strips = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self._draw()
            self._move_cursor()
        if y >= len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        strip, cell = self._strips[y], self._cursor_cell
        if cell is None or not LEGEND_ROWS <= y < len(self._strips) - 2 or cell >= self.size.width:
            return strip
        text = strip.crop(cell, cell + 1).text
        under = next((segment.style for segment in strip.crop(cell, cell + 1) if segment.style), Style())
        cursor = self._style("chart--cursor", False)
        crossed = Segment("│", cursor) if text in " ·" else Segment(text, under + Style(bgcolor=cursor.bgcolor))
        return Strip([*strip.crop(0, cell), crossed, *strip.crop(cell + 1)], strip.cell_length)

    # -- drawing -------------------------------------------------------------------------------------------------

    def _style(self, name: str, faint: bool) -> Style:
        style = self.get_component_rich_style(name)
        if not faint or style.color is None or style.bgcolor is None:
            return style
        ground, colour = (Color.from_rich_color(each) for each in (style.bgcolor, style.color))
        return style + Style(color=colour.blend(ground, FAINT).rich_color)

    def _strip(self, segments: list[Segment]) -> Strip:
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _legend(self) -> Strip:
        return self._strip(legend(self.plot, self.view, self.size.width, self._style))

    def _draw(self) -> list[Strip]:
        width, height = self.size
        self.frame = None
        if width < MIN_WIDTH or height < MIN_HEIGHT + LEGEND_ROWS:
            return []
        self.drawings += 1
        drawn = draw(self.plot, self.view, self.window, width, height - LEGEND_ROWS, self._style)
        if drawn is None:
            words = _("no value above 0") if self.view.log and self.plot.lines else _("no points yet")
            empty = [Segment(words, self._style("chart--label", False))]
            return [self._legend(), self._strip([]), self._strip(empty)]
        rows, self.frame = drawn
        return [self._legend(), *map(self._strip, rows)]

    # -- mouse ---------------------------------------------------------------------------------------------------

    def _place(self, event: events.MouseEvent) -> float | None:
        if self.frame is None or event.x < self.frame.gutter:
            return None
        return self.frame.place(min(event.x - self.frame.gutter, self.frame.columns - 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._zoom(event, 1 / 1.3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._zoom(event, 1.3)

    def _zoom(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        if (place := self._place(event)) is not None:
            self.post_message(self.Zoomed(factor, place))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = event.screen_x
        self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._dragged = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged is not None and self.frame and event.button:
            if moved := self._dragged - event.screen_x:
                self._dragged = event.screen_x
                self.post_message(self.Panned(moved / self.frame.columns))
        elif (place := self._place(event)) is not None:
            self.post_message(self.Pointed(place))

    def on_click(self, event: events.Click) -> None:
        if (place := self._place(event)) is not None:
            self.post_message(self.Pointed(place, pinned=True))

    def on_leave(self) -> None:
        self.post_message(self.Pointed(None))
