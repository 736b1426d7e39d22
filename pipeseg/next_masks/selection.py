"""Which of the uncertain pictures to draw, so that no two of them teach the same; pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# of a picture when there is nothing to be near to: the largest distance of two unit vectors without negative parts
FARTHEST = float(np.sqrt(2))


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen picture.

    Attributes:
        index: its place among the candidates.
        score: uncertainty x distance, when it was chosen; falls from pick to pick.
        distance: to the nearest picture with a hand mask or chosen before, in feature space, [0, 2].
    """

    index: int
    score: float
    distance: float


def choose(
    uncertainty: np.ndarray, features: np.ndarray, groups: Sequence[str], drawn: np.ndarray, count: int
) -> list[Pick]:
    """Choose up to `count` candidates one after another, each the most uncertain for its distance to all before.

    Farthest-first traversal (k-center greedy: Sener & Savarese 2018, "Active learning for convolutional neural
    networks: a core-set approach", alg. 1) with distances weighted by uncertainty (He et al. 2024, "Hybrid active
    learning with uncertainty-weighted embeddings", TMLR). Equal scores go to the earlier candidate.

    Args:
        uncertainty: float (N,), not negative.
        features: float (N, D), rows of length 1.
        groups: of each candidate; no two of one group are chosen.
        drawn: float (M, D), likewise, of the pictures that have a hand mask; M may be 0.
    """
    nearest = distances(features, drawn)
    free = np.ones(len(features), bool)
    group_of = np.asarray(groups)
    picks: list[Pick] = []
    while len(picks) < count and free.any():
        score = np.where(free, uncertainty * nearest, -1.0)
        index = int(score.argmax())
        picks.append(Pick(index, float(score[index]), float(nearest[index])))
        free &= group_of != group_of[index]
        nearest = np.minimum(nearest, distances(features, features[index : index + 1]))
    return picks


def distances(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each row (N, D) to the nearest of `others` (M, D), float (N,); unit rows."""
    if not len(others):
        return np.full(len(features), FARTHEST)
    nearest = np.full(len(features), -1.0)
    # in blocks: all pairs at once would be gigabytes for large sets
    for start in range(0, len(others), 1024):
        nearest = np.maximum(nearest, (features @ others[start : start + 1024].T).max(1))
    return np.sqrt(np.maximum(0.0, 2 - 2 * nearest))
