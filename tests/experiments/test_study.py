"""The study at work: what fails stops nothing else, what is done is not done again, what is killed goes on."""

import json
import os

import pytest
from studying import UNLUCKY
from sweeping import kill, kill_run
from waiting import wait_until

from experiments import runs
from experiments.study import tell_causes
from experiments.study_runner import Outcome
from pipeseg.events import read_events

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL")]
ONE = "classes=[deposition]"


def test_a_failing_class_does_not_stop_the_other(studying):
    studying.open_gate()
    done = studying.launch(f"seeds=[{UNLUCKY}]", "jobs=2", wait=True)
    assert done.returncode == 1
    study = runs.find_run(studying.settings, done.stdout.strip())
    results = json.loads((study.results / "steps.json").read_text(encoding="utf-8"))["steps"]
    assert {row["step"].removesuffix(f" seed {UNLUCKY}"): row["status"] for row in results} == {
        **{f"{stage} deposition": "finished" for stage in ("baseline", "refine", "final")},
        "baseline rupture": "failed",
        "refine rupture": "left out",
        "final rupture": "left out",
    }
    # one sentence for each cause, and how to go on
    error = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert error.startswith("error: 3 of 7 steps have not finished. baseline rupture seed 13: no luck. ")
    assert "no luck. 2 more need these and were left out. `" in error
    assert f"`python -m experiments resume {study.run_id}`" in error
    progress = [event for event in read_events(study.events_file) if event["kind"] == "progress"]
    assert (progress[-1]["step"], progress[-1]["total"]) == (6, 6)


def test_steps_that_fail_of_one_cause_share_a_sentence():
    missing = Outcome("failed", problem="no weights")
    outcomes = {
        "baseline a": missing,
        "refine a": Outcome("left out", problem="left out, for it needs baseline a"),
        "baseline b": missing,
        "baseline c": Outcome("finished"),
        "baseline d": Outcome("lost", problem="its process is gone"),
    }
    assert tell_causes(outcomes) == [
        "baseline a, baseline b: no weights",
        "baseline d: its process is gone",
        "1 more need these and were left out",
    ]
    assert tell_causes({"baseline c": Outcome("finished")}) == []


def test_two_steps_work_at_a_time_and_a_stop_stops_both_until_it_goes_on(studying):
    study = studying.launch("jobs=2")
    studying.await_running("baseline deposition seed 0", "baseline rupture seed 0")
    assert studying.workshop.command("stop", study.run_id, "--wait").returncode == 0
    assert studying.await_end(study) == "stopped"
    assert set(studying.steps(study).values()) == {"stopped"}
    assert studying.texts(study)[-1] == (
        f"0 of 6 steps are done; `python -m experiments resume {study.run_id}` goes on"
    )
    studying.open_gate()
    done = studying.workshop.command("resume", study.run_id, "--wait")
    assert done.returncode == 0, done.stderr
    assert len(studying.children()) == 6  # what was stopped went on in its own directory
    assert sorted(studying.attempts().values()) == [1, 1, 1, 1, 2, 2]


def test_a_killed_study_adopts_what_works_and_redoes_nothing(studying):
    studying.open_gate("baseline-deposition")
    study = studying.launch(ONE)
    studying.await_running("refine deposition seed 0")
    kill_run(study)
    # while nobody looks the step ends, and the next one is started by whoever goes on
    studying.open_gate("refine-deposition")
    resumed = studying.workshop.command("resume", study.run_id)
    assert resumed.returncode == 0, resumed.stderr
    studying.await_running("final deposition seed 0")
    # killed again, this time its supervisor writes down how it ended; the final is still at work when it goes on
    kill(study.read_info()["pid"])
    assert studying.await_end(study) == "failed"
    assert studying.workshop.command("resume", study.run_id).returncode == 0
    adopted = f"final deposition seed 0: works already, as {studying.child('final deposition seed 0').run_id}"
    wait_until(lambda: adopted in studying.texts(study))
    studying.open_gate()
    assert studying.await_end(study) == "finished"
    assert list(studying.attempts().values()) == [1, 1, 1]


def test_a_killed_step_goes_on_where_it_was(studying):
    study = studying.launch(ONE)
    studying.await_running("baseline deposition seed 0")
    child = studying.child("baseline deposition seed 0")
    kill(child.read_info()["pid"])
    assert studying.await_end(study) == "failed"
    studying.open_gate()
    assert studying.workshop.command("resume", study.run_id, "--wait").returncode == 0
    assert f"baseline deposition seed 0: goes on, {child.run_id} was failed" in studying.texts(study)
    assert studying.child("baseline deposition seed 0").run_id == child.run_id


def test_what_is_done_serves_again_unless_it_has_changed_or_a_person_wants_it_anew(studying):
    studying.open_gate()
    assert studying.launch(ONE, wait=True).returncode == 0
    first = studying.children()
    # a person has touched what refine wrote: it is made again, and is what it was, so the final serves again
    hybrid = studying.settings.datasets_dir / "sample_deposition_H1" / "masks" / "0.png"
    before = hybrid.read_bytes()
    hybrid.write_text("retouched", encoding="utf-8")
    done = studying.launch(ONE, "experiment_name=Another name", wait=True)
    assert done.returncode == 0 and hybrid.read_bytes() == before
    assert [view.stage for view in studying.children()] == ["baseline", "refine", "final", "refine"]
    for place, step in ((0, "baseline"), (2, "final")):
        assert f"{step} deposition seed 0: already done by {first[place].run_id}" in done.stderr
    assert studying.launch(ONE, "reuse=false", wait=True).returncode == 0
    assert [view.stage for view in studying.children()][4:] == ["baseline", "refine", "final"]


def test_the_arms_take_the_steps_of_teachers_and_final_together(studying):
    studying.open_gate()
    sizes = ("baseline={epochs: 4, steps_per_epoch: 3}", "final={epochs: 5, steps_per_epoch: 2}")
    done = studying.launch(ONE, "arms=[equal_budget]", *sizes, wait=True)
    assert done.returncode == 0, done.stderr
    summary = studying.child("equal_budget deposition seed 0").results / "summary.json"
    assert json.loads(summary.read_text(encoding="utf-8"))["total_steps"] == 4 * 3 + 5 * 2
    assert studying.child("equal_budget deposition seed 0").read_info()["stage"] == "equal_budget"


def test_a_wrong_key_of_a_step_is_told_before_anything_begins(studying):
    done = studying.launch(ONE, "final={epochz: 9}", wait=True)
    assert done.returncode == 2 and not studying.children()
    assert "final deposition seed 0: epochz: unknown key; did you mean 'epochs'?" in done.stderr
