"""The list of experiments: found live, filtered while it is typed, and as cheap with hundreds as with ten."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from driving import NARROW, WIDE, choose, opened, screen_text, until
from textual.app import App, ComposeResult

from app.text import sparkline
from app.widgets.experiment_list import ExperimentList, Experiments
from experiments.folders import Experiment
from experiments.summary import Summary
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


def test_a_sparkline_has_one_bar_a_value() -> None:
    assert sparkline([0.1, 0.2, 0.3]) == "▁▅█"
    assert sparkline([0.5, 0.5]) == "▄▄"


@pytest.mark.slow
async def test_folders_are_found_as_they_appear_and_gone_when_they_go(workshop: Settings) -> None:
    async with opened() as pilot:
        folder = workshop.experiments_dir / "group" / "late"
        shutil.copytree(workshop.experiments_dir / "toy", folder)
        await until(pilot, lambda: "group/late" in screen_text(pilot.app))
        (folder / "config.yaml").unlink()
        await until(pilot, lambda: "config.yaml: no such file" in screen_text(pilot.app))
        (folder / "experiment.py").unlink()
        await until(pilot, lambda: "group/late" not in screen_text(pilot.app))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_filter_takes_words_as_they_are_typed(
    workshop: Settings, add_run: Callable[..., RunDirectory], size: tuple[int, int]
) -> None:
    add_run("toy", status="failed")
    async with opened(size) as pilot:
        options = pilot.app.query_one(ExperimentList)
        await choose(pilot, "toy")
        await pilot.press("1", "slash", *"inn nes")
        await until(pilot, lambda: options.names == ["nested/inner"])
        assert "1 of 3" in screen_text(pilot.app)
        assert pilot.app.selected == "toy"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.selected == "nested/inner" and options.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: len(options.names) == 3 and "1 of 3" not in screen_text(pilot.app))
        await pilot.press("slash", *"failed")
        await until(pilot, lambda: options.names == ["toy"])
        await pilot.press("escape")
        await until(pilot, lambda: len(options.names) == 3)
        assert pilot.app.selected == "nested/inner"


async def test_last_best_and_trend_are_of_runs_that_are_alike(
    workshop: Settings, add_run: Callable[..., RunDirectory]
) -> None:
    for age, iou, defect_class in ((400, 0.95, "obstacle"), (300, 0.5, "deposition"), (200, 0.7, "deposition")):
        run = add_run("toy", age=age)
        run.update(defect_class=defect_class)
        text = run.events_file.read_text(encoding="utf-8").replace("0.625", str(iou))
        run.events_file.write_text(text, encoding="utf-8")
    async with opened() as pilot:
        await until(pilot, lambda: "test 0.700 best 0.700" in screen_text(pilot.app))
        line = next(line for line in screen_text(pilot.app).splitlines() if line.startswith(" toy"))
        assert "▁█" in line
        await choose(pilot, "toy")
        await pilot.press("2")
        await until(pilot, lambda: "best run" in screen_text(pilot.app))
        assert "python -m experiments launch toy" in screen_text(pilot.app)


class Alone(App[None]):
    def compose(self) -> ComposeResult:
        yield Experiments()


async def test_only_what_is_in_view_is_drawn_and_only_what_changed_again() -> None:
    path = Path("folder")
    folders = [Experiment(f"e{n:03}", path, "t", "", path, path, path, None) for n in range(500)]
    summaries = {folder.name: Summary("finished", 0, "test", 0.5, 0.5, (0.1, 0.5)) for folder in folders}
    app = Alone()
    async with app.run_test(size=(40, 24)) as pilot:
        options = app.query_one(ExperimentList)
        drawn: list[str] = []
        original = options._line
        options._line = lambda item, part, width: drawn.append(item.name) or original(item, part, width)  # type: ignore
        options.show(folders, summaries, set())
        await until(pilot, lambda: len(set(drawn)) >= 8)
        assert len(set(drawn)) <= 13
        drawn.clear()
        options.show(list(folders), dict(summaries), set())
        changed = {**summaries, "e001": replace(summaries["e001"], last=0.25), "e400": Summary("failed")}
        options.show(folders, changed, set())
        await until(pilot, lambda: "0.250" in screen_text(app))
        assert set(drawn) == {"e001"}
        await pilot.press("tab")
        options.focus()
        await pilot.press("G")
        await until(pilot, lambda: options.current == "e499" and "e499" in screen_text(app))
