"""Raster, ticks and window of a chart: pure functions, no screen."""

import math
import random
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.style import Style

from app.widgets import axes
from app.widgets.braille import Canvas
from app.widgets.chart_drawing import draw, prepare
from app.widgets.chart_legend import legend
from app.widgets.chart_view import View
from app.widgets.plots import GHOST, Track, plots
from experiments.curves.decimation import borders, decimate
from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series


def drawn(ys: list[float], width: int, height: int, low: float, high: float) -> list[str]:
    series = Series()
    series.extend(enumerate(ys))
    canvas = Canvas(width, height)
    canvas.curve(decimate(series, series.xs, borders(0, len(ys) - 1, width * 2)), low, high, owner=1)
    return [text for text, _owners in canvas.rows()]


def test_rising_line_goes_from_lower_left_to_upper_right() -> None:
    assert drawn([0, 1], 4, 2, 0, 1) == ["  ⡠⠊", "⡠⠊  "]
    assert drawn([1, 0], 4, 2, 0, 1) == ["⠑⢄  ", "  ⠑⢄"]


def test_a_spike_between_neighbours_is_a_stroke() -> None:
    assert drawn([0, 0, 1, 0, 0], 2, 1, 0, 1)[0].count("⠀") == 0
    assert drawn([0] * 500 + [1] + [0] * 500, 3, 2, 0, 1)[0].strip()


def test_the_later_curve_owns_the_cell() -> None:
    canvas = Canvas(2, 1)
    canvas.layer([0b1000, 0, 0b0001, 0], owner=1)
    canvas.layer([0, 0b0001, 0, 0], owner=2)
    assert canvas.rows() == [("⢀⡀", bytes([2, 1]))]


def test_values_outside_are_drawn_at_the_edge() -> None:
    assert drawn([2, 2], 2, 1, 0, 1) == ["⠉⠉"]
    assert drawn([-2, -2], 2, 1, 0, 1) == ["⣀⣀"]


@pytest.mark.parametrize("seed", range(30))
def test_every_stroke_is_joined_and_within_the_canvas(seed: int) -> None:
    """Against a plain reference: a curve without gaps has dots in each column, and neighbours touch."""
    generator = random.Random(seed)
    width, height = generator.randint(2, 30), generator.randint(1, 8)
    series = Series()
    series.extend((x, generator.random()) for x in range(generator.randint(2, 200)))
    canvas = Canvas(width, height)
    spans = decimate(series, series.xs, borders(0, len(series) - 1, width * 2))
    masks = canvas.strokes(spans, 0.0, 1.0)
    assert all(0 < mask < 1 << height * 4 for mask in masks)
    for left, right in pairwise(masks):
        assert (left | left << 1 | left >> 1) & right, f"{left:b} does not touch {right:b}"
    for mask in masks:  # one stroke, without holes
        assert "0" not in f"{mask:b}".strip("0")


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_curves_and_the_window_are_rows_fill_the_chart(seed: int) -> None:
    """Drawing is where an exception would end the dashboard: odd values, sizes, zooms, axes."""
    generator = random.Random(seed)
    scale = generator.choice((1e-300, 1e-3, 1.0, 1e9, 1e300))
    tracks = []
    for slot in (0, 1, GHOST):
        curves, step = RunCurves(), 0
        for _ in range(generator.choice((0, 1, 2, 30, 3000))):
            step += generator.choice((1, 1, 7))
            y = generator.choice((0.0, scale, -scale, generator.gauss(0, scale), math.nan, math.inf))
            event = {"time": 5.0 + step, "kind": "metrics", "step": step, "values": {"val/iou": y, "train/iou": -y}}
            curves.take(event | ({"epoch": step // 9} if slot else {}))
        tracks.append(Track(f"run{slot}", "", slot, curves))
    view = View(
        axis=generator.choice(("step", "epoch", "time")),
        log=generator.random() < 0.5,
        weight=generator.choice((0.0, 0.9)),
        cursor=generator.choice((None, 40.0)),
    )
    (plot,) = plots(tracks, ["val/iou", "train/iou"], view.axis)
    for line in plot.lines:
        prepare(line.series, view, generator.choice((None, 10)))
    left = generator.uniform(-50, 9000)
    for width, height in ((12, 4), (13, 5), (79, 20), (300, 70)):
        window = (left, left + generator.choice((0, 1e-9, 1, 5000)))
        drawn = draw(plot, view, window, width, height, lambda *_: Style())
        assert cell_len("".join(part.text for part in legend(plot, view, width, lambda *_: Style()))) <= width
        if drawn is not None:
            rows, frame = drawn
            assert len(rows) == height
            assert {sum(cell_len(part.text) for part in row) for row in rows[:-2]} == {frame.gutter + frame.columns}


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 600, 4, [0, 200, 400, 600]),
        (0.61, 0.68, 3, [0.62, 0.64, 0.66, 0.68]),
    ],
)
def test_ticks_are_round(low: float, high: float, count: int, expected: list[float]) -> None:
    assert axes.ticks(low, high, count) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (0.6000000001, 0.2, "0.6"),
        (0, 0.2, "0"),
        (2000, 1000, "2k"),
        (1500, 500, "1500"),
        (12_500, 500, "12.5k"),
        (0.002, 0.001, "0.002"),
    ],
)
def test_tick_labels_have_no_needless_digits(value: float, step: float, text: str) -> None:
    assert axes.label(value, step) == text


def test_ticks_of_a_logarithmic_axis() -> None:
    assert axes.log_labelled(-3, 2, 6) == [(p, f"{10.0**p:g}") for p in range(-3, 3)]
    assert [text for _, text in axes.log_labelled(-1, 0, 5)] == ["0.1", "0.2", "0.5", "1"]
    few = axes.log_labelled(-12, 8, 4)
    assert len(few) <= 4 and few[0] == (-12, "1e-12")
    assert len(axes.log_labelled(0.30, 0.34, 4)) >= 2  # 2.0 .. 2.19


def test_ticks_of_time_are_whole_minutes_and_hours() -> None:
    assert axes.time_labelled(0, 600, 3) == [(0, "0"), (300, "5min"), (600, "10min")]
    assert [text for _, text in axes.time_labelled(0, 3 * 3600, 4)] == ["0", "1h", "2h", "3h"]
    assert [text for _, text in axes.time_labelled(0, 90, 4)] == ["0", "30s", "1:00", "1:30"]
    assert [text for _, text in axes.time_labelled(0, 86400 * 10, 5)] == ["0", "2d", "4d", "6d", "8d", "10d"]
    assert axes.clock(3723) == "1:02:03"


def test_a_flat_curve_lies_in_the_middle() -> None:
    low, high = axes.widen(0.5, 0.5)
    assert low < 0.5 < high
    assert axes.widen(0.0, 0.0) == (0.0, 0.1)


def test_zoom_keeps_its_place_and_ends_at_the_whole() -> None:
    view = View()
    view.zoom(0.5, 30, 0, 100)
    assert view.window(0, 100) == (15, 65)
    view.zoom(0.5, 30, 0, 100)
    assert view.window(0, 100) == (22.5, 47.5)
    view.zoom(10, 30, 0, 100)
    assert view.window(0, 100) == (0, 100) and view.span is None
    for _ in range(100):
        view.zoom(0.1, 50, 0, 100)
    left, right = view.window(0, 100)
    assert right - left == pytest.approx(1e-4)


def test_a_window_at_the_end_follows_it() -> None:
    view = View()
    view.zoom(0.5, 100, 0, 100)
    assert view.window(0, 100) == (50, 100)
    assert view.window(0, 140) == (90, 140)
    view.pan(-0.5, 0, 140)
    assert view.window(0, 140) == view.window(0, 200) == (65, 115)
    view.pan(-9, 0, 140)
    assert view.window(0, 140) == (0, 50)
    view.pan(9, 0, 140)
    assert view.window(0, 150) == (100, 150)


def test_borders_part_columns() -> None:
    assert borders(0, 3, 4) == [-0.5, 0.5, 1.5, 2.5, 3.5]
    series = Series()
    series.append(7, 1)
    assert [span.column for span in decimate(series, series.xs, borders(7, 7, 10))] == [0]
