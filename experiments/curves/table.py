"""Points of several runs as rows: what the charts of the dashboard show, without it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.curves.axis import KINDS, Axis
from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series, Values
from pipeseg.errors import BadInput, did_you_mean

USUAL_METRICS = ("train/loss", "val/loss", "val/iou")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the curves.

    Attributes:
        left, right: window, in the unit of the axis; None for no bound.
        weight: of the smoothing, in [0, 1).
        points: at most about so many points a curve, spikes kept; 0 for all.
    """

    kind: str = "step"
    left: float | None = None
    right: float | None = None
    weight: float = 0.0
    points: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve.

    Attributes:
        place: where it lies on the axis that was asked for.
        value: NaN for a gap.
        smoothed: None where no smoothing was asked for.
    """

    run: str
    metric: str
    step: float
    place: float
    value: float
    smoothed: float | None


def chosen_metrics(runs: Sequence[tuple[str, RunCurves]], asked: Sequence[str]) -> list[str]:
    """Return the metrics to show, in order.

    Raises:
        BadInput: one that was asked for is in no run.
    """
    known = list(dict.fromkeys(name for _, curves in runs for name in curves.series))
    for name in asked:
        if name not in known:
            listed = f" (known: {', '.join(known)})" if known else " (the journal has none yet)"
            raise BadInput(f"--metric: no curve {name!r}{did_you_mean(name, known)}{listed}")
    return list(asked) or [name for name in USUAL_METRICS if name in known] or known[:2]


def points(runs: Sequence[tuple[str, RunCurves]], metrics: Sequence[str], wanted: Wanted) -> Iterator[Point]:
    """Yield the points run by run, metric by metric, in their order.

    Raises:
        BadInput: epochs are asked for, and a journal names none.
    """
    for run_id, curves in runs:
        axis = axis_of(run_id, curves, wanted.kind)
        for metric in metrics:
            if series := curves.series.get(metric):
                smoothed = _smoothed(series, wanted.weight)
                for index in _indices(series, axis, wanted):
                    place = axis.place(axis.keys(series)[index])
                    value = smoothed.ys[index] if smoothed else None
                    yield Point(run_id, metric, series.xs[index], place, series.ys[index], value)


def nearest(runs: Sequence[tuple[str, RunCurves]], metrics: Sequence[str], wanted: Wanted, at: float) -> list[Point]:
    """Return the point of every curve that is nearest to a place, as the crosshair does."""
    found = []
    for run_id, curves in runs:
        axis = axis_of(run_id, curves, wanted.kind)
        for metric in metrics:
            if (series := curves.series.get(metric)) and (
                index := series.nearest(axis.key(at), axis.keys(series))
            ) is not None:
                smoothed = _smoothed(series, wanted.weight)
                place = axis.place(axis.keys(series)[index])
                value = smoothed.ys[index] if smoothed else None
                found.append(Point(run_id, metric, series.xs[index], place, series.ys[index], value))
    return found


def axis_of(run_id: str, curves: RunCurves, kind: str) -> Axis:
    """Return the axis of a run.

    Raises:
        BadInput: no such axis, or the journal names no epochs.
    """
    if kind not in KINDS:
        raise BadInput(f"--x: unknown {kind!r}{did_you_mean(kind, KINDS)} (known: {', '.join(KINDS)})")
    axis = curves.axis(kind)
    if axis is None:
        raise BadInput(f"{run_id}: its journal names no epochs; use --x step or --x time")
    return axis


def _smoothed(series: Series, weight: float) -> Values | None:
    if not weight:
        return None
    smoothed = series.smoothed(weight)
    smoothed.catch_up()
    return smoothed


def _indices(series: Series, axis: Axis, wanted: Wanted) -> Iterator[int]:
    """Yield which points are kept: all in the window, or first, lowest, highest and last of every column."""
    keys = axis.keys(series)
    left = axis.place(keys[0]) if wanted.left is None else wanted.left
    right = axis.place(keys[-1]) if wanted.right is None else wanted.right
    inside = [index for index in range(len(series)) if left <= axis.place(keys[index]) <= right]
    if not wanted.points or len(inside) <= wanted.points:
        yield from inside
        return
    size = -(-len(inside) // max(1, wanted.points // 4))
    for start in range(0, len(inside), size):
        yield from _kept(series, inside[start : start + size])


def _kept(series: Series, stretch: list[int]) -> list[int]:
    """Return first, lowest, highest and last point of a stretch, and a gap if there is one."""
    numbers = [index for index in stretch if series.ys[index] == series.ys[index]]
    kept = {stretch[0], stretch[-1]}
    if numbers:
        kept |= {min(numbers, key=series.ys.__getitem__), max(numbers, key=series.ys.__getitem__)}
    if len(numbers) < len(stretch):
        kept.add(next(index for index in stretch if series.ys[index] != series.ys[index]))
    return sorted(kept)
