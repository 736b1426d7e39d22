"""What is drawn of a curve: at most one span per column of dots, however many points there are.

A span holds first, lowest, highest and last value of its column, so a spike of one step stays visible at any zoom. Long
columns are put together from blocks (see `pyramid`), so a frame costs the same from a thousand points to a million.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from experiments.curves.series import Values

# of more points a column's bounds are asked of the pyramid
MOST_BY_POINTS = 64


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
    pyramid = values.pyramid
    pyramid.grow()
    start = bisect_left(keys, borders[0], 0, count)
    end = bisect_left(keys, borders[-1], start, count)
    spans: list[Span] = []
    if column_of and start and (y := ys[start - 1]) == y:
        spans.append(Span(min(-1, round(column_of(keys[start - 1]))), y, y, y, y, False))
    level = pyramid.level_for((end - start) / (last_column + 1))
    size = 16**level
    first, last = -(-start // size), end // size
    if level:
        last = min(last, len(pyramid.lows[level - 1]))
    if not level or first >= last:
        _by_points(spans, values, keys, borders, start, end)
    else:
        # whole blocks between two ends that are looked at point by point
        _by_points(spans, values, keys, borders, start, first * size)
        _by_blocks(spans, values, keys, borders, level, first, last)
        _by_points(spans, values, keys, borders, last * size, end)
    if column_of and end < count and (y := ys[end]) == y:
        joined = bool(spans) and end > 0 and ys[end - 1] == ys[end - 1]
        spans.append(Span(max(last_column + 1, round(column_of(keys[end]))), y, y, y, y, joined))
    return spans


def _by_points(
    spans: list[Span], values: Values, keys: Sequence[float], borders: Sequence[float], index: int, end: int
) -> None:
    ys, gaps, column, last_column = values.ys, values.pyramid.gaps, -1, len(borders) - 2
    joined, reach = _leads_on(spans, ys, index), 2 * (end - index) // (last_column + 1) + 2
    while index < end:
        column += 1
        if keys[index] >= borders[column + 1]:
            column = bisect_right(borders, keys[index], column + 1, last_column + 1) - 1
        border, near = borders[column + 1], index + reach
        # steps are mostly even: the next column begins within twice its share, else anywhere
        stop = bisect_left(keys, border, index + 1, near if near < end and keys[near] >= border else end)
        first, last = ys[index], ys[stop - 1]
        if stop - index == 1:
            low = high = first
        elif stop - index > MOST_BY_POINTS or (gaps and (total := sum(ys[index:stop])) != total):
            low, high = values.pyramid.bounds(index, stop)
        else:
            part = ys[index:stop]
            low, high = min(part), max(part)
        if low <= high:
            starts, ending = first == first, last if last == last else high
            _add(spans, (column, first if starts else low, low, high, ending, joined and starts))
        joined = last == last
        index = stop


def _by_blocks(
    spans: list[Span],
    values: Values,
    keys: Sequence[float],
    borders: Sequence[float],
    level: int,
    first_block: int,
    last_block: int,
) -> None:
    """Put columns together from blocks; one belongs to the column in which it begins."""
    size, ys = 16**level, values.ys
    lows = values.pyramid.lows[level - 1][first_block:last_block]
    highs = values.pyramid.highs[level - 1][first_block:last_block]
    offset = first_block * size
    begins = keys[offset : last_block * size : size]
    firsts, lasts = ys[offset : last_block * size : size], ys[offset + size - 1 : last_block * size : size]
    cuts = [bisect_left(begins, border) for border in borders[1:-1]]
    cuts.append(len(begins))
    joined, begin, made, joins_another = _leads_on(spans, ys, offset), 0, [], bool(spans)
    for column, stop in enumerate(cuts):
        if stop > begin:
            first, last = firsts[begin], lasts[stop - 1]
            if stop - begin == 1:
                low, high = lows[begin], highs[begin]
            else:
                low, high = min(lows[begin:stop]), max(highs[begin:stop])
            if low <= high:
                starts = first == first
                span = (column, first if starts else low, low, high, last if last == last else high, joined and starts)
                if joins_another:
                    _add(spans, span)
                    joins_another = False
                else:
                    made.append(_span(Span, span))
            joined = last == last
            begin = stop
    spans += made


_span = tuple.__new__  # half the time of calling Span


def _leads_on(spans: list[Span], ys: Sequence[float], index: int) -> bool:
    """Tell whether a line leads from what is drawn to the point at `index`."""
    return bool(spans) and index > 0 and ys[index - 1] == ys[index - 1]


def _add(spans: list[Span], span: tuple) -> None:
    """Append a span; one in the column of the last is made one with it."""
    if spans and spans[-1].column == span[0]:
        before = spans.pop()
        low, high = min(before.low, span[2]), max(before.high, span[3])
        span = (before.column, before.first, low, high, span[4], before.joined)
    spans.append(_span(Span, span))
