"""A comparison as one JSON object: rows, notes and the runs that could have been chosen; written, kept, read again."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.candidates import Candidate
from experiments.comparison import SHARES, Checkpoints, Comparison, EqualBudget, FullMasks, Share, Verdict
from pipeseg.errors import BadInput, os_error_sentence


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence on what weakens the rows; `metric` is that of the rows it is about, None = all."""

    text: str
    metric: str | None = None

    @property
    def line(self) -> str:
        return f"{self.metric}: {self.text}" if self.metric else self.text


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison as it was at one moment.

    Attributes:
        rows: of one metric or of several.
        made: unix seconds.
        store: tracking URI that was read, without a password.
        baseline, final: runs that were chosen by name; empty = the latest of each.
        candidates: every run that could be on either side.
    """

    rows: tuple[Comparison, ...] = ()
    remarks: tuple[Remark, ...] = ()
    made: float = field(default_factory=time.time)
    store: str = ""
    baseline: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.metric for row in self.rows))

    def of_metric(self, metric: str) -> tuple[Comparison, ...]:
        return tuple(row for row in self.rows if row.metric == metric)

    def remarks_on(self, metric: str) -> list[str]:
        """Return what is said about the rows of one metric."""
        return [remark.text for remark in self.remarks if remark.metric in (None, metric)]

    def run(self, run_id: str) -> Candidate | None:
        return next((found for found in self.candidates if found.run_id == run_id), None)


def common(by_metric: Mapping[str, Iterable[str]]) -> list[Remark]:
    """Return the remarks of several metrics, those that hold for all of them once and first."""
    said = {metric: list(dict.fromkeys(texts)) for metric, texts in by_metric.items()}
    shared = [text for text in next(iter(said.values()), []) if all(text in texts for texts in said.values())]
    own = [Remark(text, metric) for metric, texts in said.items() for text in texts if text not in shared]
    return [*map(Remark, shared), *own]


def to_json(report: Report) -> str:
    value = {
        "made": report.made,
        "store": report.store,
        "baseline": list(report.baseline),
        "final": list(report.final),
        "notes": [{"text": remark.text, "metric": remark.metric} for remark in report.remarks],
        "rows": [row.row() for row in report.rows],
        "runs": [candidate.record() for candidate in report.candidates],
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Report:
    """Read what `to_json`, or `compare --json`, wrote.

    Raises:
        ValueError: it is neither.
    """
    value = json.loads(text)
    try:
        if isinstance(value, list):
            return Report(tuple(map(from_row, value)), made=0.0)
        return Report(
            rows=tuple(from_row(row) for row in value["rows"]),
            remarks=tuple(Remark(str(each["text"]), each["metric"]) for each in value["notes"]),
            made=float(value["made"]),
            store=str(value["store"]),
            baseline=tuple(map(str, value["baseline"])),
            final=tuple(map(str, value["final"])),
            candidates=tuple(Candidate.from_record(each) for each in value["runs"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no comparison ({type(error).__name__}: {error})") from error


def read_report(path: Path) -> Report:
    """Read a file of `compare --format report` or `--json`.

    Raises:
        BadInput: there is no such file, or it holds something else.
    """
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"--read: {os_error_sentence(error)}") from error
    except ValueError as error:
        raise BadInput(f"--read: {path} holds no comparison; `compare --format report -o {path}` writes one") from error


def from_row(row: Mapping[str, Any]) -> Comparison:
    """Return the row that `Comparison.row` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is no such row.
    """
    return Comparison(
        defect_class=str(row["class"]),
        **{key: row[key] for key in _SAME},
        seeds=tuple(map(int, row["seeds"])),
        baseline_runs=tuple(map(str, row["baseline_runs"])),
        final_runs=tuple(map(str, row["final_runs"])),
        verdict=Verdict(row["verdict"]),
        power=row["power_at_5pp"],
        equal_budget=_equal_budget(row),
        full_masks=_full_masks(row),
        chosen_baseline=_chosen(row, "baseline"),
        chosen_final=_chosen(row, "final"),
    )


_SAME = (
    *("baseline", "final", "ci_low", "ci_high", "p_value", "n_images", "class_label", "metric", "kind", "classes"),
    *("n_groups", "se", "paired_sd", "detectable", "seed_sd_baseline", "seed_sd_final", "seed_sd_difference"),
)


def _equal_budget(row: Mapping[str, Any]) -> EqualBudget | None:
    if row["equal_budget"] is None:
        return None
    low, high, p_value = (row[f"over_equal_budget_{key}"] for key in ("ci_low", "ci_high", "p_value"))
    verdict, runs = Verdict(row["over_equal_budget_verdict"]), tuple(row["equal_budget_runs"])
    return EqualBudget(row["equal_budget"], row["over_equal_budget"], low, high, p_value, runs, verdict)


def _full_masks(row: Mapping[str, Any]) -> FullMasks | None:
    if row["full_masks"] is None:
        return None
    shares = []
    for name in SHARES:
        # a file of an earlier version knows fewer
        known = row.get(name) is not None
        shares.append(Share(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"]) if known else None)
    return FullMasks(row["full_masks"], *shares, tuple(row["full_masks_runs"]))


def _chosen(row: Mapping[str, Any], side: str) -> Checkpoints | None:
    if row[f"{side}_chosen_by"] is None:
        return None
    best, last, test_last = (row[f"{side}_{key}"] for key in ("val_best", "val_last", "test_last"))
    return Checkpoints(row[f"{side}_chosen_by"], tuple(row[f"{side}_best_epochs"]), best, last, test_last)


def rows_of(report: Report, metrics: Sequence[str]) -> list[Comparison]:
    """Return the rows of these metrics.

    Raises:
        BadInput: the report holds rows, but none of theirs.
    """
    rows = [row for metric in metrics for row in report.of_metric(metric)]
    if report.rows and not rows:
        raise BadInput(f"--read: there are rows of {', '.join(report.metrics)}, none of {', '.join(metrics)}")
    return rows
