"""One row of the comparison: what was measured of a class, or of the mean over classes, and what that proves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

METRICS = ("iou", "dice", "precision", "recall", "specificity", "false_alarms")
LOWER_IS_BETTER = ("false_alarms",)
SIGNIFICANCE = 0.05
# the gain for which the table tells the chance of finding it
PLANNED_GAIN = 0.05


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE = "no evidence"


@dataclass(frozen=True, slots=True)
class EqualBudget:
    """The final against hand masks alone, trained for as long: is it the masks, or the longer training?

    Attributes:
        value: mean per-image metric of the equal-budget runs.
        difference: final minus `value`; `ci_low` ... `verdict` are about it, as in `Comparison`.
    """

    value: float
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    runs: tuple[str, ...]
    verdict: Verdict = Verdict.NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % cluster-bootstrap interval; 1 is all of it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FullMasks:
    """What the same training reaches with the true masks of every picture.

    Attributes:
        reached: final / full; None where nothing is reached with full masks either.
        closed: (final - baseline) / (full - baseline); None where that gap is not clearly above zero.
        closed_at_equal_budget: the same from the equal budget's value on, what longer training alone does not close;
            None without that arm as well.
    """

    value: float
    reached: Share | None
    closed: Share | None
    closed_at_equal_budget: Share | None
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What was chosen on val, by seed.

    Attributes:
        metric: by which it was chosen, e.g. `val/iou`.
        epochs: of the best checkpoint.
        best, last: mean over seeds of `metric` there and at the last validation.
        test_last: mean over seeds of the table's metric on the test set, at the last checkpoint; None where no
            training scored that.
    """

    metric: str
    epochs: tuple[int, ...]
    best: float
    last: float | None
    test_last: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Baseline against final for one defect class, or for the mean over classes.

    Attributes:
        baseline, final: mean per-image metric over the same images, in [0, 1]; each image averaged over seeds first.
        ci_low, ci_high: 95 % cluster-bootstrap interval of the paired difference; None without per-image results.
        p_value: two-sided sign-flip p by duplicate group, not corrected for the number of verdicts.
        n_images: images where the metric is not empty in any run of either side; None without per-image results.
        seeds: seeds of either side, ascending.
        baseline_runs, final_runs: run ids.
        verdict: `better` or `worse` where the interval excludes zero and p, corrected over the table's verdicts (Holm),
            is below 0.05.
        kind: `class` or `mean`; a row of kind `mean` stands for `classes` classes.
        n_groups: duplicate groups of those images: the units that are drawn and flipped.
        se: standard error of the paired difference over groups.
        paired_sd: standard deviation of the difference from image to image; None for a mean over classes.
        detectable: the smallest difference that would have been found with 80 % power, see `statistics.detectable`.
        power: chance that a true gain of `PLANNED_GAIN` would have been found.
        seed_sd_baseline, seed_sd_final, seed_sd_difference: standard deviation over seeds; None with fewer than two.
    """

    defect_class: str
    baseline: float
    final: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    n_images: int | None
    seeds: tuple[int, ...]
    baseline_runs: tuple[str, ...]
    final_runs: tuple[str, ...]
    verdict: Verdict = Verdict.NO_EVIDENCE
    class_label: str | None = None
    metric: str = "iou"
    kind: str = "class"
    classes: int = 1
    n_groups: int | None = None
    se: float | None = None
    paired_sd: float | None = None
    detectable: float | None = None
    power: float | None = None
    seed_sd_baseline: float | None = None
    seed_sd_final: float | None = None
    seed_sd_difference: float | None = None
    equal_budget: EqualBudget | None = None
    full_masks: FullMasks | None = None
    chosen_baseline: Checkpoints | None = None
    chosen_final: Checkpoints | None = None

    @property
    def increase(self) -> float:
        return self.final - self.baseline

    @property
    def increase_pp(self) -> float:
        """The increase in percentage points."""
        return 100 * self.increase

    def row(self) -> dict[str, Any]:
        """Return the row as plain values, in the order in which it is written; None is what is not known."""
        return {
            "class": self.defect_class,
            "baseline": self.baseline,
            "final": self.final,
            "increase": self.increase,
            "increase_pp": self.increase_pp,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "p_value": self.p_value,
            "n_images": self.n_images,
            "seeds": list(self.seeds),
            "baseline_runs": list(self.baseline_runs),
            "final_runs": list(self.final_runs),
            "verdict": str(self.verdict),
            "class_label": self.class_label,
            "metric": self.metric,
            "kind": self.kind,
            "classes": self.classes,
            "n_groups": self.n_groups,
            "se": self.se,
            "paired_sd": self.paired_sd,
            "detectable": self.detectable,
            "power_at_5pp": self.power,
            "seed_sd_baseline": self.seed_sd_baseline,
            "seed_sd_final": self.seed_sd_final,
            "seed_sd_difference": self.seed_sd_difference,
            **_equal_budget_row(self.equal_budget),
            **_full_masks_row(self.full_masks),
            **_chosen_row("baseline", self.chosen_baseline),
            **_chosen_row("final", self.chosen_final),
        }


def _equal_budget_row(arm: EqualBudget | None) -> dict[str, Any]:
    return {
        "equal_budget": arm and arm.value,
        "over_equal_budget": arm and arm.difference,
        "over_equal_budget_ci_low": arm and arm.ci_low,
        "over_equal_budget_ci_high": arm and arm.ci_high,
        "over_equal_budget_p_value": arm and arm.p_value,
        "over_equal_budget_verdict": arm and str(arm.verdict),
        "equal_budget_runs": list(arm.runs) if arm else [],
    }


# keys of the shares in `FullMasks`, in its order
SHARES = ("full_reached", "gap_closed", "gap_closed_at_equal_budget")


def _full_masks_row(arm: FullMasks | None) -> dict[str, Any]:
    values: dict[str, Any] = {"full_masks": arm and arm.value}
    shares = (arm.reached, arm.closed, arm.closed_at_equal_budget) if arm else (None,) * len(SHARES)
    for name, share in zip(SHARES, shares, strict=True):
        values |= {name: share and share.value, f"{name}_ci_low": share and share.low}
        values |= {f"{name}_ci_high": share and share.high}
    return {**values, "full_masks_runs": list(arm.runs) if arm else []}


def _chosen_row(side: str, chosen: Checkpoints | None) -> dict[str, Any]:
    return {
        f"{side}_chosen_by": chosen and chosen.metric,
        f"{side}_best_epochs": list(chosen.epochs) if chosen else [],
        f"{side}_val_best": chosen and chosen.best,
        f"{side}_val_last": chosen and chosen.last,
        f"{side}_test_last": chosen and chosen.test_last,
    }


# every key of a row, in order
COLUMNS = tuple(Comparison("", 0, 0, None, None, None, None, (), (), ()).row())


def judge(rows: Sequence[Comparison]) -> list[Comparison]:
    """Set the verdicts of the table of one metric: an interval that touches zero is no evidence, nor is one good row
    among many.

    All verdicts of the table are corrected together, those of the mean over classes and of the equal budget included:
    where nothing has changed, 95 of 100 tables say so everywhere.
    """
    from experiments.statistics import detectable, power

    held = [row.equal_budget for row in rows]
    tests, judged = count_tests(rows), []
    verdicts = _verdicts([*rows, *held], [row.metric for row in rows] * 2)
    for row, verdict in zip(rows, verdicts, strict=False):
        seen = {}
        if row.se is not None and row.n_groups:
            seen = {
                "detectable": detectable(row.se, row.n_groups, tests),
                "power": power(PLANNED_GAIN, row.se, row.n_groups, tests),
            }
        judged.append(replace(row, verdict=verdict, **seen))
    for index, (arm, verdict) in enumerate(zip(held, verdicts[len(rows) :], strict=True)):
        if arm:
            judged[index] = replace(judged[index], equal_budget=replace(arm, verdict=verdict))
    return judged


def count_tests(rows: Sequence[Comparison]) -> int:
    """Return how many verdicts a table of one metric gives."""
    tested = [*rows, *(row.equal_budget for row in rows)]
    return sum(each is not None and each.p_value is not None for each in tested)


def _verdicts(rows: Sequence[Comparison | EqualBudget | None], metrics: Sequence[str]) -> list[Verdict]:
    from experiments.statistics import holm

    verdicts = [Verdict.NO_EVIDENCE] * len(rows)
    tested = [(index, row) for index, row in enumerate(rows) if row is not None and row.p_value is not None]
    adjusted = holm([row.p_value for _, row in tested if row.p_value is not None])
    for (index, row), p_value in zip(tested, adjusted, strict=True):
        if p_value < SIGNIFICANCE and row.ci_low is not None and row.ci_high is not None:
            up, down = Verdict.BETTER, Verdict.WORSE
            if metrics[index] in LOWER_IS_BETTER:
                up, down = down, up
            verdicts[index] = up if row.ci_low > 0 else down if row.ci_high < 0 else Verdict.NO_EVIDENCE
    return verdicts
