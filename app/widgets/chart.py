"""A chart of a few curves over training steps, drawn line by line in braille.

Redrawn only when there is new data or another size; the cost of a frame follows the width, not the number of points.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from app.series import Series
from app.text import quantity
from app.widgets import axes
from app.widgets.braille import Canvas, decimate

_GLYPHS = "●◆▲■"
_COLOURS = ("chart--first", "chart--second", "chart--third", "chart--fourth")
_BEST = "★"


@dataclass(frozen=True, slots=True)
class Curve:
    """Which metric is drawn, and what the legend calls it."""

    metric: str
    label: str


class Chart(Widget):
    """Curves with axes, a legend with the latest values, and the best point of one of them.

    Args:
        best_of: metric whose highest point is marked with a star.
        ceiling: the values never exceed it (1.0 for scores); the axis does not either.
    """

    COMPONENT_CLASSES: ClassVar = {"chart--axis", "chart--label", "chart--title", "chart--mark", *_COLOURS}

    DEFAULT_CSS = """
    Chart {
        height: 1fr; min-height: 5;
        & .chart--axis { color: $foreground 22%; }
        & .chart--label { color: $foreground 60%; }
        & .chart--title { color: $foreground; text-style: bold; }
        & .chart--mark { color: $warning; text-style: bold; }
        & .chart--first { color: $primary; }
        & .chart--second { color: $accent; }
        & .chart--third { color: $success; }
        & .chart--fourth { color: $secondary; }
    }
    """

    def __init__(
        self,
        title: str,
        curves: Iterable[Curve],
        *,
        best_of: str | None = None,
        ceiling: float | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.title = title
        self.curves = tuple(curves)
        self.best_of, self.ceiling = best_of, ceiling
        self.series = {curve.metric: Series() for curve in self.curves}
        self._strips: list[Strip] | None = None

    def extend(self, points: Mapping[str, Series]) -> None:
        """Append pieces of curves by metric; metrics that the chart does not draw are passed over."""
        changed = False
        for metric, series in self.series.items():
            if new := points.get(metric):
                series.join(new)
                changed = True
        if changed:
            self._redraw()

    def clear(self) -> None:
        self.series = {curve.metric: Series() for curve in self.curves}
        self._redraw()

    def _redraw(self) -> None:
        self._strips = None
        self.refresh()

    def notify_style_update(self) -> None:
        self._strips = None
        super().notify_style_update()

    def on_resize(self) -> None:
        self._strips = None

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self._draw()
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    # -- drawing -------------------------------------------------------------------------------------------------

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        if width < 12 or height < 4:
            return []
        filled = [series for series in self.series.values() if series.low <= series.high]
        if not filled:
            empty = [Segment("no points yet", self._style("chart--label"))]
            return [self._strip(self._legend(width)), self._strip([]), self._strip(empty)]
        low, high = axes.widen(min(series.low for series in filled), max(series.high for series in filled))
        if self.ceiling is not None:
            high = max(min(high, self.ceiling), low + 1e-6)
        left = min(series.xs[0] for series in filled)
        right = max(series.xs[-1] for series in filled)

        rows = height - 3
        y_step = axes.step_size(low, high, max(1, rows // 3))
        labels = {value: axes.label(value, y_step) for value in axes.ticks(low, high, max(1, rows // 3))}
        gutter = max((len(text) for text in labels.values()), default=1)
        columns = width - gutter - 1

        canvas = Canvas(columns, rows)
        for owner, series in enumerate(self.series.values()):
            canvas.curve(decimate(*series.to_draw(), left, right, columns * 2), low, high, owner)
        marks = self._marks(canvas, left, right, low, high)
        tick_rows = {canvas.row(value, low, high) // 4: text for value, text in labels.items()}

        axis, text_style = self._style("chart--axis"), self._style("chart--label")
        colours = [self._style(name) for name in _COLOURS]
        strips = [self._strip(self._legend(width))]
        for row in range(rows):
            label = tick_rows.get(row)
            gutter_segments = [Segment(f"{label or '':>{gutter}}", text_style), Segment("┤" if label else "│", axis)]
            cells = [
                marks.get((column, row))
                or (
                    (canvas.character(column, row), colours[owner])
                    if (owner := canvas.owners[row][column]) is not None
                    else ("·" if label and column % 4 == 3 else " ", axis)
                )
                for column in range(columns)
            ]
            # neighbours of one style are one segment: fewer bytes to the terminal, and a fraction of the time
            runs = groupby(cells, key=itemgetter(1))
            segments = [Segment("".join(text for text, _ in run), style) for style, run in runs]
            strips.append(self._strip([*gutter_segments, *segments]))
        return [*strips, *self._x_axis(left, right, gutter, columns)]

    def _strip(self, segments: list[Segment]) -> Strip:
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _marks(
        self, canvas: Canvas, left: float, right: float, low: float, high: float
    ) -> dict[tuple[int, int], tuple[str, Style]]:
        """Glyphs over the dots: the newest point of every curve (they differ without colour), and the best point."""
        marks = {}

        def put(point: tuple[float, float] | None, glyph: str, style: Style) -> None:
            if point:
                fraction = (point[0] - left) / (right - left) if right > left else 0
                marks[round(fraction * (canvas.width * 2 - 1)) // 2, canvas.row(point[1], low, high) // 4] = (
                    glyph,
                    style,
                )

        for index, series in enumerate(self.series.values()):
            put(series.last, _GLYPHS[index % 4], self._style(_COLOURS[index % 4]))
        if self.best_of:
            put(self.series[self.best_of].highest, _BEST, self._style("chart--mark"))
        return marks

    def _legend(self, width: int) -> list[Segment]:
        title, label = self._style("chart--title"), self._style("chart--label")
        entries: list[list[Segment]] = [[Segment(self.title, title)]]
        for index, curve in enumerate(self.curves):
            if last := self.series[curve.metric].last:
                glyph, style = _GLYPHS[index % 4], self._style(_COLOURS[index % 4])
                entries.append(
                    [
                        Segment(f"  {glyph} ", style),
                        Segment(f"{curve.label} ", label),
                        Segment(quantity(last[1]), style),
                    ]
                )
        if self.best_of and (best := self.series[self.best_of].highest):
            entries.append(
                [
                    Segment(f"  {_BEST} ", self._style("chart--mark")),
                    Segment("best ", label),
                    Segment(f"{best[1]:.3f}", self._style("chart--mark")),
                    Segment(f" @ {best[0]:g}", label),
                ]
            )
        segments: list[Segment] = []
        for entry in entries:
            if sum(cell_len(segment.text) for segment in segments + entry) > width:
                break
            segments += entry
        return segments

    def _x_axis(self, left: float, right: float, gutter: int, columns: int) -> list[Strip]:
        axis, text_style = self._style("chart--axis"), self._style("chart--label")
        rule, text = ["─"] * columns, [" "] * columns
        step = axes.step_size(left, right, max(1, columns // 14))
        free = 0
        if right > left:
            for value in axes.ticks(left, right, max(1, columns // 14)):
                column = round((value - left) / (right - left) * (columns * 2 - 1)) // 2
                label = axes.label(value, step)
                start = min(max(0, column - len(label) // 2), columns - len(label))
                if start >= free:
                    rule[column] = "┴"
                    text[start : start + len(label)] = label
                    free = start + len(label) + 1
        unit = "step"
        if columns - free > len(unit):
            text[columns - len(unit) :] = unit
        return [
            self._strip([Segment(f"{'':>{gutter}}└{''.join(rule)}", axis)]),
            self._strip([Segment(f"{'':>{gutter + 1}}{''.join(text)}", text_style)]),
        ]
