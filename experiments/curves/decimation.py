"""What is drawn of a curve: at most one span per column of dots, however many points there are.

A span holds first, lowest, highest and last value of its column, so a spike of one step stays visible at any zoom. Long
columns are put together from blocks (see `pyramid`), so a frame costs the same from a thousand points to a million.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from experiments.curves.series import Values


class Span(NamedTuple):
    """What is drawn in one column of dots; `joined` tells whether a line leads here from the span before."""

    column: int
    first: float
    low: float
    high: float
    last: float
    joined: bool


def borders(left: float, right: float, columns: int) -> list[float]:
    """Return the `columns + 1` places that part so many columns; left and right are the middle of the outer ones."""
    per_column = (right - left) / (columns - 1) if columns > 1 else 0.0
    if per_column <= 0:
        per_column = 1.0
    return [left + (column - 0.5) * per_column for column in range(columns + 1)]


def decimate(
    values: Values, keys: Sequence[float], borders: Sequence[float], column_of: Callable[[float], float] | None = None
) -> list[Span]:
    """Reduce a curve to at most one span per column.

    Args:
        values: of which only the first `len(values)` of `keys` are looked at.
        keys: ascending; what `borders` (one more than columns, ascending) are compared with.
        column_of: where a key lies, counted in columns. With it the neighbours just outside are returned too, in
            columns outside, so that a line can be drawn toward them.

    Returns:
        Spans in order. NaN is not drawn, and no line leads across it.
    """
    ys, count, last_column = values.ys, len(values.ys), len(borders) - 2
    values.pyramid.grow()
    index = start = bisect_left(keys, borders[0], 0, count)
    end = bisect_left(keys, borders[-1], index, count)
    pyramid, spans, joined = values.pyramid, [], False
    if column_of and start and (y := ys[start - 1]) == y:
        spans.append(Span(min(-1, round(column_of(keys[start - 1]))), y, y, y, y, False))
        joined = True
    level = pyramid.level_for((end - start) / (last_column + 1))
    size = 16**level
    lows, highs = (pyramid.lows[level - 1], pyramid.highs[level - 1]) if level else (ys, ys)
    # blocks are whole up to here; what is outside of blocks is asked for exactly
    whole = len(lows) * size
    tests, column, reach = level == 0 and pyramid.gaps, -1, 2 * (end - start) // (last_column + 1) + 2
    while index < end:
        column += 1
        border = borders[column + 1]
        if keys[index] >= border:
            column = bisect_right(borders, keys[index], column + 1, last_column + 1) - 1
            border = borders[column + 1]
        # steps are mostly even: the next column begins within twice its share, else anywhere
        near = index + reach
        stop = bisect_left(keys, border, index + 1, near if near < end and keys[near] >= border else end)
        if level:
            stop = min(end, -(-stop // size) * size)
        if tests or index % size or stop % size or stop > whole:
            low, high = pyramid.bounds(index, stop)
        elif stop - index == 1:
            low = high = ys[index]
        else:
            low, high = min(lows[index // size : stop // size]), max(highs[index // size : stop // size])
        first, last = ys[index], ys[stop - 1]
        if low <= high:
            starts, ends = first == first, last == last
            spans.append(Span(column, first if starts else low, low, high, last if ends else high, joined and starts))
        joined = last == last
        index = stop
    if column_of and end < count and (y := ys[end]) == y:
        spans.append(Span(max(last_column + 1, round(column_of(keys[end]))), y, y, y, y, joined))
    return spans
