"""The charts of Live: the watched run, others over it, the baseline behind it; one window and one crosshair for all."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widgets import Static

from app.text import escape
from app.widgets.chart import Chart
from app.widgets.chart_drawing import prepare
from app.widgets.chart_view import PAN, WEIGHTS, ZOOM, View
from app.widgets.chart_words import runs_in_words, seen_in_words
from app.widgets.drawn import Bare
from app.widgets.plots import GHOST, Line, Plot, Track, metrics_of, plots, usual_metrics
from app.widgets.told import tell_if_any
from experiments.curves.axis import KINDS

if TYPE_CHECKING:
    from experiments.curves.run_curves import RunCurves

# a chart over SSH is a few KiB: what runs write is drawn at most so often, what keys ask for at once
DRAW_SECONDS = 0.2
# so many points are smoothed between two keys
SMOOTH_POINTS = 50_000
SMOOTH_SECONDS = 0.02
WIDE_CHARTS = 110
# the least that a chart needs to be read
ROWS_OF_CHART, COLUMNS_OF_CHART = 6, 24


class Charts(Bare, Container):
    """The charts side by side."""


class ChartsPanel(Bare, Vertical):
    """Told by the App which runs there are and what is new of them; keeps window, axis, smoothing and crosshair.

    Attributes:
        tracks: the watched run, then what is drawn with it.
        chosen: the metrics that a person chose; None for the usual ones.
        following: whether the watched run still grows: then a zoom holds on to the newest point.
    """

    DEFAULT_CSS = """
    ChartsPanel {
        & > Container { layout: grid; grid-size: 2; grid-gutter: 0 2; height: 1fr; }
        & > Static { height: auto; max-height: 2; display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = View()
        self.tracks = [Track("", "", 0)]
        self.chosen: list[str] | None = None
        self.following = False
        self.plots: list[Plot] = []
        self._left_out = 0
        self._drawn_at = 0.0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Charts():
            yield Chart("loss")
            yield Chart("iou")
        yield Static()

    # -- what there is -------------------------------------------------------------------------------------------

    @property
    def watched(self) -> Track:
        return self.tracks[0]

    def points(self, metric: str) -> int:
        """Return how many points of a metric the watched run has."""
        return len(self.watched.curves.series.get(metric, ()))

    def clear(self) -> None:
        """Turn to another run; what lies over it stays, its baseline does not."""
        self.tracks = [Track("", "", 0), *(track for track in self.tracks[1:] if track.slot != GHOST)]
        self.view.show_whole()
        self.draw()

    def extend(self, piece: "RunCurves", track: Track | None = None, *, anew: bool = False) -> None:
        """Append what is new of a run, the watched one by default; of one that is no longer drawn it is dropped.

        Args:
            anew: whether its curves begin anew first: a study went on to its next run.
        """
        track = track or self.watched
        if any(track is each for each in self.tracks):
            if anew:
                track.clear()
            track.curves.join(piece)
            self.draw_soon()

    def lay_over(self, tracks: Iterable[Track]) -> None:
        """Draw these with the watched run."""
        self.tracks[1:] = tracks
        self.draw()

    def choose(self, metrics: Sequence[str]) -> None:
        """Show these metrics; none for the usual ones."""
        self.chosen = list(metrics) or None
        self.draw()

    def choices(self) -> dict[str, object]:
        """Return what a person chose, as JSON knows it; see `set_choices`."""
        view = self.view
        return {"axis": view.axis, "log": view.log, "weight": view.weight, "metrics": self.chosen}

    def set_choices(self, choices: Mapping[str, object]) -> None:
        """Take what was chosen before; what is none of the choices is left as it is."""
        view, metrics = self.view, choices.get("metrics")
        view.axis = next((kind for kind in KINDS if kind == choices.get("axis")), view.axis)
        view.weight = next((weight for weight in WEIGHTS if weight == choices.get("weight")), view.weight)
        view.log = choices.get("log") is True
        self.choose([name for name in metrics if isinstance(name, str)] if isinstance(metrics, list) else ())

    def metrics(self) -> list[str]:
        """Return the metrics that are shown."""
        every = metrics_of(self.tracks)
        return [name for name in every if name in self.chosen] if self.chosen else usual_metrics(every)

    # -- drawing -------------------------------------------------------------------------------------------------

    def draw_soon(self) -> None:
        """Draw what is new, with what else comes until then; a panel that nobody sees is drawn when it is shown."""
        if self._timer is None and self.is_on_screen:
            wait = self._drawn_at + DRAW_SECONDS - time.monotonic()
            self._timer = self.set_timer(max(0.001, wait), self.draw)

    def draw(self) -> None:
        """Draw everything as it is now."""
        if self._timer:
            self._timer.stop()
            self._timer = None
        if not self.is_attached or not self.query(Chart):
            return
        self._drawn_at = time.monotonic()
        wanted = plots(self.tracks, self.metrics(), self.view.axis)
        columns, room = self._layout(len(wanted))
        self.plots, self._left_out = wanted[:room], len(wanted[room:])
        waiting = [prepare(line.series, self.view, SMOOTH_POINTS) for line in self.lines()]
        window = self.view.window(*self.extent())
        charts = self._charts(columns)
        for chart, plot in zip(charts, self.plots, strict=True):
            chart.show(plot, self.view, window)
        self._write_legend(window)
        if any(waiting):
            self._timer = self.set_timer(SMOOTH_SECONDS, self.draw)

    def _layout(self, count: int) -> tuple[int, int]:
        """Return how many charts lie side by side, and for how many there is room."""
        width, height = self.size
        columns = min(count, 3 if count > 2 and width >= WIDE_CHARTS else 2)
        rows = max(1, (height - 1) // ROWS_OF_CHART)
        if columns * rows < count:  # low terminals show narrow charts rather than cut ones
            columns = max(columns, min(-(-count // rows), width // COLUMNS_OF_CHART))
        return columns, max(1, columns * rows)

    def _charts(self, columns: int) -> list[Chart]:
        """Return as many charts as there are plots, laid out side by side."""
        box = self.query_one(Container)
        charts = list(box.query(Chart))
        for chart in charts[len(self.plots) :]:
            chart.remove()
        charts = charts[: len(self.plots)]
        for plot in self.plots[len(charts) :]:
            charts.append(Chart(plot.group))
            box.mount(charts[-1])
        if box.styles.grid_size_columns != columns:
            box.styles.grid_size_columns = columns
        return charts

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def lines(self) -> list[Line]:
        return [line for plot in self.plots for line in plot.lines]

    def extent(self) -> tuple[float, float]:
        """Return where the curves begin and end on the x axis."""
        ends = [
            line.axis.place(key) for line in self.lines() for key in (line.axis.keys(line.series)[i] for i in (0, -1))
        ]
        return (min(ends), max(ends)) if ends else (0.0, 1.0)

    def _write_legend(self, window: tuple[float, float]) -> None:
        colour = self.query(Chart).first().get_component_rich_style
        parts = runs_in_words(self.tracks, self.view, lambda name: colour(name).color)
        told = seen_in_words(self.view, self.lines(), window, self.extent()[1], self._left_out)
        if told:
            parts.append(f"[$foreground 60%]{escape(' · '.join(told))}[/]")
        tell_if_any(self.query_one(Static), "  ".join(parts))

    # -- keys and mouse ------------------------------------------------------------------------------------------

    def zoom(self, factor: float | None = None, at: float | None = None) -> None:
        """Zoom by a factor below 1 (in) or above; None shows the whole and takes the crosshair away.

        Without `at` the crosshair stays where it is, else the newest point while the run goes on, else the middle.
        """
        if factor is None:
            self.view.show_whole()
        else:
            extent = self.extent()
            left, right = self.view.window(*extent)
            if at is None:
                at = self.view.cursor
            if at is None or not left <= at <= right:
                at = right if self.following and self.view.right is None else (left + right) / 2
            self.view.zoom(factor, at, *extent)
        self.draw()

    def zoom_by(self, direction: int) -> None:
        """Zoom in (1), out (-1), or show the whole (0)."""
        self.zoom(ZOOM**-direction if direction else None)

    def pan_by(self, direction: int) -> None:
        self.view.pan(PAN * direction, *self.extent())
        self.draw()

    def cycle_axis(self) -> None:
        """Go to the next kind of x axis; what was in view stays in view."""
        view, extent = self.view, self.extent()
        window, cursor = view.window(*extent), view.cursor
        own = self.watched.curves.axis(view.axis)
        longest = max(self.lines(), key=lambda line: (line.axis == own, len(line.series)), default=None)
        kind = KINDS[(KINDS.index(view.axis) + 1) % len(KINDS)]
        track = next((each for each in self.tracks if longest and longest.series in each.curves.series.values()), None)
        after = track.curves.axis(kind) if track else None
        view.axis = kind

        def moved(place: float) -> float:
            index = longest.series.nearest(longest.axis.key(place), longest.axis.keys(longest.series))
            return after.place(after.keys(longest.series)[index])

        if longest is None or after is None:
            view.show_whole()
        else:
            if view.span is not None:
                left, right = map(moved, window)
                view.span, view.right = max(right - left, 1e-9), None if view.right is None else right
            view.cursor = None if cursor is None else moved(cursor)
        self.draw()

    def toggle_log(self) -> None:
        self.view.log = not self.view.log
        if not self.view.log:
            for line in self.lines():
                line.series.drop_derived(positive=True)
        self.draw()

    def cycle_smoothing(self) -> None:
        self.view.next_weight()
        if not self.view.weight:
            for line in self.lines():
                line.series.drop_derived(smoothed=True)
        self.draw()

    def step_cursor(self, direction: int) -> None:
        """Move the crosshair one column, or to the next point where points are further apart than columns."""
        left, right = self.view.window(*self.extent())
        frame = next((chart.frame for chart in self.query(Chart) if chart.frame), None)
        if frame is None:
            return
        before = self.view.cursor
        if before is None or not left <= before <= right:
            self._point(right if direction < 0 else left, pinned=True)
            return
        column = (right - left) / max(1, frame.columns)
        target = before + direction * column
        nearest = []
        for line in self.lines():
            keys = line.axis.keys(line.series)
            index = line.series.nearest(line.axis.key(before), keys)
            while index is not None and 0 <= index < len(keys):
                place = line.axis.place(keys[index])
                if (place - before) * direction > column * 1e-6:
                    nearest.append(place)
                    break
                index += direction
        if nearest:
            closest = min(nearest, key=lambda place: abs(place - before))
            if abs(closest - before) > column:
                target = closest
        self._point(min(max(target, left), right), pinned=True)

    def _point(self, place: float | None, *, pinned: bool) -> None:
        self.view.cursor, self.view.pinned = place, pinned
        for chart in self.query(Chart):
            chart.point()

    @on(Chart.Zoomed)
    def _zoomed(self, message: Chart.Zoomed) -> None:
        self.zoom(message.factor, message.at)

    @on(Chart.Panned)
    def _panned(self, message: Chart.Panned) -> None:
        self.view.pan(message.share, *self.extent())
        self.draw()

    @on(Chart.Pointed)
    def _pointed(self, message: Chart.Pointed) -> None:
        if message.place is None and self.view.pinned:
            return
        if message.place is not None and self.view.pinned and not message.pinned:
            return
        self._point(message.place, pinned=message.pinned)
