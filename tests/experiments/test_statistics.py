"""The statistics against scipy's own, and against data whose truth is known."""

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import (
    clustered,
    detectable,
    difference_of,
    fewest_groups,
    holm,
    interval,
    paired_difference,
    power,
    resampled,
    sign_flip,
)


def test_mean_difference_is_the_mean_of_the_pairs() -> None:
    result = paired_difference([0.1, 0.5, 0.9], [0.2, 0.4, 1.0], ["a", "b", "c"])
    assert result.difference == pytest.approx(0.1 / 3)


def test_bootstrap_agrees_with_scipy_where_every_image_is_its_own_group() -> None:
    differences = np.random.default_rng(0).normal(0.02, 0.1, 80)
    drawn = resampled(clustered([(differences[:, None], [f"g{index:03}" for index in range(80)])]), draws=20_000)
    # the level whose plain percentiles are our widened ones
    level = 1 - 2 * stats.norm.cdf(np.sqrt(80 / 79) * stats.t.ppf(0.025, 79))
    theirs = stats.bootstrap(
        (differences,), np.mean, n_resamples=20_000, method="percentile", confidence_level=level, rng=1
    ).confidence_interval
    assert interval(drawn[:, 0], 80) == pytest.approx((theirs.low, theirs.high), abs=1e-3)


@pytest.mark.parametrize("size", [6, 10, 40])
def test_the_interval_covers_the_truth_with_few_groups_too(size: int) -> None:
    random, found = np.random.default_rng(size), []
    for _ in range(400):
        differences = random.normal(0.05, 0.1, size)
        result = paired_difference(np.zeros(size), differences, np.arange(size).astype(str), draws=500)
        found.append(result.ci_low <= 0.05 <= result.ci_high)
    # plain percentiles cover 86 % with 6 groups
    assert np.mean(found) > 0.92, np.mean(found)


def test_one_class_twice_is_that_class() -> None:
    random = np.random.default_rng(8)
    values, groups = random.random((30, 2)), random.integers(0, 12, 30).astype(str)
    once, twice = (difference_of(clustered([(values, groups)] * times), 0, 1) for times in (1, 2))
    assert once == pytest.approx(twice) and once.groups == len(set(groups))


def test_the_standard_error_is_that_of_the_bootstrap() -> None:
    random = np.random.default_rng(9)
    classes = []
    for count in (80, 50):
        groups = random.integers(0, 40, count)
        luck = random.normal(0, 0.1, 40)[groups] + random.normal(0, 0.05, count)
        classes.append((np.stack([np.zeros(count), luck], 1), groups.astype(str)))
    data = clustered(classes)
    drawn = resampled(data)
    assert difference_of(data, 0, 1).se == pytest.approx((drawn[:, 1] - drawn[:, 0]).std(), rel=0.06)


def test_power_and_what_is_visible_agree() -> None:
    assert detectable(0.01, 10_000) == pytest.approx(0.028, abs=1e-4), "2.8 standard errors"
    assert detectable(0.01, 100, tests=5) > detectable(0.01, 100)
    assert power(detectable(0.01, 60, 3), 0.01, 60, 3) == pytest.approx(0.8)
    assert fewest_groups() == 6 and 2 * 0.5 ** (fewest_groups(7) - 1) > 0.05 / 7 > 2 * 0.5 ** fewest_groups(7)
    assert detectable(0.01, 5) is None and detectable(0.0, 50) is None and power(0.05, 0.0, 50) is None


@pytest.mark.parametrize("groups", [6, 12, 40])
def test_sign_flip_agrees_with_scipy(groups: int) -> None:
    sums = np.random.default_rng(groups).normal(0.3, 0.9, groups)
    theirs = stats.permutation_test(
        (sums, np.zeros(groups)),
        lambda first, second, axis: np.sum(first - second, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=2,
    ).pvalue
    exact = groups <= 12
    assert sign_flip(sums, draws=20_000) == pytest.approx(theirs, abs=1e-12 if exact else 0.01)


def test_copies_of_an_image_are_no_evidence() -> None:
    random = np.random.default_rng(3)
    differences = random.normal(0.03, 0.1, 10)
    alone = paired_difference(np.zeros(10), differences, list(map(str, range(10))))
    copied = paired_difference(np.zeros(200), np.repeat(differences, 20), np.repeat(list(map(str, range(10))), 20))
    assert copied.p_value == alone.p_value
    assert (copied.ci_low, copied.ci_high) == pytest.approx((alone.ci_low, alone.ci_high))


def test_same_seed_same_numbers() -> None:
    random = np.random.default_rng(4)
    first, second, groups = random.random(50), random.random(50), random.integers(0, 20, 50).astype(str)
    assert paired_difference(first, second, groups) == paired_difference(first, second, groups)
    assert paired_difference(first, second, groups) != paired_difference(first, second, groups, seed=1)


def test_identical_sides_differ_by_nothing() -> None:
    result = paired_difference([0.5] * 20, [0.5] * 20, list(map(str, range(20))))
    assert (result.difference, result.ci_low, result.ci_high, result.p_value) == (0, 0, 0, 1)


def test_one_group_proves_nothing() -> None:
    result = paired_difference([0.1, 0.2], [0.8, 0.9], ["a", "a"])
    assert (result.ci_low, result.ci_high, result.p_value, result.se) == (None, None, None, None)


@pytest.mark.parametrize("bad", [([], [], []), ([0.1], [0.1, 0.2], ["a"]), ([float("nan")], [0.1], ["a"])])
def test_unusable_input_is_refused(bad: tuple) -> None:
    with pytest.raises(ValueError):
        paired_difference(*bad)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]
