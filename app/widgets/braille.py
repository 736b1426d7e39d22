"""Curves as braille dots: a raster that works on whole columns, in plain integers.

A cell of the terminal holds 2 x 4 dots. A column of dots is one integer, so a stroke over any height is one operation;
a cell belongs to the curve that was drawn into it last, so colours never mix. Measured with five noisy curves of a
million points at 200x50: the raster takes 3.3 ms this way and 18.9 ms dot by dot. Their decimation from blocks takes
6.1 ms; numpy's reduceat over all points takes 7.1 ms, after 0.15 s of import, so numpy is not used.
"""

import codecs
from collections.abc import Callable, Iterable
from itertools import pairwise

from experiments.curves.decimation import Span

BLANK = 0x2800


def _braille(byte: int) -> str:
    """Return the cell whose left dots are the high four bits from the top, the right ones the low four."""
    bits = ((0x80, 0x01), (0x40, 0x02), (0x20, 0x04), (0x10, 0x40), (0x08, 0x08), (0x04, 0x10), (0x02, 0x20), (1, 0x80))
    return chr(BLANK + sum(dot for bit, dot in bits if byte & bit)) if byte else " "


_CELLS = "".join(map(_braille, range(256)))
_FILLED = bytes([0]) + b"\xff" * 255


class Canvas:
    """Cells of several curves, each with an owner: a number from 1 to 255, 0 where the cell is empty."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        # cells column by column from the left, within a column from the top, a byte each
        self._cells = self._owners = 0

    def curve(
        self, spans: Iterable[Span], low: float, high: float, owner: int, scale: Callable[[float], float] | None = None
    ) -> None:
        """Draw spans over the whole height.

        Args:
            low, high: what bottom and top stand for.
            scale: applied to every value first; `low` and `high` are scaled already.
        """
        self.layer(self.strokes(spans, low, high, scale), owner)

    def strokes(
        self, spans: Iterable[Span], low: float, high: float, scale: Callable[[float], float] | None = None
    ) -> list[int]:
        """Return the dots of a curve: an integer per column of dots, whose lowest bit is the lowest dot."""
        columns, top = self.width * 2, self.height * 4 - 1
        masks = [0] * columns
        powers = [1 << row for row in range(top + 2)]
        per_value = top / (high - low) if high > low else 0.0
        offset = 0.5 - low * per_value if per_value else top / 2
        before = before_row = 0
        for column, first, lowest, highest, last, joined in spans:
            if scale:
                first, lowest, highest, last = scale(first), scale(lowest), scale(highest), scale(last)
            # a value outside of [low, high] is drawn at the edge
            bottom, peak = int(lowest * per_value + offset), int(highest * per_value + offset)
            bottom = 0 if bottom < 0 else top if bottom > top else bottom
            peak = 0 if peak < 0 else top if peak > top else peak
            if joined:
                row = int(first * per_value + offset)
                row = 0 if row < 0 else top if row > top else row
                if column - before == 1:
                    # half of the way up in either column
                    if 0 < column < columns:
                        middle = (before_row + row) >> 1
                        if before_row < row:
                            masks[before] |= powers[middle + 1] - powers[before_row]
                            masks[column] |= powers[row + 1] - powers[min(middle + 1, row)]
                        elif before_row > row:
                            masks[before] |= powers[before_row + 1] - powers[min(middle + 1, before_row)]
                            masks[column] |= powers[middle + 1] - powers[row]
                else:
                    _line(masks, powers, before, before_row, column, row)
            if 0 <= column < columns:
                masks[column] |= powers[peak + 1] - powers[bottom]
            before, before_row = column, int(last * per_value + offset)
            before_row = 0 if before_row < 0 else top if before_row > top else before_row
        return masks

    def layer(self, masks: list[int], owner: int) -> None:
        """Lay the dots of a curve over what is there: a cell that it touches is its own."""
        digits = self.height
        pairs = bytearray(2 * self.width * digits)
        # a hexadecimal digit is four dots of a column: left and right digit of a cell side by side make its byte
        pairs[0::2] = "".join([f"{mask:0{digits}x}" for mask in masks[0::2]]).encode()
        pairs[1::2] = "".join([f"{mask:0{digits}x}" for mask in masks[1::2]]).encode()
        data = bytes.fromhex(pairs.decode())
        own = int.from_bytes(data.translate(_FILLED))
        self._cells = self._cells & ~own | int.from_bytes(data)
        self._owners = self._owners & ~own | int.from_bytes(data.translate(bytes([0]) + bytes([owner]) * 255))

    def rows(self) -> list[tuple[str, bytes]]:
        """Return text and owners of every row from the top, one entry a cell."""
        size, height = self.width * self.height, self.height
        cells, owners = self._cells.to_bytes(size), self._owners.to_bytes(size)
        return [
            (codecs.charmap_decode(cells[row::height], "strict", _CELLS)[0], owners[row::height])
            for row in range(height)
        ]

    def row(self, value: float, low: float, high: float) -> int:
        """Return the row of dots of a (scaled) value, counted from the top."""
        top = self.height * 4 - 1
        fraction = (value - low) / (high - low) if high > low else 0.5
        return top - int(min(1.0, max(0.0, fraction)) * top + 0.5)


def _line(masks: list[int], powers: list[int], x0: int, y0: int, x1: int, y1: int) -> None:
    """Draw a line between columns further apart; what lies outside of the masks is left out."""
    if x1 <= x0:
        return
    slope = (y1 - y0) / (x1 - x0)
    first, last = max(x0, -1), min(x1, len(masks))
    rows = [round(y0 + (column - x0) * slope) for column in range(first, last + 1)]
    for column, (row, following) in enumerate(pairwise(rows), first):
        middle = (row + following) >> 1
        if row <= following:
            here, there = powers[middle + 1] - powers[row], powers[following + 1] - powers[min(middle + 1, following)]
        else:
            here = powers[row + 1] - powers[min(middle + 1, row)]
            there = powers[middle + 1] - powers[following]
        if 0 <= column < len(masks):
            masks[column] |= here
        if 0 <= column + 1 < len(masks):
            masks[column + 1] |= there
