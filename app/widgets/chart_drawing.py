"""A chart as rows of coloured text: axes, curves, glyphs. Pure: the same lines and window make the same rows."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style

from app.language import _
from app.widgets import axes
from app.widgets.braille import Canvas
from app.widgets.chart_view import View
from app.widgets.plots import BEST, Line, Plot
from experiments.curves.axis import Axis
from experiments.curves.decimation import Span, borders, decimate
from experiments.curves.series import Positive, Series, Values

_RUNS = re.compile(rb"(.)\1*", re.DOTALL)
CELLS_PER_GLYPH = 25
MIN_WIDTH, MIN_HEIGHT = 12, 4

Bounds = tuple[float, float]
Mark = tuple[int, int, str, Style]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things are in a drawn chart.

    Attributes:
        gutter: cells left of the first column of the canvas.
        columns: width of the canvas in cells.
        left, right: what its first and last dot stand for, in the unit of the axis.
    """

    gutter: int
    columns: int
    left: float
    right: float

    def place(self, cell: float) -> float:
        """Return what a cell, counted from the left of the canvas, stands for."""
        share = (cell * 2 + 0.5) / max(1, self.columns * 2 - 1)
        return self.left + share * (self.right - self.left)

    def cell(self, place: float) -> int | None:
        """Return the cell of a place, None where it is out of view."""
        if not self.left <= place <= self.right or self.right <= self.left:
            return 0 if place == self.left else None
        return round((place - self.left) / (self.right - self.left) * (self.columns * 2 - 1)) // 2


def drawn_values(series: Series, view: View) -> tuple[Values, Values | None]:
    """Return what is drawn of a series: raw, and smoothed if that is wanted; only as far as they are computed."""
    raw: Values = series.positive() if view.log else series
    if not view.weight:
        return raw, None
    smoothed = series.smoothed(view.weight)
    return raw, smoothed.positive() if view.log else smoothed


def prepare(series: Series, view: View, limit: int | None = None) -> int:
    """Compute what `drawn_values` needs, for at most `limit` points; return how many points are still waiting."""
    waiting = 0
    for derived in drawn_values(series, view):
        if isinstance(derived, Positive) and derived.source is not series:
            derived.source.catch_up(limit)
        if derived is not None and derived is not series:
            derived.catch_up(limit)
            waiting = max(waiting, len(series) - len(derived))
    return waiting


def draw(
    plot: Plot, view: View, window: Bounds, width: int, height: int, style: Callable[[str, bool], Style]
) -> tuple[list[list[Segment]], Frame] | None:
    """Draw canvas and axes, without the legend.

    Args:
        window: left and right end, in the unit of the axis.
        width, height: cells, of which two rows are the x axis.
        style: returns the style of a component class, made faint or not.

    Returns:
        The rows and the frame, None where no point can be drawn.
    """
    left, right = window
    limits = _value_bounds(plot, view, window)
    if limits is None:
        return None
    low, high = limits
    rows = height - 2
    count = max(1, rows // 3)
    labels = axes.log_labelled(low, high, count) if view.log else axes.labelled(low, high, count)
    gutter = max((len(text) for _, text in labels), default=1)
    columns = width - gutter - 1
    frame = Frame(gutter + 1, columns, left, right)

    canvas, styles, marks = Canvas(columns, rows), [style("chart--axis", False)], []
    scale = math.log10 if view.log else None
    even, bounds = borders(left, right, columns * 2), {}
    for index, line in enumerate(plot.lines):
        if line.axis not in bounds:
            bounds[line.axis] = [line.axis.key(place) for place in even]
        raw, smoothed = drawn_values(line.series, view)
        for values, faint in ((raw, line.faint or smoothed is not None), (smoothed, line.faint)):
            if values is not None:
                spans = decimate(values, line.axis.keys(line.series), bounds[line.axis], _column_of(line.axis, frame))
                canvas.curve(spans, low, high, len(styles), scale)
                styles.append(style(line.style, faint))
        visible = [span for span in spans if 0 <= span.column < columns * 2]
        marks += _glyphs(line, visible, canvas, (low, high), scale, index, styles[-1])
        if line.best and (best := line.series.best) is not None:
            place, value = line.axis.place(line.axis.keys(line.series)[best]), line.series.ys[best]
            if (cell := frame.cell(place)) is not None and (value > 0 or not view.log):
                row = canvas.row(scale(value) if scale else value, low, high) // 4
                marks.append((cell, row, BEST, style("chart--mark", False)))

    axis, text = style("chart--axis", False), style("chart--label", False)
    ticks = {canvas.row(value, low, high) // 4: label for value, label in labels}
    grid = "   ·" * (columns // 4 + 1)
    drawn = []
    for row, (cells, owners) in enumerate(canvas.rows()):
        label = ticks.get(row)
        segments = [Segment(f"{label or '':>{gutter}}", text), Segment("┤" if label else "│", axis)]
        here = [mark for mark in marks if mark[1] == row]
        drawn.append(segments + _segments(cells, owners, styles, grid if label else None, here))
    return [*drawn, *_x_axis(view.axis, frame, axis, text)], frame


def _segments(
    cells: str, owners: bytes, styles: Sequence[Style], grid: str | None, marks: Sequence[Mark]
) -> Iterable[Segment]:
    """Join neighbours of one style: fewer bytes to the terminal, and a fraction of the time."""
    if marks:
        # the later mark wins, as the later curve does
        letters, owned, styles = list(cells), bytearray(owners), list(styles)
        for cell, _row, glyph, style in marks:
            letters[cell], owned[cell] = glyph, len(styles)
            styles.append(style)
        cells, owners = "".join(letters), bytes(owned)
    segments = []
    for run in _RUNS.finditer(owners):
        start, stop = run.span()
        owner = owners[start]
        text = cells[start:stop] if owner or not grid else grid[start:stop]
        segments.append(Segment(text, styles[owner]))
    return segments


def _column_of(axis: Axis, frame: Frame) -> Callable[[float], float]:
    per_place = (frame.columns * 2 - 1) / (frame.right - frame.left) if frame.right > frame.left else 0.0
    return lambda key: (axis.place(key) - frame.left) * per_place


def _value_bounds(plot: Plot, view: View, window: Bounds) -> Bounds | None:
    """Return what bottom and top of the canvas stand for: what is in view, neighbours just outside included."""
    low, high = math.inf, -math.inf
    for line in plot.lines:
        keys = line.axis.keys(line.series)
        start = line.series.nearest(line.axis.key(window[0]), keys)
        stop = line.series.nearest(line.axis.key(window[1]), keys)
        if start is None or stop is None:
            continue
        for values in drawn_values(line.series, view):
            if values is not None:
                lowest, highest = values.bounds(start - 1, stop + 2)
                low, high = min(low, lowest), max(high, highest)
    if low > high:
        return None
    if view.log:
        low, high = math.log10(low), math.log10(high)
        margin = (high - low) * 0.05 or 0.1
        return low - margin, high + margin
    low, high = axes.widen(low, high)
    if plot.ceiling is not None and low < plot.ceiling:
        high = max(min(high, plot.ceiling), low + 1e-6)
    return low, high


def _glyphs(
    line: Line,
    spans: Sequence[Span],
    canvas: Canvas,
    limits: Bounds,
    scale: Callable[[float], float] | None,
    index: int,
    style: Style,
) -> Iterable[Mark]:
    """Yield a line's glyph at its newest point in view and, where there are others like it, along the line."""
    if not spans:
        return
    chosen = [spans[-1]]
    if line.dotted:
        # shifted from line to line, so that glyphs do not hide each other
        count = max(1, canvas.width // CELLS_PER_GLYPH)
        for number in range(count):
            share = (number + (index * 0.37 + 0.25) % 1) / count
            chosen.append(spans[int(share * (len(spans) - 1))])
    for span in chosen:
        value = scale(span.last) if scale else span.last
        if value == value:
            yield span.column // 2, canvas.row(value, *limits) // 4, line.glyph, style


def _x_axis(kind: str, frame: Frame, axis: Style, text: Style) -> list[list[Segment]]:
    columns, left, right = frame.columns, frame.left, frame.right
    rule, words = ["─"] * columns, [" "] * columns
    free = 0
    if right > left:
        label_ticks = axes.time_labelled if kind == "time" else axes.labelled
        for value, label in label_ticks(left, right, max(1, columns // 14)):
            column = frame.cell(value)
            if column is None or len(label) > columns:
                continue
            start = min(max(0, column - len(label) // 2), columns - len(label))
            if start >= free:
                rule[column] = "┴"
                words[start : start + len(label)] = label
                free = start + len(label) + 1
    unit = {"step": _("step"), "epoch": _("epoch"), "time": _("time")}[kind]
    if columns - free > len(unit):
        words[columns - len(unit) :] = unit
    gutter = frame.gutter - 1
    return [
        [Segment(f"{'':>{gutter}}└{''.join(rule)}", axis)],
        [Segment(f"{'':>{gutter + 1}}{''.join(words)}", text)],
    ]
