"""How much of a box a defect fills: measured on hand masks, then demanded of the refined ones.

Hand masks with boxes are what this task has and most weakly supervised ones lack: the mean share of a box that people
fill is known per class. The teachers' logits are shifted towards filling as much of the boxes that nobody drew in, as
far as that mean can be trusted: of twenty boxes it is known to a few points only, and a network that is sure of its
outlines needs a large shift for them, which moves every outline.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# logits are counted in bins: 1024 of 0.023 each, 6e-6 to 1 - 6e-6 in probability
EDGES = np.linspace(-12.0, 12.0, 1025)
# hand boxes below which a mean fill, or a lowest fill, is a guess
FEWEST_TO_SHIFT, FEWEST_TO_JUDGE, ENOUGH_TO_JUDGE = 5, 10, 50
# a shift beyond (probability 0.018 or 0.982 as threshold) says that the teachers have learned nothing
LARGEST_SHIFT = 4.0
# by how much a trained network's logits are thought to be off before any box was looked at, standard deviation; one
# logit takes a probability of 0.5 to 0.73
EXPECTED_SHIFT = 1.0
# fills that hardly differ tell no more about their mean than this
LEAST_ERROR = 0.002
LOWEST_PERCENT = 2
# a box with less of it drawn was drawn around nothing: it is false, and says nothing about how true ones are filled
EMPTY = 0.005


@dataclass(frozen=True, slots=True)
class HandFills:
    """Which share of their boxes hand masks fill.

    Attributes:
        values: float64 (n,), one per box with a defect in it.
        false: boxes with nothing drawn in them.
        origin: where the boxes come from, for people.
    """

    values: np.ndarray
    false: int
    origin: str

    @property
    def all(self) -> np.ndarray:
        """Fill of every box, those with nothing in them included, float64 (boxes,)."""
        return np.append(self.values, np.zeros(self.false))

    @property
    def mean(self) -> float:
        """Mean fill of all boxes, those with nothing in them included; NaN where there is none."""
        count = len(self.values) + self.false
        return float(self.values.sum() / count) if count else float("nan")

    @property
    def lowest(self) -> float:
        """Fill below which a box is taken for false.

        The 2nd percentile from 50 boxes on; half of the smallest from 10 on, because a percentile that far out is not
        known then; else 0, which no box is below.
        """
        count = len(self.values)
        if count < FEWEST_TO_JUDGE:
            return 0.0
        if count < ENOUGH_TO_JUDGE:
            return float(self.values.min() / 2)
        return float(np.percentile(self.values, LOWEST_PERCENT))


def count_logits(logits: np.ndarray) -> np.ndarray:
    """Return how many of a box's logits (float32, any shape) fall into each bin, int32 (1024,)."""
    step = EDGES[1] - EDGES[0]
    bins = np.clip((logits.ravel() - EDGES[0]) / step, 0, len(EDGES) - 2).astype(np.int64)
    return np.bincount(bins, minlength=len(EDGES) - 1).astype(np.int32)


class Shift(NamedTuple):
    """What is added to logits, the mean fill of the boxes under it, and the standard error of (fill - hand fill)."""

    logits: float
    fill: float
    error: float


def find_shift(counts: np.ndarray, hand: HandFills, cut: float) -> Shift:
    """Return the most likely shift, given that the boxes are filled as hand masks fill theirs.

    Two normal laws are weighed against each other: the difference of the mean fills is known with the standard error of
    two samples, and logits are off by `EXPECTED_SHIFT`. With many boxes the fills agree; with few, a shift that would
    have to be large is not made for a difference that may be chance.

    The mean is taken over boxes, not pixels, and over every box, on both sides. Without those that seem to be false it
    would be higher, because boxes whose defect the teachers miss seem so too, and calibration would make more of them.

    Args:
        counts: int32 (boxes, 1024), see `count_logits`; at least one box.
        hand: at least two boxes.
        cut: probability from which the refiner takes a pixel for defect.
    """
    # share of each box whose logits reach an edge, (boxes, 1025)
    reached = np.zeros((len(counts), len(EDGES)), np.float32)
    reached[:, :-1] = counts[:, ::-1].cumsum(1)[:, ::-1]
    reached /= np.maximum(1, counts.sum(1, keepdims=True))
    start = float(np.log(cut / (1 - cut)))
    allowed = np.flatnonzero(np.abs(EDGES - start) <= LARGEST_SHIFT)
    fills, shifts = reached.mean(0)[allowed], start - EDGES[allowed]
    unshifted = reached[:, np.abs(EDGES - start).argmin()]
    error = max(LEAST_ERROR, float(np.hypot(_error_of_mean(unshifted), _error_of_mean(hand.all))))
    place = int((((fills - hand.mean) / error) ** 2 + (shifts / EXPECTED_SHIFT) ** 2).argmin())
    return Shift(float(shifts[place]), float(fills[place]), error)


def _error_of_mean(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
