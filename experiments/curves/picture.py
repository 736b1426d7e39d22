"""Curves of several runs as a PNG: a panel for each kind of metric, a colour and a marker for each run."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from experiments.curves.table import Point, Wanted
from experiments.drawing import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, told apart by every kind of colour vision
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000")
MARKERS = "oD^svP*"
WIDTH, HEIGHT = 5.2, 3.6
MOST_COLUMNS = 3
_AXES = {"step": "step", "epoch": "epoch", "time": "minutes since the start"}


def draw(points: Sequence[Point], wanted: Wanted, *, log: bool = False, faint: str | None = None) -> bytes:
    """Return a PNG.

    Args:
        points: in the order of runs, metrics and steps.
        log: whether values are on a logarithmic scale.
        faint: a run that is drawn grey, as a baseline behind the others.
    """
    runs = list(dict.fromkeys(point.run for point in points))
    groups = list(dict.fromkeys(point.metric.rpartition("/")[2] for point in points))
    columns = min(len(groups), MOST_COLUMNS) or 1
    rows = -(-len(groups) // columns) or 1

    def fill(figure: "Figure") -> None:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in panels[len(groups) :]:
            axes.set_axis_off()
        for axes, group in zip(panels, groups, strict=False):
            own = [point for point in points if point.metric.rpartition("/")[2] == group]
            _fill(axes, own, runs, wanted, faint)
            axes.set_title(group)
            axes.set_yscale("log" if log else "linear", **({"nonpositive": "mask"} if log else {}))
        if groups:
            handles = {label: handle for axes in panels for handle, label in zip(*_legend(axes), strict=True)}
            figure.legend(handles.values(), handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)

    return drawn(WIDTH * columns, HEIGHT * rows + 0.5, fill)


def _legend(axes: "Axes") -> tuple[list, list[str]]:
    return axes.get_legend_handles_labels()


def _fill(axes: "Axes", points: Sequence[Point], runs: Sequence[str], wanted: Wanted, faint: str | None) -> None:
    for (run, metric), of_curve in groupby(points, key=lambda point: (point.run, point.metric)):
        curve, place = list(of_curve), runs.index(run)
        colour = "0.7" if run == faint else COLOURS[place % len(COLOURS)]
        style = {"color": colour, "linestyle": "--" if metric.startswith("train/") else "-"}
        xs = [point.place / 60 if wanted.kind == "time" else point.place for point in curve]
        label = f"{run} {metric.rpartition('/')[0]}".strip()
        if wanted.weight:
            axes.plot(xs, [point.value for point in curve], alpha=0.25, linewidth=0.8, **style)
        values = [point.value if point.smoothed is None else point.smoothed for point in curve]
        marker = {"marker": MARKERS[place % len(MARKERS)], "markersize": 4, "markevery": max(1, len(xs) // 8)}
        axes.plot(xs, values, label=label, linewidth=1.4, zorder=1 if run == faint else 2, **style, **marker)
    axes.set_xlabel(_AXES[wanted.kind])
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
