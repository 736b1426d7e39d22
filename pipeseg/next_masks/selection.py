"""Which pictures to draw next, so that many others look like one that is drawn; pure functions of arrays."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# a network is often unsure of a picture that is odd: how unsure it is of the pictures like it counts
NEIGHBOURS = 20
# all pairs at once would be gigabytes for large sets
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen picture.

    Attributes:
        index: its place among the candidates.
        score: uncertainty around all candidates, each as far as this picture brought a drawn one nearer to it; falls
            from pick to pick.
        distance: to the nearest picture with a hand mask or chosen before, in feature space, [0, sqrt(2)].
    """

    index: int
    score: float
    distance: float


def choose(
    uncertainty: np.ndarray, features: np.ndarray, groups: Sequence[str], drawn: np.ndarray, count: int
) -> list[Pick]:
    """Choose up to `count` candidates one after another, each so that most uncertainty comes near to a drawn picture.

    The sum over candidates of uncertainty x likeness to the most alike drawn picture, in greedy steps: facility
    location, which is submodular (Wei et al. 2015, "Submodularity in data subset selection and active learning", sec.
    3), so that a gain known from before is a bound of the one now (Minoux 1978). Uncertainty is the mean over the
    candidate's nearest `NEIGHBOURS`: with few masks, hard pictures that are like no other teach less than typical ones
    do (Hacohen et al. 2022, "Active learning on a budget: opposite strategies suit high and low budgets"; measured in
    benchmarks/README.md).

    Args:
        uncertainty: float (N,), not negative.
        features: float (N, D), rows of length 1.
        groups: of each candidate; no two of one group are chosen.
        drawn: float (M, D), likewise, of the pictures that have a hand mask; M may be 0.
    """
    covered, uncertainty = likeness(features, drawn), _around(uncertainty, features)
    bounds = [uncertainty @ np.maximum(0, features @ block.T - covered[:, None]) for block in _blocks(features)]
    waiting = [(-bound, index) for index, bound in enumerate(np.concatenate(bounds).tolist())] if bounds else []
    heapq.heapify(waiting)
    taken: set[str] = set()
    picks: list[Pick] = []
    while waiting and len(picks) < count:
        _, index = heapq.heappop(waiting)
        if groups[index] in taken:
            continue
        alike = features @ features[index]
        gain = float(uncertainty @ np.maximum(0, alike - covered))
        if waiting and gain < -waiting[0][0]:
            heapq.heappush(waiting, (-gain, index))
            continue
        picks.append(Pick(index, gain, float(_distance(covered[index]))))
        taken.add(groups[index])
        covered = np.maximum(covered, alike)
    return picks


def likeness(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the cosine of each row (N, D) and the most alike of `others` (M, D), float (N,) in [0, 1]; unit rows.

    0 where there is none.
    """
    most = np.zeros(len(features))
    for block in _blocks(others):
        most = np.maximum(most, (features @ block.T).max(1))
    return np.minimum(1, most)


def distances(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each row (N, D) to the nearest of `others` (M, D), float (N,); unit rows."""
    return _distance(likeness(features, others))


def _around(values: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return the mean of `values` over each row's nearest `NEIGHBOURS`, itself among them."""
    count = min(NEIGHBOURS, len(features))
    means = [
        values[np.argpartition(block @ features.T, -count, axis=1)[:, -count:]].mean(1) for block in _blocks(features)
    ]
    return np.concatenate(means) if means else values


def _distance(cosine: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(0, 2 - 2 * cosine))


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))
