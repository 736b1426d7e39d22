"""How long a frame of a chart takes: `python benchmarks/charts.py [--json] [--quick]`.

Five noisy curves of 1,000 to 1,000,000 points on terminals of 80x24 and 200x50: whole, zoomed to a hundredth, smoothed,
over epochs and time. The reference is the same raster given every point (no decimation), or plotext where that is
installed, in the same process. Points arrive before the clock starts, as they do while a run is followed; what a frame
prepares again and again (window, axes, decimation, raster, coloured rows) is what is measured.
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from rich.style import Style

from app.widgets.braille import Canvas
from app.widgets.chart_drawing import draw, prepare
from app.widgets.chart_view import View
from app.widgets.plots import Line, Plot, Track, plots
from benchmarks.figures import Figures
from experiments.curves.decimation import Span
from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series

CURVES = 5
SIZES = ((80, 24), (200, 50))
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
QUICK_COUNTS = (1_000, 100_000, 1_000_000)
STEPS_PER_EPOCH = 500
# the reference looks at every point: beyond this it takes minutes
MOST_FOR_REFERENCE = 100_000
WAYS = {
    "whole": View(),
    "zoomed 100x": View(),
    "whole, smoothed 0.9": View(weight=0.9),
    "whole, log": View(log=True),
    "whole, epochs": View(axis="epoch"),
    "whole, time": View(axis="time"),
}


def make_runs(count: int) -> list[Track]:
    """Return runs whose one curve falls noisily, with a gap now and then."""
    generator, tracks = random.Random(0), []
    for slot in range(CURVES):
        curves, series = RunCurves(), Series()
        for step in range(count):
            y = math.exp(-3 * step / count) + 0.1 * slot + 0.05 * generator.random()
            series.append(step, math.nan if generator.random() < 1e-5 else y, step * 0.5)
        for step in range(STEPS_PER_EPOCH - 1, count, STEPS_PER_EPOCH):
            curves.epochs.add(step, step // STEPS_PER_EPOCH + 1)
        curves.epochs.add(count - 1, count // STEPS_PER_EPOCH + 1)
        curves.start, curves.series["val/loss"] = 0.0, series
        tracks.append(Track(str(slot), str(slot), slot, curves))
    return tracks


def fastest(frame: Callable[[], object], rounds: int) -> float:
    """Return milliseconds of the fastest of some rounds: noise only ever adds."""
    best = math.inf
    for _ in range(rounds):
        started = time.perf_counter()
        frame()
        best = min(best, time.perf_counter() - started)
    return best * 1000


def plot_of(tracks: list[Track], view: View) -> Plot:
    (plot,) = plots(tracks, ["val/loss"], view.axis)
    for line in plot.lines:
        while prepare(line.series, view):
            pass
    return plot


def window(lines: tuple[Line, ...], view: View, zoomed: bool) -> tuple[float, float]:
    ends = [line.axis.place(key) for line in lines for key in (line.axis.keys(line.series)[i] for i in (0, -1))]
    low, high = min(ends), max(ends)
    return (low + (high - low) * 0.4, low + (high - low) * 0.41) if zoomed else (low, high)


def undecimated(tracks: list[Track], width: int, height: int) -> None:
    """Draw every point with the same raster."""
    canvas = Canvas(width - 6, height - 3)
    for track in tracks:
        canvas.curve(_every_point(track.curves.series["val/loss"], canvas.width * 2), 0.0, 2.0, track.slot + 1)
    canvas.rows()


def _every_point(series: Series, columns: int) -> Iterator[Span]:
    per_step, joined = (columns - 1) / (len(series) - 1), False
    for x, y in zip(series.xs, series.ys, strict=True):
        if y == y:
            yield Span(round(x * per_step), y, y, y, y, joined)
        joined = y == y


def with_plotext(tracks: list[Track], width: int, height: int) -> None:
    import plotext

    plotext.clear_figure()
    plotext.plot_size(width, height)
    for track in tracks:
        series = track.curves.series["val/loss"]
        finite = [(x, y) for x, y in zip(series.xs, series.ys, strict=True) if y == y]
        plotext.plot([x for x, _ in finite], [y for _, y in finite], marker="braille")
    plotext.build()


def reference() -> tuple[str, Callable[[list[Track], int, int], None]]:
    """Return what we are compared with, and how it draws."""
    try:
        import plotext
    except ImportError:
        return "every point, same raster", undecimated
    return (f"plotext {plotext.__version__}", with_plotext) if hasattr(plotext, "plot") else ("", undecimated)


def measure(quick: bool) -> Figures:
    figures, (name, refer) = Figures(), reference()
    print(f"reference: {name}, up to {MOST_FOR_REFERENCE:,} points", file=sys.stderr)
    style = Style(color="#56b4e9", bgcolor="#12151b")
    for count in QUICK_COUNTS if quick else COUNTS:
        tracks = make_runs(count)
        for width, height in SIZES:
            theirs = None
            if count <= MOST_FOR_REFERENCE:
                theirs = fastest(lambda: refer(tracks, width, height), 1 if count > 1_000 else 3)  # noqa: B023
            for way, view in WAYS.items():
                plot = plot_of(tracks, view)
                bounds = window(plot.lines, view, "zoomed" in way)
                frame = lambda: draw(plot, view, bounds, width, height - 1, lambda *_: style)  # noqa: B023, E731
                frame()
                whole = theirs if way == "whole" else None
                figures.record(f"{count:,} x {CURVES}, {width}x{height}, {way}", fastest(frame, 20), "ms", whole)
        if count == max(COUNTS):
            _record_preparation(figures, tracks)
    return figures


def _record_preparation(figures: Figures, tracks: list[Track]) -> None:
    """What a million points cost once: they come in small pieces, but all at once is the worst."""
    series = Series()
    series.join(tracks[0].curves.series["val/loss"])
    figures.record("blocks of 1,000,000 points, once", fastest(series.bounds, 1), "ms")
    smoothed = series.smoothed(0.97)
    figures.record("smoothing of 1,000,000 points, once", fastest(smoothed.catch_up, 1), "ms")
    bytes_ = sum(len(part) * part.itemsize for part in _arrays(series)) / len(series)
    figures.record("memory of a point, with blocks", bytes_, "bytes")


def _arrays(series: Series) -> list:
    return [series.xs, series.ys, series.times, *series.pyramid.lows, *series.pyramid.highs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer sizes of curves")
    options = parser.parse_args()
    measure(options.quick).show(options.json)


if __name__ == "__main__":
    main()
