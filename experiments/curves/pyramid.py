"""Lowest and highest of any stretch of a long list of numbers, for what a few short lists cost.

Every level holds lowest and highest of 16 entries of the level below: 1.1 doubles for each 8 numbers in all.
"""

import math
from array import array
from collections.abc import Sequence

FACTOR = 16
# a column is put together from at least so many blocks: it is then never off by more than half its width
BLOCKS_PER_COLUMN = 2


class Pyramid:
    """Follows an array that grows at its end and may be cut there.

    Attributes:
        gaps: whether the array holds NaN; where it does not, building and asking skip the tests.
    """

    def __init__(self, ys: "array[float]") -> None:
        self.ys = ys
        self.gaps = False
        self.lows: list[array[float]] = []
        self.highs: list[array[float]] = []

    def grow(self) -> None:
        """Take in what was appended to the array."""
        level, lows, highs = 0, self.ys, self.ys
        while len(lows) >= FACTOR:
            if level == len(self.lows):
                self.lows.append(array("d"))
                self.highs.append(array("d"))
            done, count = len(self.lows[level]), len(lows) // FACTOR
            if done == count:
                return
            self._build(level, lows, highs, done * FACTOR, count * FACTOR)
            lows, highs = self.lows[level], self.highs[level]
            level += 1

    def _build(self, level: int, lows: "array[float]", highs: "array[float]", start: int, stop: int) -> None:
        if level == 0 and self.gaps:
            for index in range(start, stop, FACTOR):
                low, high = _bounds(lows[index : index + FACTOR])
                self.lows[0].append(low)
                self.highs[0].append(high)
            return
        # the same iterator sixteen times: min() is called with every sixteen entries, without a line of Python
        self.lows[level].extend(map(min, *[iter(lows[start:stop])] * FACTOR))
        self.highs[level].extend(map(max, *[iter(highs[start:stop])] * FACTOR))

    def cut(self, length: int) -> None:
        """Forget what lies behind the first `length` numbers."""
        for lows, highs in zip(self.lows, self.highs, strict=True):
            length //= FACTOR
            del lows[length:], highs[length:]

    def level_for(self, count: float) -> int:
        """Return the level (0 = the numbers themselves) on which a column of `count` numbers is put together."""
        level, size = 0, FACTOR
        while level < len(self.lows) and size * BLOCKS_PER_COLUMN <= count:
            level, size = level + 1, size * FACTOR
        return level

    def bounds(self, start: int, stop: int) -> tuple[float, float]:
        """Return lowest and highest of [start, stop), exactly; (inf, -inf) where all of it is NaN or empty."""
        low, high = math.inf, -math.inf
        level, lows, highs = 0, self.ys, self.ys
        while start < stop:
            first, last = -(-start // FACTOR), stop // FACTOR
            if level < len(self.lows):
                last = min(last, len(self.lows[level]))
            if level == len(self.lows) or first >= last:
                first = last = -1
            pieces = ((start, stop),) if first < 0 else ((start, first * FACTOR), (last * FACTOR, stop))
            for begin, end in pieces:
                if begin < end:
                    if level == 0 and self.gaps:
                        lowest, highest = _bounds(lows[begin:end])
                    else:
                        lowest, highest = min(lows[begin:end]), max(highs[begin:end])
                    low, high = min(low, lowest), max(high, highest)
            if first < 0:
                break
            lows, highs = self.lows[level], self.highs[level]
            start, stop, level = first, last, level + 1
        return low, high


def _bounds(part: Sequence[float]) -> tuple[float, float]:
    finite = [y for y in part if y == y]
    return min(finite, default=math.inf), max(finite, default=-math.inf)
