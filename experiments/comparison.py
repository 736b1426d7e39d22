"""Baseline against final, class by class, on the same test images: what the paired runs prove."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from experiments.mlflow_store import StoreUnreachable
from experiments.pairing import Pairing
from experiments.tracking import ImageScore, TrackedRun

METRICS = ("iou", "dice", "precision", "recall")
SIGNIFICANCE = 0.05
# budgets within 5 % count as equal
STEPS_TOLERANCE = 0.05

Scores = Callable[[TrackedRun], list[ImageScore] | None]


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE = "no evidence"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Baseline against final for one defect class.

    Attributes:
        baseline, final: mean per-image metric over the same images, in [0, 1]; each image averaged over seeds first.
        ci_low, ci_high: 95 % cluster-bootstrap interval of the paired difference; None without per-image results.
        p_value: two-sided sign-flip p by duplicate group, not corrected for the number of classes.
        n_images: images where the metric is not empty in any run of either side; None without per-image results.
        seeds: seeds of either side, ascending.
        baseline_runs, final_runs: run ids.
        verdict: `better` or `worse` where the interval excludes zero and p, corrected over the table's classes (Holm),
            is below 0.05.
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

    @property
    def increase(self) -> float:
        return self.final - self.baseline

    @property
    def increase_pp(self) -> float:
        """The increase in percentage points."""
        return 100 * self.increase

    def row(self) -> dict[str, Any]:
        """Return the row as plain values, in the order in which it is written."""
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
        }


def compare(pairings: Iterable[Pairing], scores: Scores, metric: str = "iou") -> tuple[list[Comparison], list[str]]:
    """Compare each pairing on its test images.

    Args:
        scores: returns the per-image scores of a run, None where there are none; see `TrackingReader.per_image`.
        metric: one of `METRICS`, the one that `scores` returns.

    Returns:
        One row a class, and notes on what weakens them.
    """
    rows, notes = [], []
    for pairing in pairings:
        row, remarks = _compare_one(pairing, scores, metric)
        rows += [row] if row else []
        notes += [f"{pairing.defect_class}: {remark}" for remark in [*remarks, *_budget(pairing)]]
    single = [row.defect_class for row in rows if len(row.seeds) == 1]
    if single:
        notes.append(f"one seed only ({', '.join(single)}): another seed may move the difference as much as the images")
    return judge(rows), notes


def judge(rows: Sequence[Comparison]) -> list[Comparison]:
    """Set the verdicts of a table: an interval that touches zero is no evidence, nor is one good class among many."""
    from experiments.statistics import holm

    judged = list(rows)
    tested = [index for index, row in enumerate(rows) if row.p_value is not None]
    adjusted = holm([row.p_value for row in rows if row.p_value is not None])
    for index, p_value in zip(tested, adjusted, strict=True):
        row = rows[index]
        if p_value < SIGNIFICANCE and row.ci_low is not None and row.ci_high is not None:
            if row.ci_low > 0:
                judged[index] = replace(row, verdict=Verdict.BETTER)
            elif row.ci_high < 0:
                judged[index] = replace(row, verdict=Verdict.WORSE)
    return judged


def _compare_one(pairing: Pairing, scores: Scores, metric: str) -> tuple[Comparison | None, list[str]]:
    from experiments.statistics import paired_difference

    tables, notes = {}, []
    for run in pairing.runs:
        try:
            tables[run.run_id] = scores(run)
        except StoreUnreachable as error:
            tables[run.run_id] = None
            notes.append(str(error))
    missing = [run_id for run_id, table in tables.items() if not table]
    if missing:
        notes.append(f"no interval: no per-image {metric} of {', '.join(missing)} in MLflow")
        return _from_means(pairing, metric, notes), notes
    first, second = (
        _mean_over_seeds([tables[run.run_id] or [] for run in side]) for side in (pairing.baselines, pairing.finals)
    )
    if first.keys() != second.keys():
        notes.append("the two sides list different test files; only those of both are compared")
    files = [file for file, value in first.items() if math.isfinite(value + second.get(file, math.nan))]
    if not files:
        notes.append(f"{metric} is empty for every test image; no row")
        return None, notes
    groups = {score.file: score.group for score in tables[pairing.baselines[0].run_id] or []}
    scored = [first[file] for file in files], [second[file] for file in files]
    result = paired_difference(*scored, [groups[file] for file in files])
    if result.p_value is None:
        notes.append("no interval: all test images are copies of one another (one group)")
    row = _row(pairing, *(sum(side) / len(files) for side in scored))
    interval = {"ci_low": result.ci_low, "ci_high": result.ci_high, "p_value": result.p_value}
    return replace(row, **interval, n_images=len(files)), notes


def _mean_over_seeds(tables: Sequence[Sequence[ImageScore]]) -> dict[str, float]:
    """Average each image over the runs of one side; NaN where it is empty in one of them, absent where one lacks it."""
    columns = [{score.file: score.value for score in table} for table in tables]
    shared = [file for file in columns[0] if all(file in column for column in columns)]
    return {file: sum(column[file] for column in columns) / len(columns) for file in shared}


def _from_means(pairing: Pairing, metric: str, notes: list[str]) -> Comparison | None:
    sides = [[run.test.get(metric, math.nan) for run in side] for side in (pairing.baselines, pairing.finals)]
    first, second = (sum(side) / len(side) for side in sides)
    if not (math.isfinite(first) and math.isfinite(second)):
        notes.append(f"MLflow holds no test/{metric} of both sides either; no row")
        return None
    return _row(pairing, first, second)


def _row(pairing: Pairing, baseline: float, final: float) -> Comparison:
    return Comparison(
        defect_class=pairing.defect_class,
        baseline=baseline,
        final=final,
        ci_low=None,
        ci_high=None,
        p_value=None,
        n_images=None,
        seeds=tuple(sorted({run.seed for run in pairing.runs})),
        baseline_runs=tuple(run.run_id for run in pairing.baselines),
        final_runs=tuple(run.run_id for run in pairing.finals),
        class_label=next((run.class_label for run in pairing.finals + pairing.baselines if run.class_label), None),
    )


def _budget(pairing: Pairing) -> list[str]:
    """Tell where the sides were not trained or seeded alike: the gain may come from that alone."""
    notes = []
    steps = [[run.total_steps or 0 for run in side] for side in (pairing.baselines, pairing.finals)]
    for side, counts in zip(("baseline", "final"), steps, strict=True):
        if max(counts) > min(counts) * (1 + STEPS_TOLERANCE):
            notes.append(f"the {side} runs differ in optimizer steps ({', '.join(map(str, counts))})")
    if all(map(all, steps)):
        ratio = (sum(steps[1]) / len(steps[1])) / (sum(steps[0]) / len(steps[0]))
        if abs(math.log(ratio)) > math.log(1 + STEPS_TOLERANCE):
            notes.append(f"final had {ratio:.1f}x the optimizer steps of the baseline")
    seeds = [[run.seed for run in side] for side in (pairing.baselines, pairing.finals)]
    if seeds[0] != seeds[1]:
        notes.append(f"baseline has seeds {_list(seeds[0])}, final {_list(seeds[1])}")
    return notes


def _list(values: Iterable[object]) -> str:
    return " ".join(map(str, values))
