"""A study at work: a pause holds its steps, steps are done anew although they are done, and the graph tells it."""

import json
import os

import pytest
from studying import UNLUCKY
from sweeping import kill_run
from waiting import wait_until

from experiments import launcher, runs
from experiments.study_rerun import rerun
from experiments.study_view import StudyReader
from pipeseg.errors import BadInput

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL")]
ONE = "classes=[deposition]"
CHAIN = [f"{stage} deposition seed 0" for stage in ("baseline", "refine", "final")]


def states(studying, study) -> dict[str, str]:
    return {step.name: step.state for step in StudyReader(studying.settings, study).read().steps}


def test_a_pause_holds_the_steps_even_through_a_kill_and_resume_lets_them_go_on(studying):
    study = studying.launch("jobs=2")
    first, second = "baseline deposition seed 0", "baseline rupture seed 0"
    studying.await_running(first, second)
    # a person has paused this one before: it stays paused when the study goes on
    runs.send(studying.settings, studying.child(second), "pause")
    wait_until(lambda: runs.run_status(studying.child(second)) == "paused")
    assert studying.workshop.command("pause", study.run_id, "--wait").returncode == 0
    wait_until(lambda: states(studying, study)[first] == "paused")
    reader = StudyReader(studying.settings, study)
    view = reader.read()
    assert view.run.status == "paused" and view.eta_seconds is None and view.counts["paused"] == 2
    assert view.by_name[first].fraction == pytest.approx(1 / 3)
    runs.send(studying.settings, study, "resume")
    studying.await_running(first)
    assert reader.read().by_name[second].state == "paused"

    # paused once more, and the study killed: who goes on lets the steps go on that it has paused
    runs.send(studying.settings, study, "pause")
    wait_until(lambda: runs.run_status(studying.child(first)) == "paused")
    kill_run(study)
    launcher.resume(studying.settings, study)
    studying.await_running(first)
    runs.send(studying.settings, studying.child(second), "resume")
    studying.open_gate()
    assert studying.await_end(study) == "finished"
    assert [*studying.attempts().values()] == [1] * 6


def test_a_paused_study_is_stopped_with_its_steps(studying):
    study = studying.launch(ONE)
    studying.await_running(CHAIN[0])
    runs.send(studying.settings, study, "pause")
    wait_until(lambda: runs.run_status(study) == "paused")
    runs.send(studying.settings, study, "stop")
    assert studying.await_end(study) == "stopped"
    assert states(studying, study) == dict(zip(CHAIN, ("stopped", "waiting", "waiting"), strict=True))


def test_a_step_and_what_depends_on_it_are_done_anew_and_the_runs_before_stay(studying):
    studying.open_gate()
    done = studying.launch(ONE, "arms=[equal_budget]", wait=True)
    assert done.returncode == 0, done.stderr
    study = runs.find_run(studying.settings, done.stdout.splitlines()[0])
    before = {view.run_id: (view.path / "run.json").read_bytes() for view in studying.children()}
    again = studying.workshop.command("study", "rerun", study.run_id, "--from", "refine", "--wait")
    assert again.returncode == 0, again.stderr
    assert "anew: refine deposition seed 0, final deposition seed 0, equal_budget deposition seed 0" in again.stderr
    children = studying.children()
    assert [view.stage for view in children[4:]] == ["refine", "final", "equal_budget"]
    assert {view.run_id: (view.path / "run.json").read_bytes() for view in children[:4]} == before
    view = StudyReader(studying.settings, study).read()
    assert [step.run.run_id for step in view.steps] == [children[0].run_id, *(view.run_id for view in children[4:])]
    assert {step.state for step in view.steps} == {"done"}

    # another study takes the new ones; nothing of it is done
    other = studying.launch(ONE, "arms=[equal_budget]", wait=True)
    assert other.returncode == 0 and len(studying.children()) == 7
    record = json.loads(studying.workshop.command("study", "show", "--json").stdout)
    assert [step["state"] for step in record["steps"]] == ["cached"] * 4
    assert record["steps"][1]["run_id"] == children[4].run_id
    # and what it would do if it were started once more is known before
    foretold = json.loads(studying.workshop.command("study", "show", "study", "--json").stdout)
    told = {step["name"]: step["run_id"] or step["forecast"] for step in foretold["steps"]}
    assert told[CHAIN[2]] == children[5].run_id and told["baseline rupture seed 0"] == "new"
    assert told["refine rupture seed 0"] == "unknown"


def test_a_rerun_that_is_stopped_goes_on_and_redoes_nothing_twice(studying):
    studying.open_gate("baseline-deposition", "refine-deposition")
    study = studying.launch(ONE)
    studying.await_running(CHAIN[2])
    with pytest.raises(BadInput, match="is running already"):
        rerun(studying.settings, study, CHAIN[0])
    runs.send(studying.settings, study, "stop")
    assert studying.await_end(study) == "stopped"
    assert rerun(studying.settings, study, CHAIN[0]) == CHAIN
    wait_until(lambda: len(studying.children()) == 6)
    studying.await_running(CHAIN[2])
    anew = [view.run_id for view in studying.children()][3:]
    runs.send(studying.settings, study, "stop")
    assert studying.await_end(study) == "stopped"
    studying.open_gate()
    launcher.resume(studying.settings, study)
    assert studying.await_end(study) == "finished"
    view = StudyReader(studying.settings, study).read()
    assert [step.run.run_id for step in view.steps] == anew and len(studying.children()) == 6


def test_what_is_broken_blocks_what_needs_it_and_a_wrong_name_is_told(studying):
    studying.open_gate()
    done = studying.launch(f"seeds=[{UNLUCKY}]", wait=True)
    study = runs.find_run(studying.settings, done.stdout.splitlines()[0])
    view = StudyReader(studying.settings, study).read()
    failed, refine, final = (view.by_name[f"{stage} rupture seed 13"] for stage in ("baseline", "refine", "final"))
    assert (failed.state, failed.problem) == ("failed", "no luck")
    assert (refine.state, refine.blocked_by) == ("blocked", failed.name)
    assert (final.state, final.blocked_by) == ("blocked", refine.name)
    assert view.by_name["final deposition seed 13"].test_iou == 0.625
    shown = studying.workshop.command("study", "show").stdout
    assert "✗ failed" in shown and "⊘ blocked" in shown and "no luck" in shown
    wrong = studying.workshop.command("study", "rerun", study.run_id, "--from", "bseline rupture seed 13")
    assert wrong.returncode == 2 and "did you mean 'baseline rupture seed 13'?" in wrong.stderr
    with pytest.raises(BadInput, match="is the beginning of 2 steps"):
        rerun(studying.settings, study, "baseline")
    with pytest.raises(BadInput, match="is no study"):
        rerun(studying.settings, failed.run.directory, "baseline")
