"""Where a point lies from left to right: its step, its epoch, or how long after the start it was written.

All three rise with the index of the point. So a chart translates the borders of its columns into steps or times once,
and finds the points between them by bisection, whichever axis it draws.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass

from experiments.curves.series import Series

KINDS = ("step", "epoch", "time")


class Epochs:
    """Which step ended which epoch; between two ends an epoch passes evenly, so that 2.5 is the middle of the third."""

    def __init__(self) -> None:
        self.steps = array("d")
        self.epochs = array("d")

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: float, epoch: float) -> None:
        """Take in that `epoch` was at work at `step`; a resumed run may go back."""
        while self.epochs and self.epochs[-1] > epoch and self.steps[-1] >= step:
            del self.epochs[-1], self.steps[-1]
        if self.epochs and self.epochs[-1] == epoch:
            self.steps[-1] = step
        elif not self.epochs or (epoch > self.epochs[-1] and step >= self.steps[-1]):
            if self.steps and step == self.steps[-1]:
                step += 1e-9  # two epochs that end at one step would have no width
            self.epochs.append(epoch)
            self.steps.append(step)

    def join(self, new: "Epochs") -> None:
        for step, epoch in zip(new.steps, new.epochs, strict=True):
            self.add(step, epoch)

    def _piece(self, index: int) -> tuple[float, float, float, float]:
        """Return first and last step, first and last epoch of the piece that ends at knot `index`."""
        steps, epochs = self.steps, self.epochs
        index = min(index, len(steps) - 1)
        end, last = steps[index], epochs[index]
        start = steps[index - 1] if index else min(0.0, end - 1)
        first = epochs[index - 1] if index else last - 1
        if index and index == len(steps) - 1:
            # the epoch at work is taken to be as long as the one before it
            before = steps[index - 2] if index > 1 else 0.0
            end = max(end, start + (start - before) * (last - first))
        return start, end, first, last

    def place(self, step: float) -> float:
        """Return the epoch, with its fraction, of a step."""
        start, end, first, last = self._piece(bisect_left(self.steps, step))
        return first + (step - start) / (end - start) * (last - first)

    def step(self, place: float) -> float:
        """Return the step of an epoch with its fraction."""
        start, end, first, last = self._piece(bisect_left(self.epochs, place))
        return start + (place - first) / (last - first) * (end - start)


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of one run. A key is what a series is ordered by (step or unix time), a place what the axis shows.

    Args:
        start: unix seconds at which the run began.
    """

    kind: str = "step"
    epochs: Epochs | None = None
    start: float = 0.0

    def keys(self, series: Series) -> "array[float]":
        return series.times if self.kind == "time" else series.xs

    def place(self, key: float) -> float:
        if self.kind == "time":
            return key - self.start
        return self.epochs.place(key) if self.kind == "epoch" and self.epochs else key

    def key(self, place: float) -> float:
        if self.kind == "time":
            return place + self.start
        return self.epochs.step(place) if self.kind == "epoch" and self.epochs else place
