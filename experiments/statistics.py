"""Is the difference real? Paired statistics over test images that come in groups of near-duplicates.

The sign-flip test is our own: `scipy.stats.permutation_test(permutation_type="samples")` draws the same null, but sorts
random numbers to do so, and importing scipy.stats costs more than the whole comparison. A test holds the two together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DRAWS = 10_000
LEVEL = 0.95
SIGNIFICANCE = 0.05
POWER = 0.8
# numbers in one block of drawn weights or signs: 16 MB
_BLOCK = 1 << 21

Groups = Sequence[str] | np.ndarray


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Mean paired difference (unit of the input) with its evidence.

    Attributes:
        ci_low, ci_high: 95 % cluster-bootstrap interval; None with fewer than two groups.
        p_value: two-sided sign-flip permutation p over groups, in (0, 1]; None with fewer than two groups.
        groups: number of groups.
        se: standard error of the difference, groups being the units; None with fewer than two.
    """

    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    groups: int = 0
    se: float | None = None


@dataclass(frozen=True, slots=True)
class Clustered:
    """Scores of several arms on the same images of one or more classes, added up by group.

    Attributes:
        totals: float64 (groups, classes, arms), sum of the scores of a group's images.
        counts: float64 (groups, classes), number of a group's images; 0 where a class's test set lacks the group.
    """

    totals: np.ndarray
    counts: np.ndarray

    @property
    def size(self) -> int:
        """Number of groups."""
        return self.counts.shape[0]

    def means(self) -> np.ndarray:
        """Return the mean score of each arm, (arms,): over a class's images, then over classes."""
        return (self.totals.sum(0) / self.counts.sum(0)[:, None]).mean(0)

    def difference(self, first: int, second: int) -> np.ndarray:
        """Return arm `second` minus arm `first`, added up by group: (groups, classes)."""
        return self.totals[:, :, second] - self.totals[:, :, first]


def clustered(classes: Sequence[tuple[np.ndarray, Groups]]) -> Clustered:
    """Add scores up by group.

    Args:
        classes: per class the scores (images, arms), finite, and the group of each image, (images,). A group that two
            classes name is one group: its images are drawn and flipped together in both.

    Raises:
        ValueError: no class, no image, lengths that differ, or a score that is not finite.
    """
    if not classes:
        raise ValueError("there is no class")
    for values, groups in classes:
        if values.ndim != 2 or len(values) != len(groups) or not len(values):
            raise ValueError(f"scores must be (images, arms) with a group each, not {values.shape}, {len(groups)}")
        if not np.isfinite(values).all():
            raise ValueError("scores must be finite; leave out images where the metric is empty")
    names, index = np.unique(np.concatenate([np.asarray(groups) for _, groups in classes]), return_inverse=True)
    totals = np.zeros((names.size, len(classes), classes[0][0].shape[1]))
    counts = np.zeros((names.size, len(classes)))
    start = 0
    for place, (values, _) in enumerate(classes):
        here = index[start : start + len(values)]
        start += len(values)
        np.add.at(totals[:, place], here, values)
        np.add.at(counts[:, place], here, 1)
    return Clustered(totals, counts)


def paired_difference(
    baseline: Sequence[float] | np.ndarray,
    final: Sequence[float] | np.ndarray,
    groups: Groups,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairedResult:
    """Compare two models on the same images of one class.

    Args:
        baseline, final: score of each image, shape (images,), finite.
        groups: group of each image, shape (images,): images of one group are drawn and flipped together.
        draws: bootstrap draws, and about as many sign patterns.
        seed: of the draws; the same input and seed give the same numbers.

    Raises:
        ValueError: shapes differ, no image, or a value that is not finite.
    """
    first, second = np.asarray(baseline, float), np.asarray(final, float)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"scores must be of one length, not {first.shape}, {second.shape}")
    return difference_of(clustered([(np.stack([first, second], 1), groups)]), 0, 1, draws=draws, seed=seed)


def difference_of(data: Clustered, first: int, second: int, *, draws: int = DRAWS, seed: int = 0) -> PairedResult:
    """Compare two arms; of several classes, their means over classes, whole groups drawn jointly for all of them."""
    sums, counts = data.difference(first, second), data.counts
    images = counts.sum(0)
    mean = float((sums.sum(0) / images).mean())
    if data.size < 2:
        return PairedResult(mean, None, None, None, data.size)
    means = resampled(Clustered(sums[:, :, None], counts), draws=draws, seed=seed)[:, 0]
    low, high = interval(means, data.size)
    # the mean over classes is linear in the groups: one number a group says all that a swap of the models changes
    shares = (sums / images).mean(1)
    return PairedResult(mean, low, high, sign_flip(shares, draws=draws, seed=seed), data.size, _error(sums, counts))


def _error(sums: np.ndarray, counts: np.ndarray) -> float:
    """Return the standard error of a mean of ratios over clusters, by linearisation (Cochran 1977, ch. 6 and 9)."""
    images, size = counts.sum(0), len(counts)
    residuals = ((sums - counts * (sums.sum(0) / images)) / images).mean(1)
    return float(np.sqrt(size / (size - 1) * np.square(residuals).sum()))


def resampled(data: Clustered, *, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Return the means of `data` when whole groups are drawn with replacement: (draws, arms).

    The few draws that miss every image of some class are left out.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8 and 13.
    """
    size, classes, arms = data.totals.shape
    together = np.concatenate([data.totals.reshape(size, -1), data.counts], 1)
    found = []
    for start, rows in _blocks(draws, size):
        sums = _weights(start, rows, size, seed) @ together
        counts = sums[:, classes * arms :]
        kept = (counts > 0.5).all(1)
        found.append((sums[kept, : classes * arms].reshape(-1, classes, arms) / counts[kept, :, None]).mean(1))
    return np.concatenate(found)


def interval(values: np.ndarray, groups: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of bootstrap values, widened for few groups.

    Percentiles of the bootstrap are too narrow by sqrt((n - 1) / n) and know no t distribution; both are made good by
    taking percentiles further out, little at 50 groups and much at 6.

    Source: Hesterberg, What Teachers Should Know About the Bootstrap, 2015, "expanded percentile interval".
    """
    from scipy.special import ndtr, stdtrit

    tail = ndtr(math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 - level) / 2))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def sign_flip(sums: np.ndarray, *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return the two-sided p of the mean under swaps of the two models, one swap per group.

    All sign patterns are counted where there are no more than `draws`, rounded up to a power of two; beyond, a random
    subgroup of that many. A subgroup, not a random set: the same patterns serve every table, and the p-value of a
    fixed set is only valid when swapping by any of its members gives the set again.

    Source: Hemerik & Goeman, Exact testing with random permutations, 2018, section 3.

    Args:
        sums: sum of the differences of each group, shape (groups,).
    """
    # sums that differ by rounding alone count as equal
    observed = abs(sums.sum()) - 1e-12 * np.abs(sums).sum()
    bits = min(sums.size, math.ceil(math.log2(draws)))
    extreme = sum(
        int((np.abs(_signs(start, rows, sums.size, bits, seed) @ sums) >= observed).sum())
        for start, rows in _blocks(2**bits, sums.size)
    )
    return extreme / 2**bits


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Holm 1979): together they err as rarely as one would alone."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def fewest_groups(tests: int = 1) -> int:
    """Return how many groups it takes before the smallest possible sign-flip p, 2 / 2**groups, passes `tests` tests."""
    return math.floor(1 + math.log2(tests / SIGNIFICANCE)) + 1


def detectable(se: float, groups: int, tests: int = 1) -> float | None:
    """Return the smallest difference that would be found with 80 % power, in the unit of `se`.

    (t(1 - 0.05 / (2 tests)) + t(0.8)) * se with groups - 1 degrees of freedom: 2.8 se for one test on many groups.
    The first step of Holm's procedure asks that much of a gain that is alone; several are found more easily.

    Args:
        se: standard error of the difference.
        tests: verdicts of the table, which are tested together.

    Returns:
        None where so few groups can reach no p that small, or where the sides do not differ on any picture.
    """
    if groups < fewest_groups(tests) or se <= 0:
        return None
    return (_critical(groups, tests) + _quantile(groups, POWER)) * se


def power(gain: float, se: float, groups: int, tests: int = 1) -> float | None:
    """Return the chance that a true `gain` is found; the inverse of `detectable`, see there."""
    from scipy.special import stdtr

    if groups < fewest_groups(tests) or se <= 0:
        return None
    return float(stdtr(groups - 1, gain / se - _critical(groups, tests)))


def _critical(groups: int, tests: int) -> float:
    return _quantile(groups, 1 - SIGNIFICANCE / (2 * tests))


def _quantile(groups: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, level))


def _blocks(draws: int, groups: int) -> list[tuple[int, int]]:
    """Cut `draws` into (start, rows) so that a block of (rows, groups) numbers stays small."""
    size = max(1, _BLOCK // groups)
    return [(start, min(size, draws - start)) for start in range(0, draws, size)]


# the same draws serve every row, arm and metric of a table whose test sets are of one size
@lru_cache(maxsize=2)
def _weights(start: int, rows: int, groups: int, seed: int) -> np.ndarray:
    """Return how often each group was drawn, float64 (rows, groups)."""
    drawn = np.random.default_rng([seed, 1, start]).integers(0, groups, (rows, groups))
    drawn += np.arange(rows)[:, None] * groups
    return np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(float)


@lru_cache(maxsize=2)
def _signs(start: int, rows: int, groups: int, bits: int, seed: int) -> np.ndarray:
    """Return sign patterns `start` ... of a group of 2**bits, +1 or -1, float64 (rows, groups).

    Pattern j swaps a group where j and the group's code have an odd number of bits in common: patterns j and k after
    one another are pattern j ^ k.
    """
    codes = 1 << np.arange(groups)
    if groups > bits:
        codes = 1 + np.random.default_rng([seed, 2]).choice(2**bits - 1, groups, replace=groups >= 2**bits)
    common = np.arange(start, start + rows)[:, None] & codes
    return 1.0 - 2.0 * (np.bitwise_count(common) & 1)
