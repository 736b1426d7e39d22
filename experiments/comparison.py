"""Baseline against final, class by class, on the same test images: which runs, and what they prove."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from experiments.mlflow_store import StoreUnreachable
from experiments.tracking import ImageScore, TrackedRun
from pipeseg.errors import BadInput, did_you_mean

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
        }


@dataclass(frozen=True, slots=True)
class Pairing:
    """The runs of one class that are compared: one a seed on either side, all on the same test set."""

    defect_class: str
    baselines: tuple[TrackedRun, ...]
    finals: tuple[TrackedRun, ...]

    @property
    def runs(self) -> tuple[TrackedRun, ...]:
        return self.baselines + self.finals


def pair_runs(
    runs: Iterable[TrackedRun],
    *,
    baseline: Sequence[str] = (),
    final: Sequence[str] = (),
    dataset: str | None = None,
    defect_class: str | None = None,
) -> tuple[list[Pairing], list[str]]:
    """Choose what is compared: per class the newest final's test set, and on it the newest recipe of either side.

    Of a recipe (the config without its seed) the latest run of each seed is taken; runs of an older recipe would mix
    two questions in one mean.

    Args:
        runs: finished runs of stage baseline and final.
        baseline, final: run ids (or unique beginnings) to take instead; only their classes are compared then.
        dataset, defect_class: only this test set, only this class.

    Returns:
        The pairings by class name, and notes for the user about classes with only one side.

    Raises:
        BadInput: no such run or class, or the chosen runs were tested on different test sets.
    """
    runs = sorted(runs, key=lambda run: run.ended, reverse=True)
    chosen = {"baseline": [find(runs, text) for text in baseline], "final": [find(runs, text) for text in final]}
    named = [run for side in chosen.values() for run in side]
    classes = sorted({run.defect_class for run in named or runs})
    if defect_class is not None:
        if runs and defect_class not in classes:
            hint = did_you_mean(defect_class, classes)
            raise BadInput(f"--class: no finished run of {defect_class!r}{hint} (there are: {', '.join(classes)})")
        classes = [name for name in classes if name == defect_class]
    pairings, notes = [], []
    for name in classes:
        sides = {}
        of_class = [run for run in runs if run.defect_class == name and dataset in (None, run.dataset)]
        picked = {stage: [run for run in side if run.defect_class == name] for stage, side in chosen.items()}
        reference = next(
            iter(picked["final"] or picked["baseline"] or [run for run in of_class if run.stage == "final"]), None
        )
        for stage, side in picked.items():
            automatic = [run for run in of_class if run.stage == stage and reference and same_test(run, reference)]
            sides[stage] = tuple(_one_a_seed(side or [run for run in automatic if run.recipe == automatic[0].recipe]))
        if not (sides["baseline"] and sides["final"]):
            notes.append(_one_side(name, [run.stage for run in of_class], reference))
            continue
        odd = [run for side in sides.values() for run in side if reference and not same_test(run, reference)]
        if odd:
            raise BadInput(f"{odd[0].run_id} and {reference.run_id} were tested on different images")
        pairings.append(Pairing(name, sides["baseline"], sides["final"]))
    return pairings, notes


def find(runs: Sequence[TrackedRun], text: str) -> TrackedRun:
    """Return the run with this id, MLflow id or unique beginning of either."""
    exact = [run for run in runs if text in (run.run_id, run.mlflow_run_id)]
    found = exact or [run for run in runs if run.run_id.startswith(text) or run.mlflow_run_id.startswith(text)]
    if len(found) == 1 or exact:
        return found[0]
    if found:
        raise BadInput(f"{text!r} is the beginning of {len(found)} runs; write more of it")
    hint = did_you_mean(text, [run.run_id for run in runs])
    raise BadInput(f"no finished run {text!r} in MLflow{hint}; `python -m experiments runs` lists all")


def same_test(one: TrackedRun, other: TrackedRun) -> bool:
    return (one.test_fingerprint, one.dataset) == (other.test_fingerprint, other.dataset)


def _one_a_seed(runs: Iterable[TrackedRun]) -> list[TrackedRun]:
    """Keep the latest run of each seed, seeds ascending; `runs` come newest first."""
    latest: dict[int, TrackedRun] = {}
    for run in runs:
        latest.setdefault(run.seed, run)
    return [latest[seed] for seed in sorted(latest)]


def _one_side(name: str, stages: list[str], reference: TrackedRun | None) -> str:
    if "final" not in stages or "baseline" not in stages:
        missing = "baseline" if "baseline" not in stages else "final"
        if not stages:
            return f"{name}: no finished run on this test set"
        command = f"python -m experiments launch {missing} --set defect_class={name}"
        return f"{name}: no finished {missing} run yet; start one with `{command}`"
    where = f" ({reference.dataset})" if reference else ""
    return f"{name}: baseline and newest final were tested on different images; train both for one test set{where}"


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
