"""Decimation, raster, ticks and series: pure functions, no screen."""

import math
import random
import time
from array import array

import pytest

from app.series import COARSE_FROM, Series
from app.widgets import axes
from app.widgets.braille import Canvas, decimate

NAN = math.nan


def spans(ys: list[float], columns: int, xs: list[float] | None = None) -> list:
    xs = xs or [float(index) for index in range(len(ys))]
    return list(decimate(array("d", xs), array("d", ys), xs[0], xs[-1], columns))


def test_few_points_are_all_kept() -> None:
    assert [(span.column, span.first) for span in spans([3, 1, 2], 5)] == [(0, 3), (2, 1), (4, 2)]


def test_a_spike_of_one_step_survives_decimation() -> None:
    ys = [0.0] * 100_000
    ys[54_321] = 9.0
    found = spans(ys, 80)
    assert len(found) == 80
    assert max(span.high for span in found) == 9.0
    assert [span.column for span in found] == list(range(80))


def test_every_point_is_in_exactly_one_column() -> None:
    generator = random.Random(0)
    xs = sorted(generator.uniform(0, 1000) for _ in range(777))
    ys = [generator.random() for _ in xs]
    found = spans(ys, 50, xs)
    assert min(span.low for span in found) == min(ys)
    assert max(span.high for span in found) == max(ys)
    assert len({span.column for span in found}) == len(found) <= 50


def test_nan_is_a_gap_that_no_line_crosses() -> None:
    found = spans([1, 2, NAN, 4, 5], 5)
    assert [(span.column, span.joined) for span in found] == [(0, False), (1, True), (3, False), (4, True)]


def test_nan_within_a_column_keeps_the_other_values() -> None:
    found = spans([1, NAN, 5, 2, 2, 2, 2, 2], 2)
    assert (found[0].low, found[0].high, found[0].joined) == (1, 5, False)


@pytest.mark.parametrize("ys", [[], [NAN], [NAN, NAN]])
def test_nothing_to_draw(ys: list[float]) -> None:
    assert list(decimate(array("d", range(len(ys))), array("d", ys), 0, 1, 10)) == []


def test_one_point() -> None:
    assert [(span.column, span.low, span.high) for span in spans([0.5], 10)] == [(0, 0.5, 0.5)]


def test_rising_line_goes_from_lower_left_to_upper_right() -> None:
    canvas = Canvas(4, 2)
    canvas.curve(iter(spans([0, 1], 8)), 0, 1, owner=0)
    assert ["".join(canvas.character(column, row) for column in range(4)) for row in range(2)] == ["  ⡠⠊", "⡠⠊  "]


def test_the_later_curve_owns_the_cell() -> None:
    canvas = Canvas(1, 1)
    canvas.dot(0, 0, owner=0)
    canvas.dot(1, 3, owner=1)
    assert (canvas.owners[0][0], canvas.character(0, 0)) == (1, "⢀")


def test_dots_outside_are_ignored() -> None:
    canvas = Canvas(2, 2)
    canvas.line(-5, -5, 20, 20, owner=0)
    assert canvas.bits[0][0] and canvas.bits[0][1]


def test_decimation_of_a_long_run_is_fast() -> None:
    series = Series()
    series.extend((step, math.sin(step / 1000)) for step in range(200_000))
    start = time.perf_counter()
    assert len(list(decimate(series.xs, series.ys, 0, 200_000, 300))) == 300
    assert time.perf_counter() - start < 0.5  # about 10 ms; the bound only catches another order of growth


def test_series_bounds_pass_over_nan_and_infinity() -> None:
    series = Series()
    series.extend([(1, NAN), (2, 0.5), (3, math.inf), (4, 0.25), (5, NAN)])
    assert (series.low, series.high, series.gaps) == (0.25, 0.5, True)
    assert series.last == (4, 0.25)
    assert series.highest == (2, 0.5)


def test_a_resumed_run_overwrites_the_steps_that_it_repeats() -> None:
    series = Series()
    series.extend([(1, 9.0), (2, 5.0), (3, 99.0)])
    series.extend([(2, 4.0), (3, 3.0)])
    assert list(series.xs) == [1, 2, 3]
    assert list(series.ys) == [9, 4, 3]
    assert series.high == 9


def test_pieces_join_to_the_same_curve() -> None:
    whole, joined, piece = Series(), Series(), Series()
    whole.extend([(1, 3.0), (2, NAN), (2, 1.0), (3, 2.0)])
    joined.extend([(1, 3.0), (2, NAN)])
    piece.extend([(2, 1.0), (3, 2.0)])
    joined.join(piece)
    joined.join(Series())
    assert (joined.xs, joined.ys, joined.low, joined.high, joined.gaps) == (whole.xs, whole.ys, 1.0, 3.0, False)


def test_a_long_curve_is_drawn_from_few_points_that_keep_spikes_gaps_and_the_newest_point() -> None:
    series = Series()
    series.extend((step, 0.5) for step in range(COARSE_FROM + 100))
    series.to_draw()
    series.extend([(COARSE_FROM + 100, NAN), *((COARSE_FROM + 101 + step, 0.5) for step in range(1000))])
    series.extend([(COARSE_FROM + 2000, 9.0), *((COARSE_FROM + 2001 + step, 0.5) for step in range(70))])
    xs, ys = series.to_draw()
    assert len(xs) == len(ys) < len(series) / 10
    assert list(xs) == sorted(xs)
    assert (xs[-1], ys[-1]) == series.last
    assert 9.0 in ys and any(y != y for y in ys)
    series.extend([(COARSE_FROM + 50, 0.25)])  # a resumed run
    xs, ys = series.to_draw()
    assert (xs[-1], ys[-1], max(ys)) == (COARSE_FROM + 50, 0.25, 0.5)


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


def test_a_flat_curve_lies_in_the_middle() -> None:
    low, high = axes.widen(0.5, 0.5)
    assert low < 0.5 < high
    assert axes.widen(0.0, 0.0) == (0.0, 0.1)
