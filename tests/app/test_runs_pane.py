"""Runs at the keyboard: found, sorted, marked, laid side by side, noted, put aside, and their files looked at."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import NARROW, WIDE, opened, screen_text, text_of, until
from textual.pilot import Pilot
from textual.widgets import Input

from app.dashboard import Dashboard
from app.screens.pager import Pager
from app.screens.run_pictures import RunPictures
from app.widgets.runs_pane import RunsGrid
from experiments.notes import Notes, read_notes
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

Make = Callable[..., RunDirectory]


def shown(app: Dashboard) -> list[str]:
    """The run ids in the table, from above."""
    return [run.run_id for run in app.runs_pane.sifted.runs]


async def in_runs(pilot: Pilot, count: int) -> None:
    await pilot.press("5")
    await until(pilot, lambda: len(shown(pilot.app)) == count)


async def type_filter(pilot: Pilot, text: str) -> None:
    pilot.app.query_one("#runs-filter", Input).value = text
    await pilot.pause()


@pytest.fixture
def three(add_run: Make) -> list[RunDirectory]:
    """Three runs, oldest first, with other classes, rates and scores; the second failed and has no test."""
    made = []
    for number, (name, status, iou) in enumerate(
        (("crack", "finished", 0.5), ("rust", "failed", None), ("crack", "finished", 0.75))
    ):
        directory = add_run("toy", points=5, status=status, age=3000.0 - 600 * number)
        directory.update(defect_class=name, name=f"try {number}")
        directory.config_file.write_text(f"seed: {number}\nlearning_rate: 0.001\n", encoding="utf-8")
        text = directory.events_file.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if "test/iou" not in line]
        if iou is not None:
            lines.append(json.dumps({"time": 99, "kind": "metrics", "step": 5, "values": {"test/iou": iou}}))
        directory.events_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        made.append(directory)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_filter_follows_what_is_typed_and_stays(three: list[RunDirectory], size: tuple[int, int]) -> None:
    first, second, third = (run.run_id for run in three)
    async with opened(size) as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        assert shown(app) == [third, second, first]
        await pilot.press("slash", *"crac")
        await until(pilot, lambda: shown(app) == [third, first])
        await type_filter(pilot, "class:crack test>0.6")
        await until(pilot, lambda: shown(app) == [third])
        await type_filter(pilot, "class:crack tset>0.6")
        await until(pilot, lambda: "character 13: no field 'tset'; did you mean 'test'?" in screen_text(app))
        assert shown(app) == [third] and "/ class:crack test>0.6" in screen_text(app)
        await type_filter(pilot, "seed<=1")
        await until(pilot, lambda: shown(app) == [second, first])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, RunsGrid))
        assert "2 of 3 runs" in screen_text(app) and "/ seed<=1" in screen_text(app)
        assert not app.query_one("#runs-filter").display
        await pilot.press("4", "5")  # it stays
        assert shown(app) == [second, first]
        await pilot.press("slash", "escape")
        await until(pilot, lambda: shown(app) == [third, second, first])
        await type_filter(pilot, "nothing-like-this")
        await until(pilot, lambda: "No run is like this" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 3)


async def test_columns_sort_by_numbers_with_what_is_missing_last(three: list[RunDirectory]) -> None:
    first, second, third = (run.run_id for run in three)
    async with opened() as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        assert "started ▼" in screen_text(app)
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: shown(app) == [first, second, third] and "started ▲" in screen_text(app))
        await pilot.press("less_than_sign")
        await until(pilot, lambda: "test IoU ▼" in screen_text(app) or "took ▼" in screen_text(app))
        if app.sort_field == "took":
            await pilot.press("less_than_sign")
        await until(pilot, lambda: shown(app) == [third, first, second] and "test IoU ▼" in screen_text(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: shown(app) == [first, third, second])
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: app.sort_field != "test" and not app.sort_reversed)


async def test_a_table_that_is_not_laid_out_yet_has_no_column_to_sort_by(three: list[RunDirectory]) -> None:
    async with opened() as pilot:
        app = pilot.app
        await until(pilot, lambda: app.furnished)
        assert app.pane != "runs"
        before = app.sort_field
        app.action_sort_right()
        assert app.sort_field == before


@pytest.mark.slow
async def test_marked_runs_lie_side_by_side_and_are_copied(three: list[RunDirectory]) -> None:
    first, second, third = (run.run_id for run in three)
    async with opened(NARROW) as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        await pilot.press("d")
        await until(pilot, lambda: "mark two runs or more" in screen_text(app))
        await pilot.press("space", "space", "space")
        await until(pilot, lambda: "◆ 3 marked" in screen_text(app))
        assert list(app.marked) == [third, second, first]
        await pilot.press("y")
        assert app.clipboard == f"{third}\n{second}\n{first}"
        await pilot.press("d")
        await until(pilot, lambda: "1 key differs" in screen_text(app))
        text = screen_text(app)
        assert "try 2" in text and "seed" in text and "≠ 1" in text and "learning_rate" not in text
        assert "0.7500" in text and "epoch of best" in text
        assert "shown: 1, 2–2" not in text or "try 1" in text
        await pilot.press("right")
        await until(pilot, lambda: "try 0" in screen_text(app))
        await pilot.press("y")
        assert app.clipboard.splitlines()[0] == f"|  | {third} | {second} | {first} |"
        assert "| seed | 2 | 1 | 0 |" in app.clipboard
        await pilot.press("Y")
        assert "seed,2,1,0" in app.clipboard.splitlines()
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not app.marked)


@pytest.mark.slow
async def test_tags_and_a_note_are_written_and_shown(three: list[RunDirectory]) -> None:
    async with opened((200, 48)) as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        await pilot.press("space", "space", "t")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one("#notes-tags", Input).value = "best a,b"
        await pilot.press("enter")
        await until(pilot, lambda: "a tag is one word" in screen_text(app))
        app.screen.query_one("#notes-tags", Input).value = "#best paper"
        await pilot.press("enter")
        await until(pilot, lambda: read_notes(three[1]) == read_notes(three[2]) == Notes("", ("best", "paper")))
        await pilot.press("escape")
        await until(pilot, lambda: not app.marked and app.runs_pane.sifted.runs[0].tags)
        await pilot.press("home", "t")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        app.screen.query_one("#notes-tags", Input).value = "best"
        app.screen.query_one("#notes-text", Input).value = "[b]да"
        await pilot.press("enter")
        await until(pilot, lambda: read_notes(three[2]) == Notes("[b]да", ("best",)))
        assert read_notes(three[1]).tags == ("best", "paper")
        await until(pilot, lambda: "#best [b]да" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "#best" in text_of(app, "#live-head") and "[b]да" in text_of(app, "#live-head"))


async def test_archived_runs_are_hidden_until_asked_for_and_nothing_is_deleted(three: list[RunDirectory]) -> None:
    first, second, third = (run.run_id for run in three)
    async with opened() as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        await pilot.press("space", "space", "a")
        await until(pilot, lambda: "Archive 2 runs?" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert not read_notes(three[2]).archived
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: shown(app) == [first])
        assert three[2].events_file.exists() and "1 of 3 runs" in screen_text(app)
        await pilot.press("slash")
        await type_filter(pilot, "is:archived")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app) == [third, second] and "▽" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: "out of the archive?" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(shown(app)) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 2)


async def test_files_are_read_as_text_table_and_picture(three: list[RunDirectory]) -> None:
    from PIL import Image

    run = three[2]
    (run.results / "per_image.csv").write_text("file,iou\na.png,0.5\nlonger.png,0.25\n", encoding="utf-8")
    (run.results / "summary.json").write_text('{"test": {"iou": 0.75}}', encoding="utf-8")
    (run.results / "weights.bin").write_bytes(b"\0\1\2" * 10)
    for name in ("a", "b"):
        Image.new("RGB", (40, 20), (200, 30, 30)).save(run.results / f"{name}.png")
    async with opened() as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        await pilot.press("i")
        await until(pilot, lambda: "results/b.png" in screen_text(app) and "config.yaml" in screen_text(app))
        await pilot.press("y")
        assert app.clipboard == str(run.results / "a.png")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunPictures) and "2 of 2" in screen_text(app))
        await until(pilot, lambda: app.screen.name_shown == str(run.results / "b.png") and "▀" in screen_text(app))
        await pilot.press("escape", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Pager) and "longer.png  0.25" in screen_text(app))
        assert "a.png       " in screen_text(app)
        await pilot.press("escape", "down", "enter")
        await until(pilot, lambda: '    "iou": 0.75' in screen_text(app))
        await pilot.press("escape", "down", "enter")
        await until(pilot, lambda: "is no text" in screen_text(app) and not isinstance(app.screen, Pager))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_marked_runs_are_drawn_over_each_other(three: list[RunDirectory]) -> None:
    async with opened() as pilot:
        app = pilot.app
        await in_runs(pilot, 3)
        await pilot.press("v")
        await until(pilot, lambda: app.pane == "live")
        assert app.watched.name == three[2].run_id and not app.overlays
        await pilot.press("5", "space", "space", "v")
        await until(pilot, lambda: list(app.overlays) == [three[1].run_id])
        assert app.watched.name == three[2].run_id


@pytest.mark.slow
async def test_runs_of_other_machines_are_listed_from_mlflow(
    three: list[RunDirectory], workshop: Settings, tmp_path: Path
) -> None:
    """A store as MLflow makes it, with one run that has no directory here."""
    import shutil
    import threading

    from experiments.uploader import upload
    from tests.experiments import tracking_fixtures as make

    uri = workshop.tracking_uri
    make.make_template(tmp_path).rename(tmp_path / "mlflow.db")
    run = make.make_run(tmp_path / "other machine", uri, stage="final", defect_class="rupture", created=1000.0)
    make.write_metrics(run, range(3))
    make.write_results(run, [0.25, 0.75])
    make.end_run(run)
    assert upload(run, uri, threading.Event(), grace=0) == 0
    shutil.rmtree(run.path)
    async with opened() as pilot:
        app = pilot.app
        await in_runs(pilot, 4)
        await until(pilot, lambda: "↗ 1 only in MLflow, as of" in screen_text(app))
        assert shown(app)[-1] == run.run_id
        await pilot.press("end", "p")
        await until(pilot, lambda: "only MLflow knows this run" in screen_text(app))
        assert "rupture" in screen_text(app) and "0.500" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "results/per_image.csv" in screen_text(app))
        await pilot.press("escape", "slash")
        await type_filter(pilot, "is:mlflow seed=0 class:rup")
        await until(pilot, lambda: shown(app) == [run.run_id])
