"""What a list of experiments says of each: its state, last and best IoU, and how its last runs did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.journal import number
from experiments.run_view import RunView
from experiments.runs import is_prepared_only

TREND_RUNS = 10
# what studies hold finals against; it says nothing of how well the experiment itself does
ARMS = ("equal_budget", "full_masks")


@dataclass(frozen=True, slots=True)
class Summary:
    """An experiment by its runs.

    Attributes:
        status: of the run that is meant: the newest active one, else the newest, else the newest of `ARMS`.
        active: how many runs work now, those of sweeps and studies too.
        metric: where the scores come from, `test` or `val`; `""` without any.
        last: IoU of the run that is meant, in [0, 1].
        best: highest IoU among runs that are like it.
        trend: IoU of the last runs that are like it, oldest first, at most `TREND_RUNS`.
        best_run: id of the run with the highest IoU.
    """

    status: str
    active: int = 0
    metric: str = ""
    last: float | None = None
    best: float | None = None
    trend: tuple[float, ...] = ()
    best_run: str = ""


def summarise(runs: Iterable[RunView]) -> dict[str, Summary]:
    """Return experiment name -> summary.

    Args:
        runs: newest first.
    """
    grouped: dict[str, list[RunView]] = {}
    for run in runs:
        grouped.setdefault(run.experiment, []).append(run)
    return {name: summary_of(own) for name, own in grouped.items()}


def summary_of(runs: Sequence[RunView]) -> Summary:
    """Return the summary of one experiment's runs, newest first, at least one."""
    kept = [run for run in runs if not run.archived] or list(runs)
    known = [run for run in kept if not is_prepared_only(run)] or kept
    active = [run for run in known if run.is_active]
    meant = (active or [run for run in known if run.stage not in ARMS] or known)[0]
    # studies and sweeps run one experiment for many classes, and as other stages: only like is held against like
    alike = [run for run in known if _kind(run) == _kind(meant)]
    metric = _metric(meant, alike)
    scored = [(value, run.run_id) for run in alike if (value := _score(run, metric)) is not None]
    best, best_run = max(scored, key=lambda pair: pair[0], default=(None, ""))
    trend = tuple(value for value, _ in scored[:TREND_RUNS][::-1])
    return Summary(meant.status, len(active), metric if scored else "", _score(meant, metric), best, trend, best_run)


def _kind(run: RunView) -> tuple[object, ...]:
    return run.stage, run.defect_class


def _metric(meant: RunView, alike: Sequence[RunView]) -> str:
    """Both scores are of one kind: that of the run that is meant, else the one that others have."""
    for metric in ("test", "val"):
        if _score(meant, metric) is not None:
            return metric
    return "test" if any(_score(run, "test") is not None for run in alike) else "val"


def _score(run: RunView, metric: str) -> float | None:
    return number(run.test.get("iou")) if metric == "test" else run.best_iou
