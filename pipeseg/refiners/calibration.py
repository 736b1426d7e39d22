"""How much of a box a defect fills: measured on hand masks, then demanded of the refined ones.

Hand masks with boxes are what this task has and most weakly supervised ones lack: the mean share of a box that people
fill is known per class. The teachers' logits are shifted until they fill as much of the boxes that nobody drew in.
"""

from dataclasses import dataclass

import numpy as np

from pipeseg.refiners.base import Calibration

# logits are counted in bins: 1024 of 0.023 each, 6e-6 to 1 - 6e-6 in probability
EDGES = np.linspace(-12.0, 12.0, 1025)
# hand boxes below which a mean fill, or a lowest fill, is a guess
FEWEST_TO_SHIFT, FEWEST_TO_JUDGE, ENOUGH_TO_JUDGE = 5, 10, 50
# a shift beyond (probability 0.018 or 0.982 as threshold) says that the teachers have learned nothing
LARGEST_SHIFT = 4.0
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
    def mean(self) -> float:
        return float(self.values.mean()) if len(self.values) else float("nan")

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


def calibrate(counts: np.ndarray, hand: HandFills, cut: float, *, leave_false_out: bool) -> tuple[Calibration, float]:
    """Return the calibration, and the mean fill of the boxes under it.

    The mean is taken over boxes, not pixels, on both sides; a box that is taken for false under a shift is no part of
    the mean under that shift. Of several shifts that reach the fill, the largest is taken: it believes the most boxes.

    Args:
        counts: int32 (boxes, 1024), see `count_logits`; at least one box.
        cut: probability from which the refiner takes a pixel for defect.
    """
    # share of each box whose logits reach an edge, (boxes, 1025)
    reached = np.zeros((len(counts), len(EDGES)), np.float32)
    reached[:, :-1] = counts[:, ::-1].cumsum(1)[:, ::-1]
    reached /= np.maximum(1, counts.sum(1, keepdims=True))
    start = float(np.log(cut / (1 - cut)))
    allowed = np.flatnonzero(np.abs(EDGES - start) <= LARGEST_SHIFT)
    lowest = hand.lowest if leave_false_out else 0.0
    reached = reached[:, allowed]
    believed = reached >= lowest
    means = (reached * believed).sum(0) / np.maximum(1, believed.sum(0))
    # from the lowest threshold, where all is filled, upwards
    below = means <= hand.mean
    place = int(below.argmax()) if below.any() else len(means) - 1
    if place and abs(means[place - 1] - hand.mean) < abs(means[place] - hand.mean):
        place -= 1
    return Calibration(start - float(EDGES[allowed[place]]), lowest), float(means[place])
