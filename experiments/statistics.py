"""Is the difference real? Paired statistics over test images that come in groups of near-duplicates. numpy only.

The sign-flip test is our own: `scipy.stats.permutation_test(permutation_type="samples")` draws the same null, but sorts
random numbers to do so, and importing scipy.stats costs more than the whole comparison. A test holds the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
LEVEL = 0.95
# up to here all 2**groups sign patterns are counted, beyond they are drawn
EXACT_GROUPS = 13
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Mean paired difference (unit of the input) with its evidence.

    Attributes:
        ci_low, ci_high: 95 % cluster-bootstrap percentile interval; None with fewer than two groups.
        p_value: two-sided sign-flip permutation p over groups, in (0, 1]; None with fewer than two groups.
    """

    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None


def paired_difference(
    baseline: Sequence[float] | np.ndarray,
    final: Sequence[float] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairedResult:
    """Compare two models on the same images.

    Args:
        baseline, final: score of each image, shape (images,), finite.
        groups: group of each image, shape (images,): images of one group are drawn and flipped together.
        draws: bootstrap draws, and sign patterns where they are not enumerated.
        seed: of the draws; the same input and seed give the same numbers.

    Raises:
        ValueError: shapes differ, no image, or a value that is not finite.
    """
    first, second = np.asarray(baseline, float), np.asarray(final, float)
    if first.ndim != 1 or first.shape != second.shape or len(groups) != first.size or first.size == 0:
        raise ValueError(f"scores and groups must be of one length, not {first.shape}, {second.shape}, {len(groups)}")
    differences = second - first
    if not np.isfinite(differences).all():
        raise ValueError("scores must be finite; leave out images where the metric is empty")
    sums, counts = group_sums(differences, groups)
    mean = float(differences.mean())
    if sums.size < 2:
        return PairedResult(mean, None, None, None)
    low, high = cluster_bootstrap(sums, counts, draws=draws, seed=seed)
    return PairedResult(mean, low, high, sign_flip(sums, draws=draws, seed=seed))


def group_sums(values: np.ndarray, groups: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the number of `values` in each group, both of shape (groups,)."""
    _, index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return np.bincount(index, weights=values, minlength=counts.size), counts


def cluster_bootstrap(
    sums: np.ndarray, counts: np.ndarray, *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile interval of the mean when whole groups are drawn with replacement.

    Args:
        sums, counts: sum and number of the values of each group, shape (groups,).

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8 and 13.
    """
    random = np.random.default_rng([seed, 1])
    means = np.empty(draws)
    for part in _blocks(draws, sums.size):
        drawn = random.integers(0, sums.size, (part.stop - part.start, sums.size))
        means[part] = sums[drawn].sum(1) / counts[drawn].sum(1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def sign_flip(sums: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return the two-sided p of the mean under swaps of the two models, one swap per group.

    Exact (all sign patterns) up to `EXACT_GROUPS` groups, else by random patterns, the observed one counted as drawn
    (Phipson & Smyth, Permutation p-values should never be zero, 2010).

    Args:
        sums: sum of the differences of each group, shape (groups,).
    """
    # sums that differ by rounding alone count as equal
    observed = abs(sums.sum()) - 1e-12 * np.abs(sums).sum()
    if sums.size <= EXACT_GROUPS:
        bits = (np.arange(2**sums.size)[:, None] >> np.arange(sums.size)) & 1
        return float(np.mean(np.abs((1 - 2 * bits) @ sums) >= observed))
    random, extreme = np.random.default_rng([seed, 2]), 0
    for part in _blocks(draws, sums.size):
        signs = random.integers(0, 2, (part.stop - part.start, sums.size), dtype=np.int8) * 2.0 - 1
        extreme += int((np.abs(signs @ sums) >= observed).sum())
    return (extreme + 1) / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Holm 1979): together they err as rarely as one would alone."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _blocks(rows: int, columns: int) -> list[slice]:
    """Cut `rows` so that a block of (rows, columns) numbers stays small."""
    size = max(1, _BLOCK // max(1, columns))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
