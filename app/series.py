"""Curves in memory: points in the order of their steps, with what a chart asks of them all the time."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable

# a long curve is drawn from four values (first, lowest, highest, last) of every so many points
BLOCK = 64
COARSE_FROM = 60_000


class Series:
    """One curve. A value that is not finite is a gap; it never touches the bounds.

    A resumed run writes some steps again: the later value wins and what lay after it is dropped.
    """

    def __init__(self) -> None:
        self.xs = array("d")
        self.ys = array("d")
        self.gaps = False
        self.low = math.inf
        self.high = -math.inf
        self._coarse_xs = array("d")
        self._coarse_ys = array("d")

    def __len__(self) -> int:
        return len(self.xs)

    def extend(self, points: Iterable[tuple[float, float]]) -> None:
        for x, y in points:
            self.append(x, y)

    def append(self, x: float, y: float) -> None:
        if self.xs and x <= self.xs[-1]:
            self._rewind(x)
        self.xs.append(x)
        if not math.isfinite(y):
            self.ys.append(math.nan)
            self.gaps = True
            return
        self.ys.append(y)
        if y < self.low:
            self.low = y
        if y > self.high:
            self.high = y

    def join(self, new: "Series") -> None:
        """Append a piece that was made elsewhere; costs what copying memory costs, however long it is."""
        if new.xs and self.xs and new.xs[0] <= self.xs[-1]:
            self._rewind(new.xs[0])
        self.xs.extend(new.xs)
        self.ys.extend(new.ys)
        self.gaps = self.gaps or new.gaps
        self.low, self.high = min(self.low, new.low), max(self.high, new.high)

    def _rewind(self, x: float) -> None:
        index = bisect_left(self.xs, x)
        del self.xs[index:], self.ys[index:]
        blocks = index // BLOCK * 4
        del self._coarse_xs[blocks:], self._coarse_ys[blocks:]
        finite = [y for y in self.ys if y == y]
        self.gaps = len(finite) < len(self.ys)
        self.low, self.high = min(finite, default=math.inf), max(finite, default=-math.inf)

    @property
    def last(self) -> tuple[float, float] | None:
        """The newest point that is a number."""
        for index in range(len(self.ys) - 1, -1, -1):
            if self.ys[index] == self.ys[index]:
                return self.xs[index], self.ys[index]
        return None

    @property
    def highest(self) -> tuple[float, float] | None:
        """The first point with the largest value."""
        if self.high == -math.inf:
            return None
        return self.xs[self.ys.index(self.high)], self.high

    def to_draw(self) -> tuple["array[float]", "array[float]"]:
        """Return a curve that looks the same: of a long one a sixteenth of the points, with every spike and gap."""
        if len(self) < COARSE_FROM:
            return self.xs, self.ys
        for start in range(len(self._coarse_xs) // 4 * BLOCK, len(self) - BLOCK + 1, BLOCK):
            part = self.ys[start : start + BLOCK]
            finite = part if math.isfinite(sum(part)) else [y for y in part if y == y]
            low, high = min(finite, default=math.nan), max(finite, default=math.nan)
            left, right = self.xs[start], self.xs[start + BLOCK - 1]
            self._coarse_xs.extend((left, left, right, right))
            self._coarse_ys.extend((part[0], low, high, part[-1] if len(finite) == BLOCK else math.nan))
        rest = len(self) // BLOCK * BLOCK
        return self._coarse_xs + self.xs[rest:], self._coarse_ys + self.ys[rest:]
