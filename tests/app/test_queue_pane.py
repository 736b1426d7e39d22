"""The launch sheet and the queue, by keys: real runs, real processes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import psutil
import pytest
from driving import NARROW, WIDE, choose, edit, opened, screen_text, text_of, until
from textual.pilot import Pilot
from textual.widgets import Input
from waiting import wait_until

from app.screens.launch_sheet import LaunchSheet
from app.widgets.choice import Choice
from app.widgets.grid import Grid
from experiments import queue
from experiments.processes import is_alive
from experiments.queue_directory import QueueDirectory
from experiments.runs import list_runs, send
from pipeseg.run_directory import RunDirectory, read_json
from pipeseg.settings import Settings

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE])
LONG = "epochs=100000"


@pytest.fixture(autouse=True)
def end_all(workshop: Settings) -> Iterator[None]:
    """End what the test queued: the process that starts entries, then what it started."""
    yield
    directory = QueueDirectory(workshop)
    for entry in directory.entries():
        if entry.state == "waiting":
            directory.remove(entry.entry_id)
    info = read_json(directory.runner_file)
    if is_alive(info.get("pid"), info.get("pid_started")):
        process = psutil.Process(info["pid"])
        process.terminate()
        process.wait(30)
    for run in list_runs(workshop):
        if run.is_active:
            send(workshop, run.directory, "stop")
    wait_until(lambda: all((run.path / "exit.json").exists() for run in list_runs(workshop) if run.info.get("pid")))


@asynccontextmanager
async def sheet(size: tuple[int, int], key: str = "l", name: str = "toy") -> AsyncIterator[Pilot]:
    async with opened(size) as pilot:
        await choose(pilot, name)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchSheet))
        yield pilot


async def all_found(pilot: Pilot) -> None:
    await until(pilot, lambda: pilot.app.screen.complete)


def rows(pilot: Pilot) -> list[str]:
    """The rows of the queue as one reads them, without markup."""
    from textual.content import Content

    grid = pilot.app.screen_stack[0].query_one("#queue-grid", Grid)
    return [" ".join(Content.from_markup(cell).plain for cell in row.cells).strip() for row in grid.rows]


@BOTH
async def test_the_sheet_tells_what_a_launch_would_meet(workshop: Settings, size: tuple[int, int]) -> None:
    async with sheet(size) as pilot:
        await all_found(pilot)
        facts = ("✓ config", "✓ data", "learn 1", "device", "disk", "tracking", "code", "✓ run before")
        fields = ("when", "device", "name", "overrides", "Enter starts it")
        await until(pilot, lambda: all(told in screen_text(pilot.app) for told in (*facts, *fields)))
        assert max(len(line.rstrip()) for line in screen_text(pilot.app).splitlines()) <= size[0]
        await pilot.press("right")
        await until(pilot, lambda: "Enter queues it" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert list_runs(workshop) == [] and not QueueDirectory(workshop).exists()


@pytest.mark.slow
async def test_a_run_gets_the_name_and_the_device_of_the_sheet(workshop: Settings) -> None:
    async with sheet(WIDE) as pilot:
        await pilot.press("down", "right")  # cpu
        assert pilot.app.focused.id == "device" and pilot.app.focused.value == "cpu"
        await pilot.press("tab", *"my run", "tab", *"epochs=1", "enter")
        await until(pilot, lambda: pilot.app.pane == "live")
    (run,) = list_runs(workshop)
    assert (run.name, run.info["overrides"]) == ("my run", ["epochs=1", "device=cpu"])


@BOTH
async def test_a_fact_that_fails_keeps_a_run_from_starting(workshop: Settings, size: tuple[int, int]) -> None:
    (workshop.datasets_dir / "report" / "images" / "picture.png").unlink()
    async with sheet(size) as pilot:
        await all_found(pilot)
        await until(pilot, lambda: "✗ cannot start:" in screen_text(pilot.app))
        assert "no pictures here" in pilot.app.screen.obstacle
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, LaunchSheet)
        # an override mends it, and the facts follow what is typed
        (workshop.datasets_dir / "other" / "images").mkdir(parents=True)
        (workshop.datasets_dir / "other" / "images" / "picture.png").touch()
        pilot.app.screen.query_one("#overrides", Input).value = "evaluation_dataset=other"
        await until(pilot, lambda: pilot.app.screen.complete and not pilot.app.screen.obstacle)
        pilot.app.screen.query_one("#overrides", Input).value = "evaluation_dataset=other epoch"
        await until(pilot, lambda: "'epoch' is not of the form key=value" in screen_text(pilot.app))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert list_runs(workshop) == []


async def test_a_broken_config_is_told_on_the_sheet(workshop: Settings) -> None:
    async with sheet(NARROW, name="broken") as pilot:
        await until(pilot, lambda: "✗ cannot start:" in screen_text(pilot.app))
        assert "not YAML" in pilot.app.screen.obstacle


@pytest.mark.slow
async def test_overrides_are_remembered_by_their_own_key_only(workshop: Settings) -> None:
    async with sheet(WIDE, "o") as pilot:
        assert pilot.app.focused.id == "overrides"
        await pilot.press(*"epochs=1", "enter")
        await until(pilot, lambda: pilot.app.pane == "live")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchSheet))
        assert pilot.app.screen.query_one("#overrides", Input).value == "epochs=1"
        await pilot.press("escape", "l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchSheet))
        assert pilot.app.screen.query_one("#overrides", Input).value == ""
        await pilot.press("escape")


@pytest.mark.slow
async def test_unsaved_changes_are_asked_about_before_the_sheet(workshop: Settings) -> None:
    async with opened() as pilot:
        await edit(pilot, "toy")
        await pilot.press("pagedown", *"seed: 7", "escape", "l")
        await until(pilot, lambda: "unsaved changes" in screen_text(pilot.app))
        await pilot.press("k")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
        assert pilot.app.query_one("#config").unsaved


async def queue_one(pilot: Pilot, overrides: str) -> None:
    """Queue a run of the selected experiment by keys."""
    await pilot.press("o")
    await until(pilot, lambda: isinstance(pilot.app.screen, LaunchSheet))
    pilot.app.screen.query_one("#overrides", Input).value = overrides
    when = pilot.app.screen.query_one("#when", Choice)
    when.focus()
    await pilot.press("right", "enter")
    await until(pilot, lambda: any(f" {overrides} " in row for row in rows(pilot)))


@pytest.mark.slow
@BOTH
async def test_queue_move_hold_remove_and_watch(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        await choose(pilot, "toy")
        await queue_one(pilot, f"seed=1 {LONG}")
        assert app.pane == "queue"
        await until(pilot, lambda: any("● running" in row for row in rows(pilot)))
        for seed in (2, 3, 4):
            await queue_one(pilot, f"seed={seed} {LONG}")
        run = list_runs(workshop)[0]

        def order() -> list[str]:
            return [row[0] + " " + row[row.index("seed=") : row.index(" epochs")] for row in rows(pilot)[:3]]

        await until(pilot, lambda: order() == ["1 seed=2", "2 seed=3", "3 seed=4"])
        assert "0 Queue" in screen_text(app) or size == NARROW
        assert f"waits for cpu, {run.run_id} works there" in rows(pilot)[0] and "second in line" in rows(pilot)[1]
        # the last one is under the cursor
        await pilot.press("K")
        await until(pilot, lambda: order() == ["1 seed=2", "2 seed=4", "3 seed=3"])
        await pilot.press("K")
        await until(pilot, lambda: order() == ["1 seed=4", "2 seed=2", "3 seed=3"])
        await pilot.press("h")
        await until(pilot, lambda: "‖ held" in rows(pilot)[0])
        await pilot.press("J")
        await until(pilot, lambda: order() == ["1 seed=2", "2 seed=4", "3 seed=3"])
        await pilot.press("h")
        await until(pilot, lambda: "second in line" in rows(pilot)[1])

        await pilot.press("d")
        await until(pilot, lambda: "Remove toy seed=4" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert len(rows(pilot)) == 4
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: order()[:2] == ["1 seed=2", "2 seed=3"] and len(rows(pilot)) == 3)

        await pilot.press("p")
        await until(pilot, lambda: "the queue is paused" in rows(pilot)[0])
        assert "paused: p lets it go on" in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "waits for" in rows(pilot)[0])

        # the run of an entry is what other keys mean; Enter shows it
        await pilot.press("G", "s")
        await until(pilot, lambda: f"Stop {run.run_id}" in screen_text(app).replace("\n", " "))
        await pilot.press("escape", "enter")
        await until(pilot, lambda: app.pane == "live" and app.watched == run.path)
        await until(pilot, lambda: "running" in text_of(app, "#live-head"))
        await pilot.press("0")
        await until(pilot, lambda: app.focused and app.focused.id == "queue-grid")
        assert len(list_runs(workshop)) == 1


@pytest.mark.slow
async def test_an_entry_that_waits_starts_at_once_when_asked(workshop: Settings) -> None:
    async with opened() as pilot:
        await choose(pilot, "toy")
        await queue_one(pilot, f"seed=1 {LONG}")
        await until(pilot, lambda: any("● running" in row for row in rows(pilot)))
        await queue_one(pilot, "seed=2 epochs=1")
        await pilot.press("g", "enter")
        await until(pilot, lambda: "Start toy seed=2 epochs=1 at once? It waits for" in screen_text(pilot.app))
        await pilot.press("y")
        await until(pilot, lambda: any("✓ finished IoU 0.500" in row for row in rows(pilot)))
        assert len(list_runs(workshop)) == 2


@pytest.mark.slow
async def test_the_queue_goes_on_without_the_dashboard_and_a_new_one_attends_to_it(workshop: Settings) -> None:
    async with opened() as pilot:
        await choose(pilot, "toy")
        await queue_one(pilot, f"seed=1 {LONG}")
        await queue_one(pilot, "seed=2 epochs=1")
        await until(pilot, lambda: any("● running" in row for row in rows(pilot)))
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)

    def attending() -> int | None:
        info = read_json(QueueDirectory(workshop).runner_file)
        return info["pid"] if is_alive(info["pid"], info["pid_started"]) else None

    # the runner that started the first entry may have ended; the one for the second is on its way
    runner = psutil.Process(wait_until(attending))
    runner.kill()
    runner.wait(30)
    send(workshop, list_runs(workshop)[0].directory, "stop")
    wait_until(lambda: not list_runs(workshop)[0].is_active)
    async with opened(NARROW) as pilot:  # nobody looks at the queue, and yet
        await until(pilot, lambda: sorted(run.status for run in list_runs(workshop)) == ["finished", "stopped"])
        await pilot.press("0")
        await until(pilot, lambda: [("✓ finished" in row, "■ stopped" in row) for row in rows(pilot)]
                    == [(True, False), (False, True)])  # fmt: skip


async def test_a_refused_entry_says_why(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    add_run("toy")
    await asyncio.to_thread(queue.set_paused, workshop, True)
    await asyncio.to_thread(queue.add, workshop, "toy", name="mine")
    (workshop.datasets_dir / "report" / "images" / "picture.png").unlink()
    queue.set_paused(workshop, False)
    async with opened(NARROW) as pilot:
        await pilot.press("0")
        await until(pilot, lambda: any("✗ refused" in row for row in rows(pilot)))
        assert "mine" in screen_text(pilot.app) and "no pictures" in text_of(pilot.app, "#queue-detail")
        await pilot.press("enter")
        await until(pilot, lambda: "no pictures" in " ".join(str(note.message) for note in pilot.app._notifications))
