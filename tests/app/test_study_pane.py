"""A study at the keyboard: its plan, its start, a pause, a stop, steps done anew; with real processes."""

import os
from pathlib import Path

import pytest
from driving import NARROW, WIDE, opened, screen_text, text_of, until
from small_workshop import Workshop, run_processes
from studying import Studying
from textual.pilot import Pilot
from waiting import wait_until

from app.widgets.study_graph import StudyGraph
from experiments import launcher, runs
from pipeseg.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL")]
ONE = "stage: study\nclasses: [deposition]\nsplit: null\ntrack_experiment: false\n"
WHOLE = "stage: study\nclasses: [deposition]\nclean: {}\narms: [equal_budget]\n"
BASELINE, REFINE, FINAL = (f"{stage} deposition seed 0" for stage in ("baseline", "refine", "final"))


@pytest.fixture
def studying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for key in ("experiments", "datasets", "runs", "models"):
        monkeypatch.setenv(f"{key.upper()}_DIR", str(tmp_path / key))
        (tmp_path / key).mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    workshop = Workshop(tmp_path, Settings.load())
    for suffix in ("", "_deposition_BASELINE", "_deposition_BASELINE_VAL", "_deposition_EVAL"):
        workshop.add_dataset(f"sample{suffix}")
    made = Studying(workshop)
    (workshop.settings.experiments_dir / "study" / "config.yaml").write_text(ONE, encoding="utf-8")
    yield made
    made.open_gate()
    for view in runs.list_runs(made.settings):
        if view.is_active and view.stage == "study":
            runs.send(made.settings, view.run_id, "stop")
        wait_until(lambda view=view: not run_processes(view.directory))


def head(pilot: Pilot) -> str:
    return text_of(pilot.app, "#study-head")


async def says(pilot: Pilot, *parts: str) -> None:
    await until(pilot, lambda: all(part in screen_text(pilot.app) for part in parts), seconds=60)


async def answer(pilot: Pilot, key: str) -> None:
    await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
    await pilot.press(key)
    await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_a_study_from_its_plan_to_a_step_done_anew(studying: Studying) -> None:
    async with opened(WIDE) as pilot:
        await pilot.press("8")
        await says(pilot, "plan of study · not started", "○ would run", "○ unknown", "l starts it")
        await pilot.press("l", "enter")
        await until(pilot, lambda: "● running" in head(pilot) and pilot.app.pane == "study", seconds=60)
        await says(pilot, "● 33%", "○ next", "next refine deposition seed 0")
        assert "0 of 3" in head(pilot) and "1 at a time" in head(pilot)
        await pilot.press("p")
        await says(pilot, "‖ paused", "‖ 33% paused", "p Resume")
        assert runs.run_status(studying.child(BASELINE)) == "paused"
        await pilot.press("p")
        await says(pilot, "● running", "● 33%")
        studying.open_gate("baseline-deposition")
        await says(pilot, "✓ 0.625", "1 of 3")
        await until(pilot, lambda: pilot.app.query_one(StudyGraph).view.by_name[REFINE].state == "running", seconds=60)

        await pilot.press("s")
        await answer(pilot, "n")
        await pilot.press("x")
        await says(pilot, "works: stop it first")
        await pilot.press("s")
        await answer(pilot, "y")
        await until(pilot, lambda: "■ stopped" in head(pilot), seconds=60)
        studying.open_gate()
        await pilot.press("p")
        await until(pilot, lambda: "✓ finished" in head(pilot) and "3 of 3" in head(pilot), seconds=60)

        await pilot.press("home", "right")
        await until(pilot, lambda: text_of(pilot.app, "#study-detail").startswith(REFINE))
        assert "x does it and 1 step after it anew" in text_of(pilot.app, "#study-detail")
        before = studying.child(REFINE).run_id, studying.child(FINAL).run_id
        await pilot.press("x")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert "with 1 step after it (final deposition seed 0)" in pilot.app.screen.question
        await pilot.press("y")
        await until(pilot, lambda: studying.child(FINAL).run_id != before[1], seconds=60)
        await until(pilot, lambda: "✓ finished" in head(pilot) and "3 of 3" in head(pilot), seconds=60)
        assert studying.child(REFINE).run_id != before[0] and len(studying.children()) == 6  # one was stopped
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.pane == "live")
        assert pilot.app.watched.name == studying.child(REFINE).run_id


async def test_every_study_and_plan_can_be_chosen_on_a_small_screen(studying: Studying) -> None:
    studying.open_gate()
    studying.workshop.add_experiment("whole", WHOLE)
    for name in ("first", "second"):
        run = launcher.launch(studying.settings, "study", [], name)
        assert studying.await_end(run) == "finished"
    first, second = (view.run_id for view in reversed(runs.list_runs(studying.settings)) if view.stage == "study")
    async with opened(NARROW) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: second in head(pilot))
        text = screen_text(pilot.app)
        assert "↺ 0.625 cached" in text and "↺ 3 cached" in head(pilot)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
        assert all(part in text for part in ("Enter Open", "x Do anew", "? Help"))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: first in head(pilot) and "cached" not in head(pilot))
        await pilot.press("left_square_bracket")
        await says(pilot, "this is the oldest study")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "plan of study" in head(pilot) and "↺ 3 cached" in head(pilot), seconds=60)
        await pilot.press("x")
        await says(pilot, "a plan has nothing to do anew")
        await pilot.press("end")
        await until(pilot, lambda: text_of(pilot.app, "#study-detail").startswith(FINAL))
        # the columns of this one do not fit
        await pilot.press("right_square_bracket")
        await says(pilot, "plan of whole", "  deposition", "    ○ split", "      ○ baseline seed 0")
        graph = pilot.app.query_one(StudyGraph)
        for key, name in (("g", "clean"), ("right", "split deposition"), ("j", BASELINE), ("left", "split deposition")):
            await pilot.press(key)
            assert graph.cursor == name
        await pilot.click(StudyGraph, offset=(9, 4))
        assert graph.cursor == REFINE
        await pilot.press("enter")
        await until(pilot, lambda: any("has no run yet" in str(note.message) for note in pilot.app._notifications))
