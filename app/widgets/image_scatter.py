"""One point a test picture, baseline across and final up: what lies above the diagonal has gained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from app.language import _
from app.widgets.braille import Canvas
from experiments.curves.decimation import Span

Point = tuple[float, float]
_LABEL = 6
# owners of cells, from the back to the front: what has lost is seen first
_EMPTY, _DIAGONAL, _SAME, _UP, _DOWN = range(5)
_STYLES = ("image-scatter--diagonal", "image-scatter--same", "image-scatter--up", "image-scatter--down")
_DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
# changes smaller than this are none
_NONE = 5e-4


def limits(points: Sequence[Point]) -> tuple[float, float]:
    """Return the range of both axes: whole tenths around all points."""
    values = [value for point in points for value in point if math.isfinite(value)]
    if not values:
        return 0.0, 1.0
    low, high = math.floor(10 * min(values) + 1e-9) / 10, math.ceil(10 * max(values) - 1e-9) / 10
    return (low, high) if high - low >= 0.1 else (max(0.0, high - 0.1), max(0.1, high))


def neighbour(points: Sequence[Point], index: int, across: int, up: int) -> int:
    """Return the nearest point in a direction, first among those within 45 degrees of it; `index` if there is none."""
    x, y = points[index]
    best, found = (True, math.inf), index
    for place, (other_x, other_y) in enumerate(points):
        along = (other_x - x) * across + (other_y - y) * up
        aside = abs((other_x - x) * up) + abs((other_y - y) * across)
        if along > 0 and (rank := (aside > along, along + aside)) < best:
            best, found = rank, place
    return found


class ImageScatter(Widget, can_focus=True):
    """Shows the points it is given, with one of them under the cursor; arrows go from point to point."""

    @dataclass
    class Picked(Message):
        """Another point is meant."""

        index: int

    BINDINGS: ClassVar = [Binding(key, f"go({key!r})", show=False) for key in _DIRECTIONS]
    COMPONENT_CLASSES: ClassVar = {*_STYLES, "image-scatter--label", "image-scatter--cursor"}
    DEFAULT_CSS = """
    ImageScatter {
        & .image-scatter--diagonal { color: $foreground 30%; }
        & .image-scatter--up { color: $success; }
        & .image-scatter--down { color: $error; }
        & .image-scatter--same { color: $foreground 70%; }
        & .image-scatter--label { color: $foreground 60%; }
        & .image-scatter--cursor { color: $warning; text-style: bold reverse; }
        &:focus .image-scatter--label { color: $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.points: tuple[Point, ...] = ()
        self.index = 0
        self.lower_is_better = False
        self._drawn: tuple[object, list[tuple[str, bytes]]] | None = None

    def show(self, points: Sequence[Point], index: int, *, lower_is_better: bool = False) -> None:
        self.points, self.index, self.lower_is_better = tuple(points), index, lower_is_better
        self.refresh()

    # -- the plot ------------------------------------------------------------------------------------------------

    @property
    def _area(self) -> tuple[int, int]:
        """Columns and rows of the plot itself: labels stand left of it and below."""
        return max(1, self.size.width - _LABEL), max(1, self.size.height - 1)

    def _dot(self, point: Point) -> tuple[int, int]:
        """Return the dot of a point, column and row from the bottom."""
        columns, rows = self._area
        low, high = limits(self.points)
        across, up = ((value - low) / (high - low) for value in point)
        return round(across * (2 * columns - 1)), round(up * (4 * rows - 1))

    def _rows(self) -> list[tuple[str, bytes]]:
        """Return text and owners of every row of the plot."""
        key = (self.points, self._area, self.lower_is_better)
        if self._drawn is None or self._drawn[0] != key:
            columns, rows = self._area
            canvas = Canvas(columns, rows)
            right = 2 * columns - 1
            ends = [Span(0, 0.0, 0.0, 0.0, 0.0, False), Span(right, 1.0, 1.0, 1.0, 1.0, True)]
            canvas.curve(ends, 0.0, 1.0, _DIAGONAL)
            layers = {owner: [0] * (2 * columns) for owner in (_SAME, _UP, _DOWN)}
            for point in self.points:
                x, y = self._dot(point)
                layer = layers[self._owner(point[1] - point[0])]
                # a point of two dots across and down is seen beside the line
                for column in (x, min(x + 1, right)):
                    layer[column] |= 1 << y | 1 << max(0, y - 1)
            for owner, layer in layers.items():
                canvas.layer(layer, owner)
            self._drawn = key, canvas.rows()
        return self._drawn[1]

    def _owner(self, change: float) -> int:
        if abs(change) < _NONE:
            return _SAME
        return _UP if (change > 0) != self.lower_is_better else _DOWN

    def render_line(self, y: int) -> Strip:
        width, (columns, rows) = self.size.width, self._area
        label = self.get_component_rich_style("image-scatter--label")
        low, high = limits(self.points)
        if y >= rows:
            middle = _("baseline →").center(max(0, columns - 8))
            text = f"{'':{_LABEL}}{low:<4.1f}{middle[: max(0, columns - 8)]}{high:>4.1f}"
            return Strip([Segment(text, label)]).adjust_cell_length(width, self.rich_style)
        word = f"{high:.1f}" if y == 0 else f"{low:.1f}" if y == rows - 1 else _("final") if y == rows // 2 else ""
        segments = [Segment(f"{word[: _LABEL - 1]:>{_LABEL - 1}} ", label)]
        styles = [self.rich_style, *(self.get_component_rich_style(name) for name in _STYLES)]
        cursor = self._cursor_cell()
        for column, (text, owner) in enumerate(zip(*self._rows()[y], strict=True)):
            style = styles[owner]
            if (column, y) == cursor:
                text, style = "◆", self.get_component_rich_style("image-scatter--cursor")
            segments.append(Segment(text, style))
        return Strip(segments).simplify().adjust_cell_length(width, self.rich_style)

    def _cursor_cell(self) -> tuple[int, int] | None:
        if not 0 <= self.index < len(self.points):
            return None
        x, y = self._dot(self.points[self.index])
        return x >> 1, self._area[1] - 1 - (y >> 2)

    # -- keys and mouse ------------------------------------------------------------------------------------------

    def action_go(self, key: str) -> None:
        if self.points:
            self._pick(neighbour(self.points, self.index, *_DIRECTIONS[key]))

    def on_click(self, event: Click) -> None:
        if not self.points:
            return
        x, y = 2 * (event.x - _LABEL) + 1, 4 * (self._area[1] - event.y) - 2

        def distance(index: int) -> float:
            dot = self._dot(self.points[index])
            return math.hypot(dot[0] - x, dot[1] - y)

        self._pick(min(range(len(self.points)), key=distance))

    def _pick(self, index: int) -> None:
        self.index = index
        self.refresh()
        self.post_message(self.Picked(index))
