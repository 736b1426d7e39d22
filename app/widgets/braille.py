"""Curves as braille dots: decimation and raster, pure functions over plain sequences.

A cell of the terminal holds 2 x 4 dots. However many points a curve has, a column of dots is drawn from four of their
values (first, lowest, highest, last), so that a spike of one step stays visible and the cost follows the width.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# bit of a dot by [row][column] within its cell, see Unicode block U+2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800


class Span(NamedTuple):
    """What is drawn in one column of dots; `joined` tells whether a line leads here from the span before."""

    column: int
    first: float
    low: float
    high: float
    last: float
    joined: bool


def decimate(xs: Sequence[float], ys: Sequence[float], left: float, right: float, columns: int) -> Iterator[Span]:
    """Reduce a curve with ascending `xs` to at most one span per column of dots over [left, right].

    NaN in `ys` is a gap: it is not drawn, and no line leads across it.
    """
    if columns < 1 or not xs:
        return
    per_x = (columns - 1) / (right - left) if right > left else 0.0
    index, end, joined = bisect_left(xs, left), len(xs), False
    while index < end and xs[index] <= right:
        column = round((xs[index] - left) * per_x)
        # the first point that belongs to the next column; at least one point is taken
        stop = end if not per_x else max(index + 1, bisect_left(xs, left + (column + 0.5) / per_x, index, end))
        part = ys[index:stop]
        low, high = min(part), max(part)
        if math.isfinite(sum(part)):
            yield Span(column, part[0], low, high, part[-1], joined)
            joined = True
        else:
            finite = [y for y in part if y == y]
            if finite:
                yield Span(column, finite[0], min(finite), max(finite), finite[-1], joined and part[0] == part[0])
            joined = part[-1] == part[-1]
        index = stop


class Canvas:
    """Dots of several curves; a cell belongs to the curve that was drawn into it last, so colours never mix."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.bits = [bytearray(width) for _ in range(height)]
        self.owners: list[list[int | None]] = [[None] * width for _ in range(height)]

    def dot(self, x: int, y: int, owner: int) -> None:
        """Set the dot at column `x`, row `y` (from the top), counted in dots; outside is ignored."""
        column, row = x >> 1, y >> 2
        if not (0 <= column < self.width and 0 <= row < self.height):
            return
        if self.owners[row][column] != owner:
            self.owners[row][column] = owner
            self.bits[row][column] = 0
        self.bits[row][column] |= _BITS[y & 3][x & 1]

    def line(self, x0: int, y0: int, x1: int, y1: int, owner: int) -> None:
        """Bresenham's line, both ends included."""
        dx, dy = abs(x1 - x0), -abs(y1 - y0)
        step_x, step_y = (1 if x0 < x1 else -1), (1 if y0 < y1 else -1)
        error = dx + dy
        while True:
            self.dot(x0, y0, owner)
            if x0 == x1 and y0 == y1:
                return
            doubled = 2 * error
            if doubled >= dy:
                error += dy
                x0 += step_x
            if doubled <= dx:
                error += dx
                y0 += step_y

    def curve(self, spans: Iterator[Span], low: float, high: float, owner: int) -> None:
        """Draw spans with the values [low, high] over the height of the canvas."""
        previous: tuple[int, int] | None = None
        for span in spans:
            first, bottom, top, last = (
                self.row(value, low, high) for value in (span.first, span.low, span.high, span.last)
            )
            if previous and span.joined:
                self.line(*previous, span.column, first, owner)
            for y in range(top, bottom + 1):
                self.dot(span.column, y, owner)
            previous = span.column, last

    def row(self, value: float, low: float, high: float) -> int:
        """Return the row of dots of `value`, counted from the top."""
        rows = self.height * 4 - 1
        fraction = (value - low) / (high - low) if high > low else 0.5
        return rows - round(min(1.0, max(0.0, fraction)) * rows)

    def character(self, column: int, row: int) -> str:
        bits = self.bits[row][column]
        return chr(BLANK + bits) if bits else " "
