"""How much of a box a defect fills: measured on hand masks, then demanded of the refined ones.

Hand masks with boxes are what this task has and most weakly supervised ones lack: the mean share of a box that people
fill is known per class. The teachers' logits are shifted until they fill as much of the boxes that nobody drew in.
"""

from dataclasses import dataclass

import numpy as np

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


def find_shift(counts: np.ndarray, hand: HandFills, cut: float) -> tuple[float, float]:
    """Return the shift of the logits, and the mean fill of the boxes under it.

    The mean is taken over boxes, not pixels, and over every box, on both sides. Without those that seem to be false it
    would be higher, because boxes whose defect the teachers miss seem so too, and calibration would make more of them.

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
    means = reached.mean(0)[allowed]
    place = int(np.abs(means - hand.mean).argmin())
    return start - float(EDGES[allowed[place]]), float(means[place])
