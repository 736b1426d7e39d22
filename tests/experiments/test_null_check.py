"""Whole tables over simulated test sets whose truth is known: what equal models, and a planted gain, come out as."""

import math

import numpy as np
import pytest

from experiments.comparing import compare
from experiments.comparison import Comparison, Verdict
from experiments.pairing import Pairing
from experiments.tracking import ImageScore, TrackedRun

CLASSES = ("crack", "leak", "root", "rust")
# standard deviation of the paired difference from image to image, by class
NOISE = (0.06, 0.08, 0.10, 0.12)
IMAGES, GROUPS = 100, 80


def tracked(defect_class: str, stage: str, seed: int) -> TrackedRun:
    name = f"{defect_class}-{stage}-{seed}"
    return TrackedRun(name, name, stage, defect_class, "EVAL", seed, "f", 100, 0.0)


def simulate(random: np.random.Generator, gain: float = 0.0, gaining: tuple[str, ...] = CLASSES) -> list[Comparison]:
    """One table: skewed IoU, copies that share most of their luck."""
    tables, pairings = {}, []
    for index, (name, noise) in enumerate(zip(CLASSES, NOISE, strict=True)):
        # every group has one picture at least, and half of the groups are in the tests of other classes too
        groups = np.concatenate([np.arange(GROUPS), random.integers(0, GROUPS, IMAGES - GROUPS)]) + 40 * (index // 2)
        level = 0.1 + 0.7 * random.beta(4, 2, IMAGES)
        sides = [tracked(name, stage, 0) for stage in ("baseline", "final")]
        pairings.append(Pairing(name, *((run,) for run in sides)))
        for side, run in enumerate(sides):
            luck = 0.8 * random.normal(0, 1, GROUPS + 40)[groups] + 0.6 * random.normal(0, 1, IMAGES)
            value = level + noise / math.sqrt(2) * luck + (gain if side and name in gaining else 0)
            tables[run.run_id] = [
                ImageScore(f"{image}.png", f"g{group:03}", score)
                for image, (group, score) in enumerate(zip(groups.tolist(), value.tolist(), strict=True))
            ]
    rows, _ = compare(pairings, lambda run: tables[run.run_id], draws=1000)
    return rows


@pytest.mark.slow
def test_equal_models_show_no_evidence_in_95_percent_of_tables() -> None:
    random = np.random.default_rng(5)
    clean = [all(row.verdict == Verdict.NO_EVIDENCE for row in simulate(random)) for _ in range(400)]
    assert len(simulate(random)) == len(CLASSES) + 1
    assert np.mean(clean) >= 0.95, np.mean(clean)


def test_a_planted_gain_is_found_as_often_as_the_table_says() -> None:
    random = np.random.default_rng(6)
    # the noisiest class gains alone: no other row helps it through the correction for their number
    tables = [simulate(random, gain=0.05, gaining=("rust",))[3] for _ in range(150)]
    told = np.mean([row.power for row in tables])
    found = np.mean([row.verdict == Verdict.BETTER for row in tables])
    assert 0.75 < told < 0.95, told
    # three standard deviations of what 150 tables can tell
    assert found == pytest.approx(told, abs=3 * math.sqrt(0.8 * 0.2 / 150)), (told, found)


def test_where_every_class_gains_or_loses_all_are_found() -> None:
    random = np.random.default_rng(7)
    for gain, verdict in ((0.05, Verdict.BETTER), (-0.05, Verdict.WORSE)):
        tables = [simulate(random, gain=gain) for _ in range(25)]
        found = np.mean([[row.verdict == verdict for row in rows] for rows in tables], axis=0)
        told = np.mean([[row.power for row in rows] for rows in tables], axis=0)
        assert (found >= told - 0.15).all() and found[-1] == 1, (found, told)


def test_the_same_weights_on_both_sides_are_no_evidence() -> None:
    scores = [ImageScore(f"{image}.png", f"g{image}", image / 100) for image in range(100)]
    pairings = [
        Pairing(name, *((tracked(name, stage, 0),) for stage in ("baseline", "final", "equal_budget")))
        for name in CLASSES
    ]
    rows, _ = compare(pairings, lambda run: scores)
    assert len(rows) == 5
    for row in rows:
        assert (row.increase, row.p_value, row.verdict, row.detectable) == (0, 1, Verdict.NO_EVIDENCE, None)
        assert row.equal_budget and row.equal_budget.verdict == Verdict.NO_EVIDENCE


def test_few_pictures_prove_nothing_and_the_table_says_so() -> None:
    def of(run: TrackedRun) -> list[ImageScore]:
        gain = 0.3 if run.stage == "final" else 0
        return [ImageScore(f"{image}.png", f"g{image % 5}", 0.4 + image / 1000 + gain) for image in range(100)]

    pairing = Pairing("crack", (tracked("crack", "baseline", 0),), (tracked("crack", "final", 0),))
    [row], notes = compare([pairing], of)
    assert row.verdict == Verdict.NO_EVIDENCE and row.p_value == pytest.approx(2 / 2**5) and row.detectable is None
    assert any("5 groups of test images cannot reach p < 0.05" in note and "takes 6" in note for note in notes)
