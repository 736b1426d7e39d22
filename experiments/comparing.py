"""From paired runs to the rows of the comparison: every image averaged over seeds, every difference paired."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments import statistics
from experiments.comparison import LOWER_IS_BETTER, Checkpoints, Comparison, EqualBudget, FullMasks, Share, judge
from experiments.comparison_notes import unequal, weaknesses
from experiments.mlflow_store import StoreUnreachable
from experiments.pairing import Pairing
from experiments.tracking import ImageScore, TrackedRun

MEAN = "mean over classes"

Scores = Callable[[TrackedRun], list[ImageScore] | None]
Summaries = Callable[[TrackedRun], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of one class on the images that count in every run of its arms.

    Attributes:
        row: of the class, without numbers.
        files: of the images.
        arms: stages, `baseline` and `final` first.
        values: float64 (images, arms), averaged over seeds.
        groups: duplicate group of each image.
        by_seed: arm -> seed -> mean over the images.
        runs: arm -> run ids.
    """

    row: Comparison
    files: tuple[str, ...]
    arms: tuple[str, ...]
    values: np.ndarray
    groups: tuple[str, ...]
    by_seed: Mapping[str, Mapping[int, float]]
    runs: Mapping[str, tuple[str, ...]]


def compare(
    pairings: Iterable[Pairing],
    scores: Scores,
    metric: str = "iou",
    summaries: Summaries | None = None,
    *,
    draws: int = statistics.DRAWS,
) -> tuple[list[Comparison], list[str]]:
    """Compare each pairing on its test images, and the mean over classes where there are several.

    Args:
        scores: returns the per-image scores of a run, None where there are none; see `TrackingReader.per_image`.
        metric: one of `comparison.METRICS`, the one that `scores` returns.
        summaries: returns a run's summary, which says what its best checkpoint was; None = not asked for.
        draws: bootstrap draws and sign patterns.

    Returns:
        One row a class, the mean over classes last, and notes on what weakens them.
    """
    rows, measured, notes = [], [], []
    for pairing in pairings:
        scored, row, remarks = read_pairing(pairing, scores, metric)
        if scored:
            measured.append(scored)
            row = _measure([scored], scored.row, draws)
        if row:
            rows.append(replace(row, **_chosen(pairing, metric, summaries, remarks)) if summaries else row)
        notes += [f"{pairing.defect_class}: {remark}" for remark in [*remarks, *unequal(pairing)]]
    if len(measured) > 1:
        rows.append(_measure(measured, _mean_row([scored.row for scored in measured]), draws))
    judged = judge(rows)
    return judged, notes + weaknesses(judged)


def read_pairing(pairing: Pairing, scores: Scores, metric: str) -> tuple[Scored | None, Comparison | None, list[str]]:
    """Fetch the scores of a pairing; where some are missing, return a row of the means that MLflow knows."""
    notes: list[str] = []
    tables = {stage: _fetch(stage, runs, scores, metric, notes) for stage, runs in pairing.arms.items()}
    first, second = tables.pop("baseline"), tables.pop("final")
    if not (first and second):
        return None, _from_means(pairing, metric, notes), notes
    sides = {"baseline": _mean_over_seeds(first), "final": _mean_over_seeds(second)}
    if sides["baseline"].keys() != sides["final"].keys():
        notes.append("the two sides list different test files; only those of both are compared")
    files = [
        file for file, value in sides["baseline"].items() if math.isfinite(value + sides["final"].get(file, math.nan))
    ]
    if not files:
        notes.append(f"{metric} is empty for every test image; no row")
        return None, None, notes
    seeds = {"baseline": first, "final": second}
    for stage, found in tables.items():
        column = _mean_over_seeds(found) if found else {}
        if found and all(math.isfinite(column.get(file, math.nan)) for file in files):
            sides[stage], seeds[stage] = column, found
        elif found:
            notes.append(f"the {stage} runs lack scores of some test files; they are left out")
    groups = {score.file: score.group for score in next(iter(first.values()))}
    scored = Scored(
        row=_row(pairing, metric),
        files=tuple(files),
        arms=tuple(sides),
        values=np.array([[column[file] for column in sides.values()] for file in files]),
        groups=tuple(groups[file] for file in files),
        by_seed={stage: _seed_means(found, files) for stage, found in seeds.items()},
        runs={stage: tuple(run.run_id for run in runs) for stage, runs in pairing.arms.items()},
    )
    return scored, None, notes


def _fetch(
    stage: str, runs: Sequence[TrackedRun], scores: Scores, metric: str, notes: list[str]
) -> dict[int, list[ImageScore]] | None:
    """Return the scores of each seed of one arm; None, and a note, where one has none."""
    tables, missing = {}, []
    for run in runs:
        try:
            table = scores(run)
        except StoreUnreachable as error:
            table = None
            notes.append(str(error))
        if table:
            tables[run.seed] = table
        else:
            missing.append(run.run_id)
    if missing:
        what = "no interval" if stage in ("baseline", "final") else f"{stage} is left out"
        notes.append(f"{what}: no per-image {metric} of {', '.join(missing)} in MLflow")
        return None
    return tables


def _mean_over_seeds(tables: Mapping[int, Sequence[ImageScore]]) -> dict[str, float]:
    """Average each image over the runs of one side; NaN where it is empty in one of them, absent where one lacks it."""
    columns = [{score.file: score.value for score in table} for table in tables.values()]
    shared = [file for file in columns[0] if all(file in column for column in columns)]
    return {file: sum(column[file] for column in columns) / len(columns) for file in shared}


def _seed_means(tables: Mapping[int, Sequence[ImageScore]], files: Sequence[str]) -> dict[int, float]:
    kept = set(files)
    return {
        seed: sum(score.value for score in table if score.file in kept) / len(files) for seed, table in tables.items()
    }


def _measure(parts: Sequence[Scored], row: Comparison, draws: int) -> Comparison:
    """Fill a row with what the images of one class, or of several, say."""
    arms = [arm for arm in parts[0].arms if all(arm in part.arms for part in parts)]
    place = {arm: index for index, arm in enumerate(arms)}
    data = statistics.clustered(
        [(part.values[:, [part.arms.index(arm) for arm in arms]], part.groups) for part in parts]
    )
    means = dict(zip(arms, map(float, data.means()), strict=True))
    result = statistics.difference_of(data, place["baseline"], place["final"], draws=draws)
    pairs = np.concatenate([part.values[:, 1] - part.values[:, 0] for part in parts])
    spread = {arm: _over_seeds([part.by_seed[arm] for part in parts]) for arm in ("baseline", "final")}
    changes = [_changes(part.by_seed["baseline"], part.by_seed["final"]) for part in parts]
    row = replace(
        row,
        baseline=means["baseline"],
        final=means["final"],
        ci_low=result.ci_low,
        ci_high=result.ci_high,
        p_value=result.p_value,
        n_images=len(pairs),
        n_groups=data.size,
        se=result.se,
        # classes spread differently: their images together have no one spread
        paired_sd=float(pairs.std(ddof=1)) if len(pairs) > 1 and len(parts) == 1 else None,
        seed_sd_baseline=spread["baseline"],
        seed_sd_final=spread["final"],
        seed_sd_difference=_over_seeds(changes),
    )
    if "equal_budget" in place:
        over = statistics.difference_of(data, place["equal_budget"], place["final"], draws=draws)
        runs = _runs_of(parts, "equal_budget")
        row = replace(
            row,
            equal_budget=EqualBudget(
                means["equal_budget"], over.difference, over.ci_low, over.ci_high, over.p_value, runs
            ),
        )
    if "full_masks" in place:
        shares = _shares(data, place, draws) if row.metric not in LOWER_IS_BETTER else (None, None, None)
        row = replace(row, full_masks=FullMasks(means["full_masks"], *shares, _runs_of(parts, "full_masks")))
    return row


def _runs_of(parts: Sequence[Scored], arm: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for part in parts for run in part.runs[arm]))


def _over_seeds(parts: Sequence[Mapping[int, float]]) -> float | None:
    """Return the standard deviation over the seeds that all parts have of their mean; None with fewer than two."""
    seeds = [seed for seed in parts[0] if all(seed in part for part in parts)]
    values = [sum(part[seed] for part in parts) / len(parts) for seed in seeds]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _changes(first: Mapping[int, float], second: Mapping[int, float]) -> dict[int, float]:
    return {seed: second[seed] - first[seed] for seed in first if seed in second}


def _shares(
    data: statistics.Clustered, place: Mapping[str, int], draws: int
) -> tuple[Share | None, Share | None, Share | None]:
    """Return final / full, and the share of the gap to full that final closes, from baseline and from equal budget."""
    means, final, full = data.means(), place["final"], place["full_masks"]
    if data.size < 2 or means[full] <= 0:
        return None, None, None
    drawn = statistics.resampled(data, draws=draws)

    def share(above: Callable[[np.ndarray], Any], below: Callable[[np.ndarray], Any]) -> Share:
        kept = drawn[below(drawn.T) > 0].T
        return Share(float(above(means) / below(means)), *statistics.interval(above(kept) / below(kept), data.size))

    def closed(arm: str) -> Share | None:
        start = place.get(arm)
        if start is None:
            return None
        gap = statistics.difference_of(data, start, full, draws=draws)
        # a share of nothing is nothing
        if gap.ci_low is None or gap.ci_low <= 0:
            return None
        return share(lambda each: each[final] - each[start], lambda each: each[full] - each[start])

    return share(lambda each: each[final], lambda each: each[full]), closed("baseline"), closed("equal_budget")


def _row(pairing: Pairing, metric: str, baseline: float = math.nan, final: float = math.nan) -> Comparison:
    """Return the row of a pairing, with the means alone."""
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
        metric=metric,
    )


def _mean_row(rows: Sequence[Comparison]) -> Comparison:
    return replace(
        rows[0],
        defect_class=MEAN,
        class_label=None,
        kind="mean",
        classes=len(rows),
        seeds=tuple(sorted({seed for row in rows for seed in row.seeds})),
        baseline_runs=tuple(dict.fromkeys(run for row in rows for run in row.baseline_runs)),
        final_runs=tuple(dict.fromkeys(run for row in rows for run in row.final_runs)),
    )


def _from_means(pairing: Pairing, metric: str, notes: list[str]) -> Comparison | None:
    sides = [[run.test.get(metric, math.nan) for run in side] for side in (pairing.baselines, pairing.finals)]
    first, second = (sum(side) / len(side) for side in sides)
    if not (math.isfinite(first) and math.isfinite(second)):
        notes.append(f"MLflow holds no test/{metric} of both sides either; no row")
        return None
    return _row(pairing, metric, first, second)


def _chosen(pairing: Pairing, metric: str, summaries: Summaries, notes: list[str]) -> dict[str, Checkpoints | None]:
    sides = {"chosen_baseline": pairing.baselines, "chosen_final": pairing.finals}
    try:
        return {key: _checkpoints(runs, metric, summaries) for key, runs in sides.items()}
    except StoreUnreachable as error:
        notes.append(str(error))
        return {}


def _checkpoints(runs: Sequence[TrackedRun], metric: str, summaries: Summaries) -> Checkpoints | None:
    """Return what the runs of one side chose on val; None where one of them does not tell."""
    best = [summaries(run).get("best") or {} for run in runs]
    names = {str(each.get("metric")) for each in best}
    if len(names) != 1 or not all(isinstance(each.get("score"), int | float) for each in best):
        return None
    [name] = names

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(values) else None

    last = [run.last.get(name.removeprefix("val/")) for run in runs]
    return Checkpoints(
        metric=name,
        epochs=tuple(int(each["epoch"]) for each in best),
        best=sum(each["score"] for each in best) / len(best),
        last=mean(last),
        test_last=mean([run.test_last.get(metric) for run in runs]),
    )
