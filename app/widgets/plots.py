"""Which charts there are, and which lines in them: from the runs that are shown and the metrics that were chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.language import N_
from experiments.curves.axis import Axis
from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series

# filled for what val says, hollow for train; a run keeps its pair. Told apart without colour.
GLYPHS = ("●○", "◆◇", "▲△", "■□", "▼▽", "◀◁", "▶▷")
MAX_OVERLAYS = len(GLYPHS) - 1
GHOST_GLYPHS = "×+"
GHOST = -1
BEST = "★"
MAX_CHARTS = 6

_DEFAULT = ("loss", "iou")
_TITLES = {"iou": "IoU", "iou_dataset": N_("IoU of the dataset"), "dice": "Dice"}
# means of parts of one: higher is better, and never above one
_SCORES = {"iou", "iou_dataset", "dice", "recall", "specificity", "precision", "accuracy", "f1"}


@dataclass
class Track:
    """A run whose curves are drawn.

    Attributes:
        slot: 0 for the run that is watched, 1.. for overlays, `GHOST` for the baseline. It decides glyph and colour.
        label: what the legend calls it.
    """

    run_id: str
    label: str
    slot: int
    curves: RunCurves = field(default_factory=RunCurves)

    def clear(self) -> None:
        self.curves = RunCurves()


@dataclass(frozen=True)
class Line:
    """One curve in a chart.

    Attributes:
        style: name of the component class that colours it.
        faint: whether it stays in the background.
        best: whether its highest point is marked.
        dotted: whether its glyph also stands along the curve, because there are others of its kind.
    """

    metric: str
    series: Series
    axis: Axis
    label: str
    glyph: str
    style: str
    faint: bool = False
    best: bool = False
    dotted: bool = False


@dataclass(frozen=True)
class Plot:
    """A chart: its title and its lines, those in the background first."""

    group: str
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        return _TITLES.get(self.group, self.group.replace("_", " "))

    @property
    def ceiling(self) -> float | None:
        return 1.0 if self.group in _SCORES else None


def group_of(metric: str) -> str:
    """Return the chart that a metric belongs to: train/loss and val/loss share one."""
    return metric.rpartition("/")[2]


def metrics_of(tracks: Iterable[Track]) -> list[str]:
    """Return every metric of some runs, those that are shown by default first."""
    names = dict.fromkeys(name for track in tracks for name in track.curves.series)
    usual = [name for group in _DEFAULT for name in names if group_of(name) == group]
    return [*usual, *(name for name in names if name not in usual)]


def usual_metrics(metrics: Sequence[str]) -> list[str]:
    """Return what is shown when nobody chose: losses and IoU, else the first two charts that there are."""
    groups = [group for group in _DEFAULT if any(group_of(name) == group for name in metrics)]
    if not groups:
        groups = list(dict.fromkeys(map(group_of, metrics)))[:2]
    return [name for name in metrics if group_of(name) in groups]


def plots(tracks: Sequence[Track], metrics: Sequence[str], kind: str) -> list[Plot]:
    """Return the charts of some metrics, in their order; the first track is the one that is watched.

    A run whose journal names no epochs is left out on the axis of epochs.
    """
    groups = list(dict.fromkeys(map(group_of, metrics)))[:MAX_CHARTS] or list(_DEFAULT)
    return [
        Plot(group, tuple(_lines(tracks, [name for name in metrics if group_of(name) == group], kind)))
        for group in groups
    ]


def _lines(tracks: Sequence[Track], metrics: Sequence[str], kind: str) -> Iterable[Line]:
    several = len(tracks) > 1
    # the ghost lies behind all, the watched run before all
    for track in sorted(tracks, key=lambda track: (track.slot != GHOST, -track.slot)):
        axis = track.curves.axis(kind)
        shown = [name for name in metrics if track.curves.series.get(name)]
        if track.slot == GHOST and any(name.startswith("val/") for name in shown):
            shown = [name for name in shown if name.startswith("val/")]
        for name in shown if axis else ():
            of_train = name.startswith("train/")
            place = metrics.index(name)
            if not several:
                glyph, style = GLYPHS[place % len(GLYPHS)][0], f"chart--metric{place % 4}"
            elif track.slot == GHOST:
                glyph, style = GHOST_GLYPHS[of_train], "chart--ghost"
            else:
                hollow = of_train and len(metrics) > 1
                glyph, style = GLYPHS[track.slot][hollow], f"chart--run{track.slot}"
            yield Line(
                name,
                track.curves.series[name],
                axis,
                name.rpartition("/")[0] or name,
                glyph,
                style,
                faint=several and (track.slot == GHOST or (of_train and len(metrics) > 1)),
                best=track.slot == 0 and group_of(name) in _SCORES,
                dotted=several,
            )
