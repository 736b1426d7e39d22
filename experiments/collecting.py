"""From MLflow to everything that a comparison is: its rows, what weakens them, and what they were made from."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from experiments.comparison_report import Remark, Report
    from experiments.pairing import Pairing
    from experiments.tracking import ImageScore, TrackedRun, TrackingReader

Tick = Callable[[int, int], None]


class Collected(NamedTuple):
    """What was found: the rows, remarks for the person, and what they were made from."""

    rows: "list[Comparison]"
    remarks: "list[Remark]"
    pairings: "list[Pairing]"
    runs: "list[TrackedRun]"
    reader: "TrackingReader"


def collect(
    *,
    metrics: Sequence[str] = ("iou",),
    baseline: Sequence[str] = (),
    final: Sequence[str] = (),
    dataset: str | None = None,
    defect_class: str | None = None,
    experiment_name: str | None = None,
    tick: Tick = lambda done, total: None,
) -> Collected:
    """Read MLflow and compare.

    Args:
        metrics: no metric = find the runs that belong together, and read nothing of them.
        tick: told how many of the runs' tables are read.

    Raises:
        BadInput: an unknown run, class or experiment name.
        StoreUnreachable: the tracking store does not answer.
    """
    from experiments.comparing import compare
    from experiments.comparison_report import Remark, common
    from experiments.pairing import pair_runs
    from experiments.tracking import TrackingReader
    from pipeseg.settings import Settings

    reader = TrackingReader(Settings.load().tracking_uri)
    runs = reader.finished_runs(experiment_name)
    pairings, notes = pair_runs(runs, baseline=baseline, final=final, dataset=dataset, defect_class=defect_class)
    read = _counted(reader, sum(len(side) for pairing in pairings for side in pairing.arms.values()), tick)
    rows, said = [], {}
    for metric in metrics:
        more, said[metric] = compare(pairings, lambda run, metric=metric: read(run, metric), metric, reader.summary)
        rows += more
    remarks = [*map(Remark, dict.fromkeys(notes)), *common(said)]
    if metrics and not runs:
        remarks.append(
            Remark(
                "nothing to compare: MLflow holds no finished baseline or final run; "
                "start with `python -m experiments launch baseline --set defect_class=CLASS`"
            )
        )
    elif metrics and not rows and not remarks:
        text = "nothing to compare: no run was tested on this dataset; `python -m experiments runs` lists them"
        remarks.append(Remark(text))
    return Collected(rows, remarks, pairings, runs, reader)


def _counted(
    reader: "TrackingReader", total: int, tick: Tick
) -> "Callable[[TrackedRun, str], list[ImageScore] | None]":
    """Return `reader.per_image` that tells how many of `total` tables have been read."""
    seen: set[tuple[str, str]] = set()

    def read(run: "TrackedRun", metric: str) -> "list[ImageScore] | None":
        try:
            return reader.per_image(run, metric)
        finally:
            if (key := (run.mlflow_run_id, run.results)) not in seen:
                seen.add(key)
                tick(len(seen), total)

    return read


def report(found: Collected, baseline: Sequence[str] = (), final: Sequence[str] = ()) -> "Report":
    """Return what was collected as one object, with every run that could have been chosen."""
    from experiments.candidates import candidates
    from experiments.comparison_report import Report

    return Report(
        rows=tuple(found.rows),
        remarks=tuple(found.remarks),
        store=without_password(found.reader.uri),
        baseline=tuple(baseline),
        final=tuple(final),
        candidates=tuple(candidates(found.runs)),
    )


def without_password(uri: str) -> str:
    """Return a URI as it may stand in a file that is handed on."""
    scheme, mark, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}" if mark else uri
