"""Curves: points in the order of their steps, and what is derived from them point by point."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from experiments.curves.pyramid import Pyramid

# below this the bias of a running mean that began at zero is beneath the last digit of a double
_NO_BIAS = 1e-17


class Values:
    """Numbers in order; NaN is a gap. Each knows lowest and highest of any stretch."""

    def __init__(self) -> None:
        self.ys = array("d")
        self.pyramid = Pyramid(self.ys)

    def __len__(self) -> int:
        return len(self.ys)

    def bounds(self, start: int = 0, stop: int | None = None) -> tuple[float, float]:
        """Return lowest and highest of [start, stop); (inf, -inf) where there is no number."""
        self.pyramid.grow()
        return self.pyramid.bounds(max(0, start), len(self.ys) if stop is None else min(stop, len(self.ys)))

    def cut(self, length: int) -> None:
        """Keep the first `length` numbers."""
        del self.ys[length:]
        self.pyramid.cut(length)


class Series(Values):
    """One curve: steps, values, and when each was written (unix seconds, never falling). 24 bytes a point.

    A value that is not finite is a gap. A resumed run writes some steps again: the later value wins and what lay after
    it is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.xs = array("d")
        self.times = array("d")
        self._best = -1
        self._smoothed: Smoothed | None = None
        self._positive: Positive | None = None

    @property
    def gaps(self) -> bool:
        return self.pyramid.gaps

    @property
    def low(self) -> float:
        return self.bounds()[0]

    @property
    def high(self) -> float:
        return self.bounds()[1]

    def extend(self, points: Iterable[tuple[float, float]]) -> None:
        for x, y in points:
            self.append(x, y)

    def append(self, x: float, y: float, time: float = 0.0) -> None:
        if self.xs:
            if x <= self.xs[-1]:
                self._rewind(x)
            if self.times and time < self.times[-1]:  # a clock that was set back
                time = self.times[-1]
        self.xs.append(x)
        self.times.append(time)
        if math.isfinite(y):
            if self._best < 0 or y > self.ys[self._best]:
                self._best = len(self.ys)
            self.ys.append(y)
        else:
            self.ys.append(math.nan)
            self.pyramid.gaps = True

    def join(self, new: "Series") -> None:
        """Append a piece that was made elsewhere; costs what copying memory costs, however long it is."""
        if not new.xs:
            return
        if self.xs and new.xs[0] <= self.xs[-1]:
            self._rewind(new.xs[0])
        if new._best >= 0 and (self._best < 0 or new.ys[new._best] > self.ys[self._best]):
            self._best = len(self.ys) + new._best
        self.xs.extend(new.xs)
        self.ys.extend(new.ys)
        behind = bool(self.times) and new.times[0] < self.times[-1]
        self.times.extend(map(max, new.times, [self.times[-1]] * len(new)) if behind else new.times)
        self.pyramid.gaps = self.pyramid.gaps or new.gaps

    def _rewind(self, x: float) -> None:
        index = bisect_left(self.xs, x)
        del self.xs[index:], self.times[index:]
        self.cut(index)
        for derived in (self._smoothed, self._positive):
            if derived:
                derived.cut(index)
        if self._best >= index:
            high = self.bounds()[1]
            self._best = self.ys.index(high) if high > -math.inf else -1

    @property
    def last(self) -> tuple[float, float] | None:
        """The newest point that is a number."""
        for index in range(len(self.ys) - 1, -1, -1):
            if self.ys[index] == self.ys[index]:
                return self.xs[index], self.ys[index]
        return None

    @property
    def best(self) -> int | None:
        """Index of the first point with the largest value."""
        return self._best if self._best >= 0 else None

    def nearest(self, key: float, keys: "array[float]") -> int | None:
        """Return the index of the point (gap or not) that is nearest to `key`; `keys` are `xs` or `times`."""
        if not keys:
            return None
        index = bisect_left(keys, key)
        if index == len(keys) or (index and key - keys[index - 1] <= keys[index] - key):
            return index - 1
        return index

    def smoothed(self, weight: float) -> "Smoothed":
        """Return the smoothed curve; it is kept while the weight stays the same. Call `catch_up` before drawing."""
        if self._smoothed is None or self._smoothed.weight != weight:
            self._smoothed = Smoothed(self, weight)
        return self._smoothed

    def positive(self) -> "Positive":
        """Return the curve with gaps for what a logarithm cannot show. Call `catch_up` before drawing."""
        self._positive = self._positive or Positive(self)
        return self._positive

    def drop_derived(self, *, smoothed: bool = False, positive: bool = False) -> None:
        """Give back the memory of what is no longer drawn."""
        if smoothed:
            self._smoothed = None
        if positive:
            self._positive = None


class Smoothed(Values):
    """TensorBoard's exponential moving average, with its bias toward the first zero taken out.

    s_n = w s_{n-1} + (1 - w) y_n, s_0 = 0, drawn as s_n / (1 - w^n): n counts numbers. A gap stays a gap, and the
    average goes on behind it.
    """

    def __init__(self, source: Series, weight: float) -> None:
        super().__init__()
        self.source, self.weight = source, weight
        self._state, self._count = 0.0, 0
        self._positive: Positive | None = None

    def catch_up(self, limit: int | None = None) -> int:
        """Smooth at most `limit` of the new points; return how many are still waiting."""
        ys, done, weight = self.source.ys, len(self.ys), self.weight
        stop = len(ys) if limit is None else min(len(ys), done + limit)
        self.pyramid.gaps = self.source.gaps
        while done < stop and (bias := weight**self._count) > _NO_BIAS:
            y = ys[done]
            if y == y:
                self._state = weight * self._state + (1 - weight) * y
                self._count += 1
                y = self._state / (1 - bias * weight)
            self.ys.append(y)
            done += 1
        rest = ys[done:stop]
        if not rest:
            return len(ys) - stop
        gain = 1 - weight
        if self.source.gaps and sum(rest) != sum(rest):
            state = self._state
            for y in rest:
                if y == y:
                    state = weight * state + gain * y
                self.ys.append(state if y == y else y)
            self._state = state
        else:
            averaged = accumulate(rest, lambda state, y: weight * state + gain * y, initial=self._state)
            next(averaged)
            self.ys.extend(averaged)
            self._state = self.ys[-1]
        self._count += len(rest)
        return len(ys) - stop

    def cut(self, length: int) -> None:
        super().cut(length)
        # the average behind the last number is in the curve itself
        self._count = sum(y == y for y in self.ys)
        last = next((y for y in reversed(self.ys) if y == y), 0.0)
        self._state = last * (1 - self.weight**self._count)
        if self._positive:
            self._positive.cut(length)

    def positive(self) -> "Positive":
        """See `Series.positive`."""
        self._positive = self._positive or Positive(self)
        return self._positive


class Positive(Values):
    """What a logarithmic axis can show: values of zero and below are gaps.

    Attributes:
        dropped: how many numbers became gaps.
    """

    def __init__(self, source: Values) -> None:
        super().__init__()
        self.source = source
        self.dropped = 0

    def catch_up(self, limit: int | None = None) -> int:
        """Take at most `limit` of the new points; return how many are still waiting."""
        source, done = self.source.ys, len(self.ys)
        stop = len(source) if limit is None else min(len(source), done + limit)
        part = source[done:stop]
        if part:
            low, _ = self.source.bounds(done, stop)
            self.dropped += sum(y <= 0 for y in part) if low <= 0 else 0
            self.pyramid.gaps = self.source.pyramid.gaps or bool(self.dropped)
            self.ys.extend([y if y > 0 else math.nan for y in part] if low <= 0 else part)
        return len(source) - stop

    def cut(self, length: int) -> None:
        """The source is cut before this."""
        super().cut(length)
        self.dropped = sum(y <= 0 for y in self.source.ys[: len(self.ys)]) if self.dropped else 0
