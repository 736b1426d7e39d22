"""A person at the keyboard: real run directories, real processes, real keys."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import NARROW, WIDE, choose, edit, log_texts, opened, point_count, screen_text, text_of, until
from textual.widgets import Input, OptionList
from waiting import wait_until

from app.actions import ACTIONS, PANES
from app.dashboard import Dashboard
from app.widgets.config_pane import ConfigPane
from app.widgets.run_log import RunLog
from experiments.runs import list_runs
from experiments.sweeps import list_sweeps
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


@pytest.mark.slow
async def test_list_shows_every_folder_with_its_state(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    add_run("toy")
    add_run("nested/inner", status="failed")
    async with opened() as pilot:
        await until(pilot, lambda: "YAML" in screen_text(pilot.app))
        text = screen_text(pilot.app)
        assert "✓ finished  test 0.625 best 0.625" in text
        assert "✗ failed" in text
        assert "broken" in text and "✗ config.yaml" in text


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_finished_run_shows_its_whole_curve(
    workshop: Settings, add_run: Callable[..., RunDirectory], size: tuple[int, int]
) -> None:
    add_run("toy", points=500)
    async with opened(size) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: point_count(pilot.app, "val/iou") == 500)
        await until(pilot, lambda: "finished" in text_of(pilot.app, "#live-head"))
        text = screen_text(pilot.app)
        assert "★ best 0.400 @ 40" in text
        assert "100%" in text and "test IoU 0.625" in text
        assert "green Отложения" in text and " 20%" in text and "\x1b" not in text
        assert any("⠀" < character <= "⣿" for character in text)
        assert "? Help" in text


async def test_a_long_journal_does_not_block_keys(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    """While 100,000 events are read, the loop that answers keys is never held up for long."""
    add_run("toy", points=100_000)
    async with opened() as pilot:
        slowest = 0.0
        while point_count(pilot.app, "train/loss") < 100_000:
            start = time.thread_time()  # of the loop alone: other threads and processes do not count
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.thread_time() - start)
        assert slowest < 1.0  # about 0.05 s


@pytest.mark.slow
async def test_launch_by_key_to_the_end_of_the_run(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        await choose(pilot, "toy")
        assert "press l to start toy" in screen_text(app)
        await pilot.press("l", "enter")
        # the run is short: a busy machine may show it when it has ended
        heads = ("running", "finished")
        await until(pilot, lambda: app.pane == "live" and any(head in text_of(app, "#live-head") for head in heads))
        await until(pilot, lambda: point_count(app, "train/loss") > 3)
        await until(pilot, lambda: "finished" in text_of(app, "#live-head"))
        await until(pilot, lambda: point_count(app, "train/loss") == 30 and point_count(app, "val/iou") == 3)
        await until(pilot, lambda: "epoch 3 Отложения" in log_texts(app))
        await until(pilot, lambda: app.runs and app.runs[0].status == "finished")
        await pilot.press("5")
        await until(pilot, lambda: "✓ finished" in screen_text(app) and "0.500" in screen_text(app))


@pytest.mark.slow
async def test_pause_resume_checkpoint_and_stop_by_keys(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        await choose(pilot, "nested/inner")
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one("#overrides", Input).value = "epochs=100000"
        await pilot.press("enter")
        head = lambda: text_of(app, "#live-head")  # noqa: E731
        await until(pilot, lambda: "running" in head())
        run = list_runs(workshop)[0]
        assert "epochs: 100000" in (run.path / "config.yaml").read_text()

        await pilot.press("p")
        await until(pilot, lambda: "‖ paused" in head())
        assert "p Resume" in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "● running" in head())

        checkpoints = (run.path / "events.jsonl").read_text().count('"checkpoint"')
        await pilot.press("c")
        await until(pilot, lambda: (run.path / "events.jsonl").read_text().count('"checkpoint"') > checkpoints)

        await pilot.press("s")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")  # the safe answer leaves the run alone
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert "stop" not in (run.path / "control.jsonl").read_text()
        await pilot.press("s")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "■ stopped" in head())
        await pilot.press("c")
        await until(pilot, lambda: "it has stopped" in screen_text(app))

        # a run that was broken off goes on by the key that ends a pause
        assert "p Resume" in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: "● running" in head())
        assert len(list_runs(workshop)) == 1
        await pilot.press("s")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "■ stopped" in head())


@pytest.mark.slow
async def test_lists_of_values_launch_a_sweep(workshop: Settings) -> None:
    async with opened(NARROW) as pilot:
        app = pilot.app
        await choose(pilot, "toy")

        async def launch_with(line: str) -> None:
            await pilot.press("o")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            assert app.focused.id == "overrides"
            app.focused.value = line

        def told() -> str:
            return " ".join(str(note.message) for note in app._notifications)

        await launch_with("seed=1,none epochs=1")
        await until(pilot, lambda: "cannot start: seed=none" in screen_text(app))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert not list(workshop.runs_dir.iterdir())
        await launch_with("seed=1,2 epochs=1 image_size=[64, 64]")
        await pilot.press("enter")
        await until(pilot, lambda: "sweep of 2 runs started" in told())
        await until(pilot, lambda: [run.status for run in list_runs(workshop)] == ["finished", "finished"])
        await until(pilot, lambda: app.pane == "runs" and len(app.runs) == 2)
        assert [run.info["overrides"][0] for run in list_runs(workshop)] == ["seed=2", "seed=1"]
        (sweep,) = list_sweeps(workshop)
        await until(pilot, lambda: not sweep.directory.is_worked_on())


@pytest.mark.slow
async def test_a_run_goes_on_without_the_dashboard_and_is_found_again(workshop: Settings) -> None:
    async with opened() as pilot:
        await choose(pilot, "toy")
        await pilot.press("f5")
        await until(pilot, lambda: point_count(pilot.app, "train/loss") > 0)
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)
    run = list_runs(workshop)[0]
    wait_until((run.path / "exit.json").exists)
    async with opened() as pilot:
        assert pilot.app.selected == "toy"
        await pilot.press("4")
        await until(pilot, lambda: point_count(pilot.app, "train/loss") == 30)
        await until(pilot, lambda: "✓ finished" in text_of(pilot.app, "#live-head"))


async def test_config_with_a_mistake_is_refused_by_its_key(workshop: Settings) -> None:
    file = workshop.experiments_dir / "toy" / "config.yaml"
    before = file.read_text()
    async with opened() as pilot:
        app = pilot.app
        await edit(pilot, "toy")
        await pilot.press("pagedown", *"epohcs: 3")
        await until(pilot, lambda: "epohcs" in text_of(app, "#config-problems"))
        assert "did you mean 'epochs'" in text_of(app, "#config-problems")
        assert "line 10" in text_of(app, "#config-problems")
        assert "● unsaved" in screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app._notifications)
        assert file.read_text() == before
        await pilot.press("ctrl+q")  # leaving asks
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("k")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.query_one(ConfigPane).unsaved == {"toy"}


@pytest.mark.slow
async def test_saving_keeps_comments_and_launching_asks_about_unsaved_changes(workshop: Settings) -> None:
    file = workshop.experiments_dir / "toy" / "config.yaml"
    async with opened() as pilot:
        app = pilot.app
        await edit(pilot, "toy")
        await pilot.press("pagedown", *"seed: 7")
        await until(pilot, lambda: "✓ valid" in text_of(app, "#config-problems"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.query_one(ConfigPane).unsaved)
        assert file.read_text().startswith("# what this run is in the study\n")
        assert "learn  # about 200 hand masks" in file.read_text()
        assert file.read_text().endswith("seed: 7")

        await pilot.press("enter", *"threshold: 0.4", "escape")
        await until(pilot, lambda: app.query_one(ConfigPane).unsaved)
        await pilot.press("l")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("s")
        await until(pilot, lambda: app.screen.query("#when"))
        await pilot.press("enter")
        await until(pilot, lambda: app.pane == "live")
        assert "threshold: 0.4" in (list_runs(workshop)[0].path / "config.yaml").read_text()
        await until(pilot, lambda: "finished" in text_of(app, "#live-head"))


async def test_a_file_that_someone_else_changed_is_not_overwritten_unasked(workshop: Settings) -> None:
    file = workshop.experiments_dir / "toy" / "config.yaml"
    async with opened() as pilot:
        app = pilot.app
        await edit(pilot, "toy")
        await pilot.press("pagedown", *"seed: 7")
        file.write_text(file.read_text() + "seed: 8\n")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("k")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert file.read_text().endswith("seed: 8\n")


async def test_a_launch_that_cannot_work_is_told_in_one_sentence(workshop: Settings) -> None:
    async with opened() as pilot:
        await choose(pilot, "broken")
        await pilot.press("f5")
        await until(pilot, lambda: pilot.app._notifications)
        await until(pilot, lambda: "not YAML" in " ".join(str(note.message) for note in pilot.app._notifications))
        assert not list(workshop.runs_dir.iterdir())


async def test_a_damaged_run_is_listed(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    directory = add_run("toy")
    directory.info_file.write_text("{half", encoding="utf-8")
    directory.events_file.write_text('{"kind": "metrics", "step": 1, "val', encoding="utf-8")
    async with opened() as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "✓ finished  toy" in screen_text(pilot.app))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_every_pane_is_one_key_away(workshop: Settings, size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        app = pilot.app
        await choose(pilot, "toy")
        for key, expected in (
            ("2", "Learns nothing, quickly"),
            ("3", "train_dataset: learn"),
            ("4", "starts the selected experiment"),
            ("5", "No runs yet"),
            ("1", "nested/inner"),
        ):
            await pilot.press(key)
            await until(pilot, lambda text=expected: text in screen_text(app))
        assert max(len(line.rstrip()) for line in screen_text(app).splitlines()) <= size[0]


@pytest.mark.slow
async def test_help_lists_and_runs_every_action(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        options = app.screen.query_one("#help-list", OptionList)
        assert {option.id for option in options.options if option.id} == {action.name for action in ACTIONS}
        await pilot.press(*"runs newest")
        await until(pilot, lambda: [option.id for option in options.options if option.id] == ["show('runs')"])
        await pilot.press("enter")
        await until(pilot, lambda: app.pane == "runs")


async def test_palette_offers_every_action_somewhere(workshop: Settings, add_run: Callable[..., RunDirectory]) -> None:
    add_run("toy")
    async with opened() as pilot:
        titles = set()
        for pane in PANES:
            pilot.app.action_show(pane)
            titles |= {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        labels = [action.label for action in ACTIONS if not action.builtin]
        assert not [label for label in labels if not any(title.startswith(label) for title in titles)]


async def test_without_datasets_the_command_is_named(workshop: Settings, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(tmp_path / "datasets")
    async with opened(NARROW) as pilot:
        await until(pilot, lambda: "python scripts/tools/make_sample_dataset.py" in screen_text(pilot.app))


async def test_comparison_comes_from_the_command_line(workshop: Settings) -> None:
    """An empty store: the table says what it needs, and nothing is raised."""
    async with opened() as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "read just now" in text_of(pilot.app, "#compare-head"), seconds=60)
        assert "Traceback" not in screen_text(pilot.app)


async def test_an_error_in_a_handler_is_told_and_logged(workshop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Dashboard()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until(pilot, lambda: app.furnished and app.runs is not None)
        monkeypatch.setattr(Dashboard, "action_follow", lambda self: 1 / 0)
        await pilot.press("4", "f")
        await until(pilot, lambda: "ZeroDivisionError" in screen_text(app))
        await pilot.press("5")
        await until(pilot, lambda: app.pane == "runs")
    assert "ZeroDivisionError" in (workshop.runs_dir / "dashboard.log").read_text()


async def test_the_log_follows_its_end_until_someone_scrolls_up(
    workshop: Settings, add_run: Callable[..., RunDirectory]
) -> None:
    directory = add_run("toy")
    lines = "".join(f"line {number}\n" for number in range(200))
    directory.log_file.write_text(lines, encoding="utf-8")
    async with opened() as pilot:
        log = pilot.app.query_one(RunLog)
        await pilot.press("2")
        pilot.app.watch_run(directory.path)
        await until(pilot, lambda: "line 199" in log_texts(pilot.app))
        await pilot.press("4")
        await until(pilot, lambda: "line 199" in screen_text(pilot.app))
        height = log.size.height
        await pilot.resize_terminal(160, 60)
        await until(pilot, lambda: log.size.height > height)
        assert log.following and "line 199" in screen_text(pilot.app)
        log.scroll_up(animate=False)
        await until(pilot, lambda: not log.following)
        with directory.log_file.open("a", encoding="utf-8") as file:
            file.write("line 200\n")
        await until(pilot, lambda: "line 200" in log_texts(pilot.app))
        assert "line 200" not in screen_text(pilot.app)
        await pilot.press("f")
        await until(pilot, lambda: "line 200" in screen_text(pilot.app))
