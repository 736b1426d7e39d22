"""What Live shows beside the curves: log and its filter, verdicts, gauges; with real journals and real processes."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest
from driving import NARROW, WIDE, choose, log_texts, opened, screen_text, text_of, until
from textual.pilot import Pilot
from textual.widgets import Input

from app.widgets.live_lines import gauge_line, progress_line, verdict_line
from app.widgets.run_log import RunLog
from experiments.diagnosis import Verdict
from experiments.machine import Host, ProcessTree, Reading
from experiments.nvml import Gpu
from experiments.processes import started_at, this_host
from experiments.runs import view
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

GIB = 1 << 30
AddRun = Callable[..., RunDirectory]


async def show_live(pilot: Pilot, directory: RunDirectory) -> RunLog:
    await until(pilot, lambda: pilot.app.watched == directory.path)
    await pilot.press("4")
    log = pilot.app.query_one(RunLog)
    await until(pilot, lambda: log.view is not None and log_texts(pilot.app))
    return log


def title(log: RunLog) -> str:
    return str(log.border_title)


def working(directory: RunDirectory) -> RunDirectory:
    """Let a run without an end be at work: in the process of the tests."""
    directory.update(status="running", pid=os.getpid(), pid_started=started_at(os.getpid()), host=this_host())
    return directory


# -- log -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_the_log_is_filtered_while_one_types(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    lines = [f"epoch {n} loss 0.{n}\n" if n % 10 == 0 else f"debug {n}\n" for n in range(3400)]
    directory.log_file.write_text("".join(lines), encoding="utf-8")
    async with opened(NARROW) as pilot:
        app = pilot.app
        log = await show_live(pilot, directory)
        await until(pilot, lambda: "3,400 lines" in title(log))
        await pilot.press("slash", *"epoch 33")
        await until(pilot, lambda: "13 of 3,400 lines" in title(log))
        assert "13 of 3,400 lines · / epoch 33" in screen_text(app)
        assert [text.split()[1] for text in log_texts(app)][:3] == ["330", "1330", "2330"]
        # what comes is filtered as well
        with directory.log_file.open("a", encoding="utf-8") as file:
            file.write("debug no\nEPOCH 33 comes\nepoch 33 has no newline yet")
        await until(pilot, lambda: "15 of 3,403 lines" in title(log))
        assert log_texts(app)[-2:] == ["EPOCH 33 comes", "epoch 33 has no newline yet"]
        await pilot.press("enter")
        assert app.focused is log
        await pilot.press("escape")
        await until(pilot, lambda: title(log).startswith("3,403 lines"))
        assert not app.query_one("#live-filter", Input).display


async def test_an_unfinished_expression_keeps_the_last_whole_one(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    directory.log_file.write_text("ab 1\nab 2\nb 3\n", encoding="utf-8")
    async with opened() as pilot:
        log = await show_live(pilot, directory)
        await pilot.press("slash", *"re:a")
        await until(pilot, lambda: "2 of 3 lines" in title(log))
        await pilot.press("(")
        field = pilot.app.query_one("#live-filter", Input)
        await until(pilot, lambda: field.has_class("-wrong"))
        assert "2 of 3 lines" in title(log)
        await pilot.press("escape")
        await until(pilot, lambda: title(log) == "3 lines")


async def test_esc_comes_back_to_the_line_where_the_filter_began(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    directory.log_file.write_text("".join(f"line {n}\n" for n in range(500)), encoding="utf-8")
    async with opened() as pilot:
        log = await show_live(pilot, directory)
        await until(pilot, lambda: log.max_scroll_y > 0)
        log.scroll_to(y=200, animate=False, immediate=True)
        await until(pilot, lambda: "from 201" in title(log))
        await pilot.press("slash", "7")
        await until(pilot, lambda: "of 500 lines" in title(log))
        await pilot.press("escape")
        await until(pilot, lambda: log.scroll_offset.y == 200)
        await until(pilot, lambda: "line 200" in screen_text(pilot.app))


@pytest.mark.slow
async def test_200_000_lines_are_paged_at_flat_memory(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    directory.log_file.write_text("".join(f"line {n} of many, many lines\n" for n in range(200_000)))
    async with opened() as pilot:
        log = await show_live(pilot, directory)
        await until(pilot, lambda: "200,000 lines" in title(log))
        before = psutil.Process().memory_info().rss
        for target in range(199_000, -1, -9_950):
            log.scroll_to(y=target, animate=False, immediate=True)
            await until(pilot, lambda wanted=f"line {target} of": wanted in screen_text(pilot.app))
        await pilot.press("g")
        await until(pilot, lambda: "line 0 of" in screen_text(pilot.app))
        # the file is 6 MB; as Python strings it would be 16
        assert psutil.Process().memory_info().rss - before < 6e6
        await pilot.press("f")
        await until(pilot, lambda: "line 199999 of" in screen_text(pilot.app))


async def test_a_log_that_grows_does_not_lay_the_screen_out_anew(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    directory.log_file.write_text("".join(f"line {n}\n" for n in range(100)))
    async with opened() as pilot:
        log = await show_live(pilot, directory)
        await until(pilot, lambda: log.show_vertical_scrollbar and "line 99" in screen_text(pilot.app))
        with directory.log_file.open("a") as file:
            file.write("".join(f"line {n}\n" for n in range(100, 200)))
        # what the worker does every two seconds, without letting anything else happen meanwhile
        while log.view.advance():
            pass
        log.grown()
        assert log.virtual_size.height == 200 and not log._layout_required
        await until(pilot, lambda: "line 199" in screen_text(pilot.app))
        assert log.max_scroll_y == log.scroll_offset.y == 200 - log.size.height
        assert log.vertical_scrollbar.window_virtual_size == 200
        await pilot.press("slash", *"line 199", "enter")
        await until(pilot, lambda: "1 of 200 lines" in title(log) and not log.show_vertical_scrollbar)


@pytest.mark.slow
async def test_long_lines_are_read_sideways_and_kinds_are_told_apart(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    text = "Traceback (most recent call last):\n  File 'x'\nValueError: no\nUserWarning: slow\n"
    directory.log_file.write_text("start" + "." * 200 + "middle" + "." * 90 + "end\n" + text * 9, encoding="utf-8")
    async with opened(NARROW) as pilot:
        await show_live(pilot, directory)
        await until(pilot, lambda: "✗ Traceback" in screen_text(pilot.app))
        shown = screen_text(pilot.app)
        assert "│ ValueError: no" in shown and "! UserWarning: slow" in shown
        await pilot.press("g")
        await until(pilot, lambda: "start..." in screen_text(pilot.app))
        assert "...…" in screen_text(pilot.app)
        for wanted in ("middle", "end"):
            for _ in range(6):
                if wanted in screen_text(pilot.app):
                    break
                await pilot.press("right")
                await pilot.pause()
            await until(pilot, lambda wanted=wanted: wanted in screen_text(pilot.app))
        assert "from column" in screen_text(pilot.app)
        await pilot.press(*["left"] * 10)
        await until(pilot, lambda: "start..." in screen_text(pilot.app))


@pytest.mark.slow
async def test_a_thousand_lines_a_second_do_not_hold_keys_up(workshop: Settings, add_run: AddRun) -> None:
    directory = working(add_run("toy", ended=False))
    async with opened() as pilot:
        log = await show_live(pilot, directory)
        await pilot.press("slash", *"epoch", "enter")
        slowest, written, end = 0.0, 0, time.monotonic() + 3
        with directory.log_file.open("a", encoding="utf-8") as file:
            while time.monotonic() < end:
                file.write("".join(f"{'epoch' if n % 2 else 'debug'} {written + n} some words\n" for n in range(20)))
                file.flush()
                written += 20
                start = time.thread_time()  # of the loop alone: other threads and processes do not count
                await pilot.press("j")
                slowest = max(slowest, time.thread_time() - start)
                await asyncio.sleep(0.02)
        await until(pilot, lambda: log._count >= written // 2)
        assert slowest < 1.0  # a few hundredths of a second


# -- verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_what_is_wrong_is_told_and_explained_by_d(
    workshop: Settings, add_run: AddRun, size: tuple[int, int]
) -> None:
    directory = add_run("toy", status="failed")
    append_event(directory.events_file, "error", text="CUDA out of memory; lower image_size or batch_size")
    traceback = "Traceback (most recent call last):\n  File [x]\nRuntimeError: out of memory\n"
    directory.log_file.write_text(f"epoch 1\n{traceback}")
    async with opened(size) as pilot:
        app = pilot.app
        await show_live(pilot, directory)
        await until(pilot, lambda: "✗ memory ran out" in text_of(app, "#live-verdict"))
        assert "d tells more" in screen_text(app)
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        shown = screen_text(app)
        assert "→ lower batch_size" in shown and "File [x]" in shown and "RuntimeError: out of memory" in shown
        await pilot.press("y")
        await until(pilot, lambda: "-> lower batch_size" in app.clipboard)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_healthy_run_has_no_verdict_and_d_says_so(workshop: Settings, add_run: AddRun) -> None:
    directory = add_run("toy")
    async with opened(NARROW) as pilot:
        await show_live(pilot, directory)
        await pilot.press("d")
        await until(pilot, lambda: "✓ nothing is wrong" in screen_text(pilot.app))
        assert not pilot.app.part("#live-verdict").display


# -- gauges and progress ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_gauges_are_there_while_the_run_works(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        await choose(pilot, "toy")
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one("#overrides", Input).value = "epochs=100000"
        await pilot.press("enter")
        await until(pilot, lambda: "running" in text_of(app, "#live-head"))
        await until(pilot, lambda: "memory" in text_of(app, "#live-gauges") and "run " in text_of(app, "#live-gauges"))
        assert "epoch" in text_of(app, "#live-progress") and "step" in text_of(app, "#live-progress")
        await pilot.press("s")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "■ stopped" in text_of(app, "#live-head"))
        await until(pilot, lambda: not app.part("#live-gauges").display)


def test_what_does_not_fit_is_left_out_whole(workshop: Settings, add_run: AddRun) -> None:
    directory = working(add_run("toy", ended=False))
    counts = {"step": 1234, "total": 10000, "epoch": 12, "epochs": 100, "phase": "train", "eta_seconds": 4000.0}
    append_event(directory.events_file, "progress", images_per_second=123.4, loader_share=0.03, **counts)
    run = view(directory)
    card = Gpu(0, "GPU-0", "A card", 30 * GIB, 80 * GIB, 0.87, 64)
    reading = Reading(1.0, Host(0.34, 16, 21 * GIB, 64 * GIB), (card,), ProcessTree(5, 3.25, 4 * GIB))

    whole = gauge_line(run, reading, 200).replace("[$foreground 40%]·[/]", "·")
    assert whole == (
        "123 img/s · loading 3% · GPU 0 87% 30/80 GiB 64 °C · run 4.0 GiB 3.2 cores · memory 21/64 GiB · CPU 34%"
    )
    narrow = gauge_line(run, reading, 79).replace("[$foreground 40%]·[/]", "·")
    assert whole.startswith(narrow) and "64 °C" in narrow and len(narrow) <= 79
    assert gauge_line(run, replace(reading, gpus=(), run=None), 40).endswith("memory 21/64 GiB") is False
    assert "GPU" not in gauge_line(run, replace(reading, gpus=()), 200)
    progress = progress_line(run, "", 79)
    assert all(part in progress for part in ("12% train", "ETA 1:06:40", "epoch 12/100", "step 1234/10000"))


def test_the_gravest_verdict_says_how_many_others_there_are() -> None:
    verdicts = [Verdict("disk", "critical", "the disk [x] has no room " * 9, "free"), Verdict("a", "notice", "b", "c")]
    line = verdict_line(verdicts, 79)
    assert line.startswith("[$error b]✗ the disk") and "…" in line and "d tells more (1 others)" in line
    assert verdict_line([], 79) == ""


def test_the_progress_of_a_journal_reaches_json(workshop: Settings, add_run: AddRun) -> None:
    from experiments.commands.output import run_record

    directory = add_run("toy", ended=False)
    append_event(directory.events_file, "progress", step=1, total=2, loader_share=0.25)
    assert json.loads(json.dumps(run_record(view(directory)), default=str))["loader_share"] == 0.25
