"""Curves in memory: bounds of stretches, what is drawn at any zoom, smoothing, axes."""

import math
import random
from itertools import pairwise

import pytest

from experiments.curves.axis import Axis, Epochs
from experiments.curves.decimation import Span, borders, decimate
from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series

NAN = math.nan


def series_of(ys: list[float], xs: list[float] | None = None) -> Series:
    series = Series()
    series.extend(zip(xs or range(len(ys)), ys, strict=True))
    return series


def spans(ys: list[float], columns: int, xs: list[float] | None = None) -> list[Span]:
    series = series_of(ys, xs)
    return decimate(series, series.xs, borders(series.xs[0], series.xs[-1], columns))


def random_series(generator: random.Random, count: int, gaps: float) -> Series:
    series, x = Series(), 0.0
    for _ in range(count):
        x += generator.choice((1, 1, 1, 1, 5, 0.1))
        series.append(x, NAN if generator.random() < gaps else generator.gauss(0, 1), x * 2)
        if generator.random() < 0.0005:
            series.bounds()  # blocks are made now and then, as a chart does
    return series


def finite_bounds(ys: list[float]) -> tuple[float, float]:
    finite = [y for y in ys if y == y]
    return min(finite, default=math.inf), max(finite, default=-math.inf)


def smoothed_directly(ys: list[float], weight: float) -> list[float]:
    """The sum that TensorBoard's recurrence stands for: sum of (1-w) w^(n-k) y_k over 1 - w^n."""
    finite, out = [], []
    for y in ys:
        if y != y:
            out.append(y)
            continue
        finite.append(y)
        n = len(finite)
        weights = [(1 - weight) * weight ** (n - 1 - k) for k in range(n)]
        out.append(sum(w * v for w, v in zip(weights, finite, strict=True)) / (1 - weight**n))
    return out


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


@pytest.mark.parametrize("ys", [[NAN], [NAN, NAN]])
def test_nothing_to_draw(ys: list[float]) -> None:
    assert spans(ys, 10) == []
    assert decimate(Series(), [], borders(0, 1, 10)) == []


def test_lines_lead_out_of_the_window() -> None:
    series = series_of([0, 1, 2, 3, 4])
    found = decimate(series, series.xs, borders(1.4, 2.6, 13), lambda key: (key - 1.4) * 10)
    assert [(span.column, span.low, span.joined) for span in found] == [(-4, 1, False), (6, 2, True), (16, 3, True)]


@pytest.mark.parametrize("seed", range(12))
def test_decimation_keeps_what_a_plain_reading_finds_at_every_zoom(seed: int) -> None:
    """Spikes, gaps, order: against every point looked at, columns off by no more than half a block."""
    generator = random.Random(seed)
    series = random_series(generator, generator.choice((50, 3_000, 30_000)), generator.choice((0, 0, 0.01, 0.9)))
    first, last = series.xs[0], series.xs[-1]
    for _ in range(6):
        left, right = sorted(generator.uniform(first, last) for _ in range(2))
        columns = generator.choice((2, 40, 320))
        bounds = borders(left, right, columns)
        inside = [i for i, x in enumerate(series.xs) if bounds[0] <= x < bounds[-1]]
        ys = [series.ys[i] for i in inside]
        found = decimate(series, series.xs, bounds)
        assert [span.column for span in found] == sorted({span.column for span in found})
        assert all(0 <= span.column < columns for span in found)
        low, high = finite_bounds(ys)
        assert min((span.low for span in found), default=math.inf) == low
        assert max((span.high for span in found), default=-math.inf) == high
        for before, after in pairwise(found):
            if after.joined:  # no gap lies where a line leads
                assert after.first == after.first and before.last == before.last
        # the columns that hold the extremes are where the points are
        width = (right - left) / (columns - 1)
        for target, name in ((low, "low"), (high, "high")):
            if math.isfinite(target):
                x = series.xs[inside[ys.index(target)]]
                column = next(span.column for span in found if getattr(span, name) == target)
                assert abs(column - (x - left) / width) <= 1.01


def test_a_gap_wider_than_a_column_is_open_at_every_zoom() -> None:
    series = series_of([0.0 if not 40_000 <= i < 50_000 else NAN for i in range(100_000)])
    for left, right in ((0, 99_999), (30_000, 60_000), (39_990, 40_010)):
        found = decimate(series, series.xs, borders(left, right, 200))
        assert not any(
            40_000 + (right - left) / 100 < left + span.column * (right - left) / 199 < 50_000 - (right - left) / 100
            for span in found
        )
        after = [span for span in found if left + span.column * (right - left) / 199 > 50_000 - (right - left) / 100]
        assert not after or not after[0].joined


@pytest.mark.parametrize("seed", range(8))
def test_bounds_of_any_stretch_are_exact(seed: int) -> None:
    generator = random.Random(seed)
    series = random_series(generator, generator.choice((5, 100, 20_000)), generator.choice((0, 0.2)))
    for _ in range(50):
        start, stop = sorted(generator.randint(0, len(series)) for _ in range(2))
        assert series.bounds(start, stop) == finite_bounds(list(series.ys[start:stop]))


def test_memory_per_point_is_bounded() -> None:
    series = series_of([0.0] * 100_000)
    series.bounds()
    pyramid = sum(len(level) for level in series.pyramid.lows + series.pyramid.highs)
    assert pyramid < 100_000 * 2 / 15
    assert series.xs.itemsize + series.ys.itemsize + series.times.itemsize == 24


def test_bounds_pass_over_nan_and_infinity() -> None:
    series = series_of([NAN, 0.5, math.inf, 0.25, NAN], [1, 2, 3, 4, 5])
    assert (series.low, series.high, series.gaps) == (0.25, 0.5, True)
    assert series.last == (4, 0.25)
    assert series.best == 1


def test_a_resumed_run_overwrites_the_steps_that_it_repeats() -> None:
    series = Series()
    series.extend([(1, 9.0), (2, 5.0), (3, 99.0)])
    series.extend([(2, 4.0), (3, 3.0)])
    assert list(series.xs) == [1, 2, 3]
    assert list(series.ys) == [9, 4, 3]
    assert series.high == 9 and series.best == 0


@pytest.mark.parametrize("seed", range(6))
def test_pieces_join_to_the_same_curve_whatever_was_drawn_between(seed: int) -> None:
    generator = random.Random(seed)
    whole, joined = Series(), Series()
    smoothed, x = joined.smoothed(0.9), 0
    for _ in range(40):
        piece = Series()
        if generator.random() < 0.2:  # a resumed run goes back
            x = max(0, x - generator.randint(1, 100))
        for _ in range(generator.randint(0, 60)):
            x += 1
            point = (x, generator.choice((generator.random(), generator.random(), -1.0, NAN)), float(x))
            whole.append(*point)
            piece.append(*point)
        joined.join(piece)
        if generator.random() < 0.5:
            joined.bounds()
            smoothed.catch_up(generator.choice((None, 10)))
            joined.positive().catch_up()
            smoothed.positive().catch_up()
    smoothed.catch_up()
    joined.positive().catch_up()
    assert list(joined.xs) == list(whole.xs) and list(joined.times) == list(whole.times)
    assert str(list(joined.ys)) == str(list(whole.ys))
    assert joined.best == whole.best and joined.bounds() == whole.bounds() == finite_bounds(list(whole.ys))
    assert list(smoothed.ys) == pytest.approx(smoothed_directly(list(whole.ys), 0.9), nan_ok=True)
    assert joined.positive().dropped == sum(y <= 0 for y in whole.ys)


@pytest.mark.parametrize("weight", [0.6, 0.9, 0.97])
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_smoothing_is_tensorboards(weight: float, gaps: float) -> None:
    generator = random.Random(1)
    ys = [NAN if generator.random() < gaps else generator.random() for _ in range(1700)]
    series = series_of(ys)
    smoothed = series.smoothed(weight)
    while smoothed.catch_up(100):  # in pieces, as a chart does
        pass
    assert list(smoothed.ys) == pytest.approx(smoothed_directly(ys, weight), nan_ok=True, rel=1e-9)
    assert smoothed.ys[0] == pytest.approx(ys[0], nan_ok=True)


def test_the_average_goes_on_behind_a_gap() -> None:
    smoothed = series_of([1.0, NAN, 1.0]).smoothed(0.9)
    smoothed.catch_up()
    assert list(smoothed.ys) == pytest.approx([1.0, NAN, 1.0], nan_ok=True)


def test_what_a_logarithm_cannot_show_is_a_gap_and_counted() -> None:
    series = series_of([1.0, 0.0, -2.0, 4.0, NAN])
    positive = series.positive()
    positive.catch_up()
    assert list(positive.ys) == pytest.approx([1, NAN, NAN, 4, NAN], nan_ok=True)
    assert positive.dropped == 2 and positive.bounds() == (1, 4)


def test_a_clock_that_was_set_back_does_not_turn_time_around() -> None:
    series, piece = Series(), Series()
    for step, time in enumerate((10.0, 20.0, 15.0, 30.0)):
        series.append(step, 0.0, time)
    piece.append(4, 0.0, 25.0)
    piece.append(5, 0.0, 40.0)
    series.join(piece)
    assert list(series.times) == [10, 20, 20, 30, 30, 40]


def test_an_epoch_passes_evenly_between_its_ends() -> None:
    epochs = Epochs()
    for step, epoch in ((5, 1), (10, 1), (15, 2), (30, 2), (35, 3)):
        epochs.add(step, epoch)
    assert [epochs.place(step) for step in (0, 5, 10, 20, 30)] == [0, 0.5, 1, 1.5, 2]
    # the third is at work: taken to be as long as the second
    assert epochs.place(35) == pytest.approx(2.25)
    for place in (0.1, 0.9, 1.3, 2.0, 2.2):
        assert epochs.place(epochs.step(place)) == pytest.approx(place)


def test_epochs_of_a_resumed_run_go_back() -> None:
    epochs = Epochs()
    for step, epoch in ((10, 1), (20, 2), (28, 3), (14, 2), (20, 2), (30, 3)):
        epochs.add(step, epoch)
    assert (list(epochs.steps), list(epochs.epochs)) == ([10, 20, 30], [1, 2, 3])


@pytest.mark.parametrize("seed", range(5))
def test_every_axis_rises_and_is_inverted(seed: int) -> None:
    generator = random.Random(seed)
    curves, step, time = RunCurves(), 0, 1000.0
    for epoch in range(1, 8):
        for _ in range(generator.randint(1, 30)):
            step, time = step + generator.randint(1, 9), time + generator.random()
            curves.take({"time": time, "kind": "metrics", "step": step, "epoch": epoch, "values": {"train/loss": 1.0}})
    series = curves.series["train/loss"]
    for kind in ("step", "epoch", "time"):
        axis = curves.axis(kind)
        assert axis is not None
        places = [axis.place(key) for key in axis.keys(series)]
        assert all(a < b for a, b in pairwise(places))
        assert [axis.key(place) for place in places] == pytest.approx(list(axis.keys(series)))
    assert curves.axis("time").place(series.times[0]) == 0  # type: ignore[union-attr]
    assert curves.axis("epoch").place(series.xs[-1]) == pytest.approx(7, abs=1)  # type: ignore[union-attr]


def test_a_journal_without_epochs_has_no_axis_of_epochs() -> None:
    curves = RunCurves()
    curves.take({"time": 5, "kind": "metrics", "step": 1, "values": {"val/iou": 0.5}})
    assert curves.axis("epoch") is None
    assert curves.axis("time") == Axis("time", curves.epochs, 5)
