"""The charts of Live under keys and mouse, over real run directories."""

import asyncio
import math
import time

import pytest
from charting import add_point, chart_text, panel_of, window, write_run
from driving import NARROW, WIDE, opened, screen_text, until
from textual.events import MouseScrollUp
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from app.widgets.chart import Chart
from app.widgets.grid import Grid
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

COUNT = 200
LOSS = [2.0 / step for step in range(1, COUNT + 1)]
IOU = [step / 400 for step in range(1, COUNT + 1)]
CURVES = {"train/loss": LOSS, "val/loss": [2 * y for y in LOSS], "val/iou": IOU}


async def watch(pilot: Pilot, directory: RunDirectory, metric: str = "val/iou", count: int = COUNT) -> None:
    """Show a run in Live, and wait until its curve is drawn."""
    pilot.app.watch_run(directory.path)
    await pilot.press("4")
    await until(pilot, lambda: panel_of(pilot).points(metric) == count and "no points yet" not in chart_text(pilot))
    await until(pilot, lambda: panel_of(pilot).extent()[1] > 1)


def told(pilot: Pilot) -> str:
    return " ".join(str(note.message) for note in pilot.app._notifications)


async def test_zoom_pan_and_whole(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES)
    async with opened() as pilot:
        await watch(pilot, run)
        assert window(pilot) == (1, COUNT)
        await pilot.press("+")
        left, right = window(pilot)
        # a finished run is zoomed in its middle
        assert (left + right) / 2 == pytest.approx((1 + COUNT) / 2) and right - left == pytest.approx(199 / 1.6)
        await pilot.press("[")
        assert window(pilot)[0] == pytest.approx(left - (right - left) / 4)
        await pilot.press("]", "]")
        assert window(pilot)[0] == pytest.approx(left + (right - left) / 4)
        await until(pilot, lambda: "of 200" in screen_text(pilot.app))
        await pilot.press("-", "-")
        assert window(pilot) == (1, COUNT)
        await pilot.press("+", "+", "full_stop", "z")
        assert window(pilot) == (1, COUNT) and panel_of(pilot).view.cursor is None


async def test_a_zoom_holds_on_to_the_newest_point_of_a_run_that_works(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES, running=True)
    async with opened() as pilot:
        await watch(pilot, run)
        await until(pilot, lambda: panel_of(pilot).following)
        await pilot.press("+", "+")
        left, right = window(pilot)
        assert right == COUNT
        for step in range(COUNT + 1, COUNT + 31):
            add_point(run, step, {"val/iou": 0.5})
        await until(pilot, lambda: window(pilot) == (pytest.approx(left + 30), COUNT + 30))
        await pilot.press("[")  # looked at, the past stays where it is
        before = window(pilot)
        add_point(run, COUNT + 31, {"val/iou": 0.5})
        await until(pilot, lambda: panel_of(pilot).extent()[1] == COUNT + 31)
        assert window(pilot) == before


async def test_the_crosshair_tells_the_values_of_all_curves(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", {"train/loss": LOSS, "val/iou": IOU[:100]})
    async with opened() as pilot:
        await watch(pilot, run, "train/loss")
        await pilot.press("full_stop")
        assert panel_of(pilot).view.cursor == 1
        assert "@ 1  " in chart_text(pilot, 0) and "train 2.000" in chart_text(pilot, 0)
        assert "val 0.0025" in chart_text(pilot, 1)
        for _ in range(20):
            await pilot.press("full_stop")
        place = panel_of(pilot).view.cursor
        assert place and place > 20
        step = round(place)
        assert f"train {2 / step:.4f}" in chart_text(pilot, 0) or f"train {2 / step:.3f}" in chart_text(pilot, 0)
        assert "│" in chart_text(pilot, 0).splitlines()[2][8:]
        await pilot.press("comma")
        assert panel_of(pilot).view.cursor < place


async def test_the_crosshair_goes_from_point_to_point_where_they_are_far_apart(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", {"val/iou": [0.1, 0.2, 0.3, 0.4]})
    async with opened() as pilot:
        await watch(pilot, run, count=4)
        seen = []
        for _ in range(5):
            await pilot.press("full_stop")
            seen.append(panel_of(pilot).view.cursor)
        assert seen == [1, 2, 3, 4, 4]


async def test_a_crosshair_that_moves_draws_two_columns_and_the_legend(
    workshop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES)
    async with opened() as pilot:
        await watch(pilot, run)
        await pilot.press("full_stop")
        await pilot.pause()
        drawings = [chart.drawings for chart in panel_of(pilot).query(Chart)]
        regions: list[Region] = []
        refresh = Chart.refresh

        def noted(self: Chart, *asked: Region, **options: bool) -> Chart:
            regions.extend(asked)
            assert asked, "everything was drawn again"
            return refresh(self, *asked, **options)

        monkeypatch.setattr(Chart, "refresh", noted)
        await pilot.press("full_stop")
        await pilot.pause()
        assert [chart.drawings for chart in panel_of(pilot).query(Chart)] == drawings
        assert len(regions) == 6 and all(region.width == 1 or region.height == 1 for region in regions)


async def test_new_points_draw_only_the_rows_that_change(workshop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(workshop.runs_dir, "toy", {"val/iou": [*([0.25] * 100), 0.75]}, running=True)
    async with opened() as pilot:
        await watch(pilot, run, count=101)
        # the window stands still, so that only the new point changes anything
        panel = panel_of(pilot)
        panel.view.span, panel.view.right = 90.0, 100.0
        panel.draw()
        await pilot.pause()
        rows: list[int] = []
        refresh = Chart.refresh

        def noted(self: Chart, *asked: Region, **options: bool) -> Chart:
            rows.extend(row for region in asked for row in region.line_range)
            return refresh(self, *asked, **options)

        monkeypatch.setattr(Chart, "refresh", noted)
        add_point(run, 102, {"val/iou": 0.5})
        await until(pilot, lambda: panel.points("val/iou") == 102 and panel._timer is None)
        # the newest value in the legend, at most
        assert set(rows) <= {0}


@pytest.mark.slow
async def test_overlays_are_chosen_drawn_and_followed(workshop: Settings) -> None:
    watched = write_run(workshop.runs_dir, "toy", CURVES, age=10)
    other = write_run(workshop.runs_dir, "nested/inner", {"val/iou": [0.9] * 50}, running=True, age=20)
    third = write_run(workshop.runs_dir, "third", {"val/iou": [0.7] * 60}, age=30)
    async with opened() as pilot:
        app = pilot.app
        await watch(pilot, watched)
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        grid = app.screen.query_one(Grid)
        assert [row.key for row in grid.rows] == [other.run_id, third.run_id]  # newest first, without the watched one
        app.screen.query_one(Input).value = "baseline inner"
        await until(pilot, lambda: [row.key for row in grid.rows] == [other.run_id])
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.overlays == {other.run_id: 1})
        await until(pilot, lambda: "◆ 0.900" in chart_text(pilot, 1))
        assert other.run_id[16:] in screen_text(app) and "● 0.500" in chart_text(pilot, 1)
        # it is followed as the watched one is
        for step in range(51, 101):
            add_point(other, step, {"val/iou": 0.8})
        await until(pilot, lambda: "◆ 0.800" in chart_text(pilot, 1))
        # another one leaves it its glyph; without it the other keeps its own
        app.overlay_runs([third.run_id, other.run_id])
        await until(pilot, lambda: "▲ 0.700" in chart_text(pilot, 1))
        assert app.overlays == {third.run_id: 2, other.run_id: 1}
        app.overlay_runs([third.run_id])
        await until(pilot, lambda: "◆" not in chart_text(pilot, 1))
        assert "▲ 0.700" in chart_text(pilot, 1)
        app.overlay_runs([])
        await until(pilot, lambda: "▲" not in chart_text(pilot, 1) and not app._following)


async def test_too_many_runs_and_unknown_ones_are_told(workshop: Settings) -> None:
    runs = [write_run(workshop.runs_dir, "toy", {"val/iou": [0.5, 0.6]}, age=age) for age in range(9)]
    async with opened() as pilot:
        await watch(pilot, runs[0], count=2)
        pilot.app.overlay_runs([run.run_id for run in runs])
        assert len(pilot.app.overlays) == 6
        await until(pilot, lambda: "6 runs are drawn over one at most" in told(pilot))
        pilot.app.overlay_runs(["nothing"])
        assert pilot.app.overlays == {}
        await until(pilot, lambda: "nothing: no such run" in told(pilot))


async def test_the_baseline_lies_behind_a_final_run(workshop: Settings) -> None:
    folder = workshop.runs_dir
    write_run(folder, "toy", {"val/iou": [0.11] * 20}, seed=7, age=50)
    same_seed = write_run(folder, "toy", {"val/iou": [0.22] * 20}, seed=3, age=40)
    write_run(folder, "toy", {"val/iou": [0.33] * 20}, seed=7, age=30)
    write_run(folder, "toy", {"val/iou": [0.44] * 20}, seed=3, age=20, defect_class="rupture")
    final = write_run(folder, "toy", CURVES, stage="final", seed=3, running=True, age=5)
    async with opened() as pilot:
        await watch(pilot, final)
        await until(pilot, lambda: "× 0.220" in chart_text(pilot, 1))
        assert f"baseline {same_seed.run_id[16:]}" in screen_text(pilot.app)
        await pilot.press("b")
        await until(pilot, lambda: "×" not in chart_text(pilot, 1))
        await pilot.press("b")
        await until(pilot, lambda: "× 0.220" in chart_text(pilot, 1))
        # a baseline has none behind it
        await watch(pilot, same_seed, count=20)
        await until(pilot, lambda: "×" not in screen_text(pilot.app))
        await pilot.press("b", "b")
        await until(pilot, lambda: "no finished baseline" in told(pilot))


async def test_a_logarithmic_axis_leaves_gaps_and_says_so(workshop: Settings) -> None:
    loss = [10.0 ** (-step / 50) if step % 50 else -1.0 for step in range(1, COUNT + 1)]
    run = write_run(workshop.runs_dir, "toy", {"train/loss": loss, "val/iou": IOU})
    async with opened() as pilot:
        await watch(pilot, run)
        await pilot.press("L")
        await until(pilot, lambda: "log y · 4 values ≤ 0 are gaps" in screen_text(pilot.app))
        assert all(label in chart_text(pilot) for label in ("0.1┤", "0.01┤", "0.001┤"))
        await pilot.press("L")
        await until(pilot, lambda: "log y" not in screen_text(pilot.app))


@pytest.mark.slow
async def test_smoothing_shows_tensorboards_value(workshop: Settings) -> None:
    ys = [0.5 + 0.4 * math.sin(step) for step in range(COUNT)]
    run = write_run(workshop.runs_dir, "toy", {"val/iou": [*ys, math.nan, *ys]})
    async with opened() as pilot:
        await watch(pilot, run, count=2 * COUNT + 1)
        await pilot.press("w", "w")
        state = 0.0
        for y in ys + ys:
            state = 0.9 * state + 0.1 * y
        expected = state / (1 - 0.9 ** (2 * COUNT))
        await until(pilot, lambda: f"val {expected:.3f}" in chart_text(pilot, 0))
        assert "smoothed 0.9" in screen_text(pilot.app)
        assert f"★ best {max(ys):.3f}" in chart_text(pilot, 0)  # of the raw values
        await pilot.press("w", "w")
        await until(pilot, lambda: f"val {ys[-1]:.3f}" in chart_text(pilot, 0))


async def test_axes_of_epochs_and_time(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES)
    async with opened() as pilot:
        await watch(pilot, run)
        await pilot.press("+")
        left, right = window(pilot)
        await pilot.press("x")
        assert panel_of(pilot).extent() == (pytest.approx(0.1), pytest.approx(20))
        # what was in view still is
        assert window(pilot) == (pytest.approx(left / 10, abs=0.1), pytest.approx(right / 10, abs=0.1))
        await until(pilot, lambda: "x: epochs" in screen_text(pilot.app))
        await pilot.press("x", "z")
        assert panel_of(pilot).extent() == (3, 600)
        await until(pilot, lambda: "5min" in chart_text(pilot, 0) and "10min" in chart_text(pilot, 0))
        assert "★ best 0.500 @ 10:00" in chart_text(pilot, 1)
        await pilot.press("x")
        assert panel_of(pilot).view.axis == "step"


async def test_metrics_are_chosen(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES | {"train/learning_rate": LOSS, "val/dice": IOU})
    async with opened() as pilot:
        await watch(pilot, run)
        assert [plot.title for plot in panel_of(pilot).plots] == ["loss", "IoU"]
        await pilot.press("m")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert pilot.app.screen.marked == ["train/loss", "val/loss", "val/iou"]
        pilot.app.screen.query_one(Input).value = "rate"
        await pilot.pause()
        await pilot.press("tab", "enter")
        await until(pilot, lambda: len(panel_of(pilot).query(Chart)) == 3)
        await until(pilot, lambda: "learning rate" in screen_text(pilot.app))
        await pilot.press("full_stop")
        await until(pilot, lambda: screen_text(pilot.app).count("@ 1 ") == 3)
        panel_of(pilot).choose(["val/dice"])
        await until(pilot, lambda: [chart.plot.title for chart in panel_of(pilot).query(Chart)] == ["Dice"])
        panel_of(pilot).choose([])
        await until(pilot, lambda: len(panel_of(pilot).query(Chart)) == 2)


async def test_charts_that_do_not_fit_are_told_and_none_is_cut(workshop: Settings) -> None:
    names = ("loss", "iou", "dice", "recall", "precision", "accuracy")
    run = write_run(workshop.runs_dir, "toy", {f"val/{name}": IOU for name in names})
    async with opened(NARROW) as pilot:
        await watch(pilot, run)
        panel_of(pilot).choose([f"val/{name}" for name in names])
        await until(pilot, lambda: "3 charts need more room" in screen_text(pilot.app))
        await until(pilot, lambda: all(chart.frame for chart in panel_of(pilot).query(Chart)))
        assert all("└" in chart_text(pilot, number) and "200" in chart_text(pilot, number) for number in range(3))
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: len(panel_of(pilot).query(Chart)) == 6)
        await until(pilot, lambda: all(chart.frame for chart in panel_of(pilot).query(Chart)))


async def test_a_run_without_losses_shows_what_it_has(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", {"reward": LOSS, "length": IOU, "other": IOU})
    async with opened() as pilot:
        await watch(pilot, run, "reward")
        assert [plot.title for plot in panel_of(pilot).plots] == ["reward", "length"]


async def test_mouse_zooms_pans_and_points(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES)
    async with opened() as pilot:
        await watch(pilot, run)
        chart = panel_of(pilot).query(Chart).first()
        assert chart.frame
        x = chart.frame.gutter + chart.frame.columns // 4
        place = chart.frame.place(x - chart.frame.gutter)
        for _ in range(3):
            chart.post_message(MouseScrollUp(chart, x, 5, 0, 0, 0, False, False, False))
        await until(pilot, lambda: window(pilot)[1] - window(pilot)[0] == pytest.approx(199 / 1.3**3))
        left, right = window(pilot)
        assert (place - left) / (right - left) == pytest.approx((place - 1) / 199)  # what is pointed at stays
        await pilot.mouse_down(chart, offset=(x, 5))
        await pilot.hover(chart, offset=(x - 8, 5))
        await pilot.mouse_up(chart, offset=(x - 8, 5))
        share = 8 / chart.frame.columns
        await until(pilot, lambda: window(pilot)[0] == pytest.approx(left + share * (right - left)))
        await pilot.hover(chart, offset=(x, 5))
        await until(pilot, lambda: panel_of(pilot).view.cursor is not None)
        await pilot.hover("#live-log")
        await until(pilot, lambda: panel_of(pilot).view.cursor is None)
        await pilot.click(chart, offset=(x, 5))
        await pilot.hover("#live-log")
        await until(pilot, lambda: panel_of(pilot).view.pinned)
        assert panel_of(pilot).view.cursor == pytest.approx(chart.frame.place(x - chart.frame.gutter))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_runs_are_told_apart_without_colour(
    workshop: Settings, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    runs = [write_run(workshop.runs_dir, "toy", {"val/iou": [level / 10] * 100}, age=level) for level in (2, 4, 6, 8)]
    async with opened(size) as pilot:
        await watch(pilot, runs[0], count=100)
        pilot.app.overlay_runs([run.run_id for run in runs[1:]])
        await until(pilot, lambda: all(glyph in chart_text(pilot) for glyph in "●◆▲■"))
        body = chart_text(pilot).splitlines()[1:]
        for glyph in "●◆▲■":  # along the curve and at its end, each on a row of its own
            assert [line.count(glyph) > 1 for line in body].count(True) == 1
        assert all(run.run_id[16:] in screen_text(pilot.app) for run in runs[:2])


async def test_a_window_between_two_points_shows_the_line_that_crosses_it(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", {"val/iou": [0.1, 0.9]})
    async with opened() as pilot:
        await watch(pilot, run, count=2)
        panel = panel_of(pilot)
        panel.view.span, panel.view.right = 0.2, 1.6
        panel.draw()
        await pilot.pause()
        assert any("⠀" < letter <= "⣿" for letter in chart_text(pilot))


@pytest.mark.slow
async def test_many_runs_do_not_hold_up_keys(workshop: Settings) -> None:
    """While five journals of 20,000 events are read and drawn smoothed, the loop that answers keys goes on."""
    runs = [
        write_run(workshop.runs_dir, "toy", {"train/loss": [(k + step % 7) / 9 for step in range(20_000)]}, age=k)
        for k in range(5)
    ]
    async with opened() as pilot:
        await watch(pilot, runs[0], "train/loss", 20_000)
        await pilot.press("w")
        pilot.app.overlay_runs([run.run_id for run in runs[1:]])
        slowest, panel = 0.0, panel_of(pilot)
        while sum(len(track.curves.series.get("train/loss", ())) for track in panel.tracks) < 100_000:
            start = time.thread_time()  # of the loop alone: other threads and processes do not count
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.thread_time() - start)
        assert slowest < 0.25  # about 0.05 s


async def test_a_study_in_the_overlay_shows_the_run_that_it_works_on(workshop: Settings) -> None:
    from pipeseg.events import append_event

    watched = write_run(workshop.runs_dir, "toy", CURVES)
    study = write_run(workshop.runs_dir, "study", {}, stage="study", running=True)
    first = write_run(workshop.runs_dir, "first", {"val/iou": [0.3] * 5})
    second = write_run(workshop.runs_dir, "second", {"val/iou": [0.6] * 3})
    async with opened() as pilot:
        await watch(pilot, watched)
        pilot.app.overlay_runs([study.run_id])
        append_event(study.events_file, "child", run_id=first.run_id, step="baseline", status="running")
        await until(pilot, lambda: "◆ 0.300" in chart_text(pilot, 1))
        append_event(study.events_file, "child", run_id=second.run_id, step="final", status="running")
        await until(pilot, lambda: "◆ 0.600" in chart_text(pilot, 1))
        assert len(panel_of(pilot).tracks[1].curves.series["val/iou"]) == 3


async def test_the_next_start_draws_what_the_last_one_drew(workshop: Settings) -> None:
    run = write_run(workshop.runs_dir, "toy", CURVES)
    other = write_run(workshop.runs_dir, "toy", CURVES)
    async with opened() as pilot:
        await watch(pilot, run)
        pilot.app.overlay_runs([other.run_id])
        panel_of(pilot).choose(["val/iou"])
        await pilot.press("x", "w", "b")
        chosen = panel_of(pilot).choices()
        assert chosen == {"axis": "epoch", "log": False, "weight": 0.6, "metrics": ["val/iou"]}
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    async with opened() as pilot:
        await until(pilot, lambda: other.run_id in pilot.app.overlays)
        assert panel_of(pilot).choices() == chosen and not pilot.app.ghost_wanted
