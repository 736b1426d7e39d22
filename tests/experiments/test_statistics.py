"""The statistics against scipy's own, and against data whose truth is known."""

import numpy as np
import pytest
from scipy import stats

from experiments.comparison import Comparison, Verdict, judge
from experiments.statistics import cluster_bootstrap, group_sums, holm, paired_difference, sign_flip


def test_mean_difference_is_the_mean_of_the_pairs() -> None:
    result = paired_difference([0.1, 0.5, 0.9], [0.2, 0.4, 1.0], ["a", "b", "c"])
    assert result.difference == pytest.approx(0.1 / 3)


def test_bootstrap_agrees_with_scipy_where_every_image_is_its_own_group() -> None:
    differences = np.random.default_rng(0).normal(0.02, 0.1, 80)
    sums, counts = group_sums(differences, [f"g{index:03}" for index in range(80)])
    ours = cluster_bootstrap(sums, counts, draws=20_000)
    theirs = stats.bootstrap(
        (differences,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-3)


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
    assert (result.ci_low, result.ci_high, result.p_value) == (None, None, None)


@pytest.mark.parametrize("bad", [([], [], []), ([0.1], [0.1, 0.2], ["a"]), ([float("nan")], [0.1], ["a"])])
def test_unusable_input_is_refused(bad: tuple) -> None:
    with pytest.raises(ValueError):
        paired_difference(*bad)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]


def simulate_table(random: np.random.Generator, gain: float, classes: int = 4, images: int = 60) -> list[Comparison]:
    """One table: two models of the same quality (plus `gain`) on clustered, skewed test images."""
    rows = []
    for index in range(classes):
        groups = random.integers(0, 40, images)
        # copies of an image share most of their luck
        luck = random.normal(0, 0.08, (2, 40))[:, groups] + random.normal(0, 0.03, (2, images))
        base = random.beta(2, 1, images)
        first, second = np.clip(base + luck[0], 0, 1), np.clip(base + luck[1] + gain, 0, 1)
        result = paired_difference(first, second, groups.astype(str), draws=2000)
        rows.append(
            Comparison(
                defect_class=f"class {index}",
                baseline=float(first.mean()),
                final=float(second.mean()),
                ci_low=result.ci_low,
                ci_high=result.ci_high,
                p_value=result.p_value,
                n_images=images,
                seeds=(0,),
                baseline_runs=("b",),
                final_runs=("f",),
            )
        )
    return judge(rows)


def test_equal_models_show_no_evidence_in_95_percent_of_tables() -> None:
    random = np.random.default_rng(5)
    clean = [all(row.verdict == Verdict.NO_EVIDENCE for row in simulate_table(random, gain=0.0)) for _ in range(300)]
    # 95 % is what is promised; the simulation itself wavers by 1.3 points
    assert np.mean(clean) >= 0.95 - 0.013, np.mean(clean)


def test_a_planted_gain_is_found_and_signed() -> None:
    random = np.random.default_rng(6)
    for gain, verdict in ((0.1, Verdict.BETTER), (-0.1, Verdict.WORSE)):
        rows = [row for _ in range(25) for row in simulate_table(random, gain=gain)]
        assert np.mean([row.verdict == verdict for row in rows]) > 0.9
