"""Reading runs: true, tolerant of anything that lies in the folder, and cheap the second time."""

import json
import math
import os
import time

import psutil
import pytest

from experiments.processes import this_host
from experiments.runs import find_run, last_runs, latest_finished, list_runs, run_status, send, view
from pipeseg.errors import BadInput
from pipeseg.events import append_event


def status_line(status: str) -> str:
    return json.dumps({"time": 1.0, "kind": "status", "status": status}) + "\n"


def ourselves() -> dict:
    return {"pid": os.getpid(), "pid_started": psutil.Process().create_time(), "host": this_host()}


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (130, "stopped"), (1, "failed"), (2, "failed")])
def test_exit_json_has_the_last_word(workshop, code, status):
    directory = workshop.write_run(
        "20260101-000000-tiny-0000", exit_code=code, events=status_line("running"), **ourselves()
    )
    assert run_status(directory) == status


@pytest.mark.parametrize(
    ("events", "status"),
    [("", "starting"), (status_line("running"), "running"), (status_line("running") + status_line("paused"), "paused")],
)
def test_a_live_process_makes_the_journal_true(workshop, events, status):
    assert run_status(workshop.write_run("a", events=events, **ourselves())) == status
    assert view(workshop.write_run("b", events=events, **ourselves())).is_active


def test_the_supervisor_counts_as_alive_before_training_does(workshop):
    me = ourselves()
    directory = workshop.write_run("a", supervisor_pid=me["pid"], supervisor_started=me["pid_started"], host=me["host"])
    assert run_status(directory) == "starting"


def test_a_pid_that_belongs_to_another_process_by_now_is_a_lost_run(workshop):
    stranger = ourselves() | {"pid_started": psutil.Process().create_time() - 1000}
    assert run_status(workshop.write_run("a", events=status_line("running"), **stranger)) == "lost"
    assert run_status(workshop.write_run("b", events=status_line("finished"), **stranger)) == "finished"
    assert (
        run_status(workshop.write_run("c", events=status_line("running"), **stranger | {"pid_started": None})) == "lost"
    )


def test_the_processes_of_another_machine_are_not_judged(workshop):
    elsewhere = {"pid": 1, "pid_started": 1.0, "host": "another-machine"}
    assert run_status(workshop.write_run("a", events=status_line("running"), **elsewhere)) == "running"


def test_a_run_that_never_got_a_process_is_starting_only_for_a_while(workshop):
    assert run_status(workshop.write_run("a", created=time.time(), host=this_host())) == "starting"
    assert run_status(workshop.write_run("b", created=time.time() - 3600, host=this_host())) == "lost"


def test_anything_may_lie_in_the_runs_folder(workshop):
    good = workshop.write_run("20260101-000001-tiny-0001", exit_code=0, created=5.0)
    runs_dir = workshop.settings.runs_dir
    (runs_dir / "notes.txt").write_text("mine")
    (runs_dir / "someone-elses-folder").mkdir()
    (runs_dir / ".trash").mkdir()
    half = workshop.write_run("20260101-000002-group.two-0002", events='{"kind": "status", "sta')
    half.info_file.write_text('{"run_id": "2026')
    listed = {run.run_id: run for run in list_runs(workshop.settings)}
    assert set(listed) == {good.run_id, half.run_id}
    assert listed[half.run_id].experiment == "group.two"
    assert listed[half.run_id].status == "lost"
    assert listed[half.run_id].created > 0


def test_nan_null_and_nonsense_in_the_journal(workshop):
    lines = [
        '{"time": 1, "kind": "metrics", "step": 1, "epoch": 1, "values": {"val/iou": NaN, "train/loss": 0.5}}',
        '{"time": 2, "kind": "metrics", "step": 2, "epoch": 1, "values": {"val/iou": 0.5, "train/loss": Infinity}}',
        '{"time": 3, "kind": "metrics", "values": {"val/iou": null, "val/dice": "high"}}',
        '{"time": 4, "kind": "metrics", "values": [1, 2]}',
        '{"time": 5, "kind": "progress", "step": "x", "total": null, "eta_seconds": NaN}',
        '{"kind": "from the future"}',
        "[1, 2]",
        "not json",
        '{"time": 6, "kind": "status", "status": "finished"}',
        '{"time": 7, "kind": "metrics", "values": {"val/iou": 0.9',
    ]
    run = view(workshop.write_run("a", events="\n".join(lines)))
    assert run.best_iou == 0.5 and run.last["val/iou"] == 0.5
    assert math.isinf(run.last["train/loss"]) and "val/dice" not in run.last
    assert run.step is None and run.total is None and run.eta_seconds is None
    assert run.status == "finished" and run.ended == 6


def test_a_view_follows_what_is_appended(workshop):
    directory = workshop.write_run("a", events=status_line("running"), **ourselves())
    assert view(directory).best_iou is None
    for step, iou in enumerate((0.3, 0.6, 0.4), start=1):
        append_event(directory.events_file, "metrics", step=step, epoch=step, values={"val/iou": iou})
    append_event(
        directory.events_file, "progress", step=3, total=9, epoch=1, epochs=3, eta_seconds=5, images_per_second=2.5
    )
    run = view(directory)
    assert (run.best_iou, run.last["val/iou"]) == (0.6, 0.4)
    assert (run.step, run.total, run.epoch, run.epochs, run.eta_seconds) == (3, 9, 1, 3, 5)
    directory.update(mlflow_run_id="abc")
    directory.write_exit(0)
    assert view(directory).status == "finished" and view(directory).info["mlflow_run_id"] == "abc"


def test_newest_first_with_limit_and_deleted_runs_forgotten(workshop):
    for number in range(5):
        workshop.write_run(f"run-{number}", exit_code=0, created=float(number))
    assert [run.run_id for run in list_runs(workshop.settings, limit=2)] == ["run-4", "run-3"]
    workshop.settings.runs_dir.joinpath("run-4").rename(workshop.root / "gone")
    assert [run.run_id for run in list_runs(workshop.settings)] == ["run-3", "run-2", "run-1", "run-0"]


def test_last_run_per_experiment(workshop):
    workshop.write_run("a", exit_code=0, created=1.0)
    workshop.write_run("b", exit_code=1, created=2.0)
    workshop.write_run("c", exit_code=0, created=1.5, experiment="other")
    assert {name: run.run_id for name, run in last_runs(workshop.settings).items()} == {"tiny": "b", "other": "c"}


def test_find_by_id_prefix_and_latest(workshop):
    for number, run_id in enumerate(("20260101-000000-tiny-aaaa", "20260101-000000-tiny", "20260102-000000-tiny-bbbb")):
        workshop.write_run(run_id, created=float(number))
    settings = workshop.settings
    assert find_run(settings, "20260102").run_id == "20260102-000000-tiny-bbbb"
    assert (
        find_run(settings, "20260101-000000-tiny").run_id == "20260101-000000-tiny"
    )  # a full id wins over longer ones
    assert find_run(settings, "latest").run_id == "20260102-000000-tiny-bbbb"
    with pytest.raises(BadInput, match=r"beginning of 3 runs \(.*tiny-bbbb.*\); type more of the id"):
        find_run(settings, "2026")
    for text in ("nothing", "", "../runs"):
        with pytest.raises(BadInput, match="no run"):
            find_run(settings, text)


def test_no_runs_yet(workshop):
    assert list_runs(workshop.settings) == []
    with pytest.raises(BadInput, match="no runs yet"):
        find_run(workshop.settings, "latest")


def test_requests_to_ended_runs_and_unknown_requests_are_bad_input(workshop):
    directory = workshop.write_run("a", exit_code=0)
    with pytest.raises(BadInput, match="it has finished"):
        send(workshop.settings, "a", "stop")
    with pytest.raises(BadInput, match="unknown command"):
        send(workshop.settings, directory, "explode")
    assert not directory.control_file.exists()


def test_latest_finished_by_stage_class_and_config(workshop):
    for number, (stage, name, seed, code) in enumerate(
        [
            ("baseline", "rupture", 0, 0),
            ("baseline", "rupture", 1, 0),
            ("baseline", "rupture", 0, 1),
            ("final", "rupture", 0, 0),
        ]
    ):
        made = workshop.write_run(f"r{number}", exit_code=code, stage=stage, defect_class=name, created=float(number))
        made.config_file.write_text(f"seed: {seed}\n")
    settings = workshop.settings
    assert latest_finished(settings, stage="baseline", defect_class="rupture").run_id == "r1"
    assert latest_finished(settings, stage="baseline", defect_class="rupture", seed=0).run_id == "r0"
    assert latest_finished(settings, stage="baseline", defect_class="obstacle") is None


def test_listing_500_runs_again_is_quick(workshop):
    metrics = json.dumps({"time": 1.0, "kind": "metrics", "step": 1, "epoch": 1, "values": {"val/iou": 0.5}}) + "\n"
    for number in range(500):
        # every tenth lost its processes: those are asked after each time
        ended = {} if number % 10 == 0 else {"exit_code": 0}
        gone = {"host": this_host(), "pid": 2**22 + number, "pid_started": 1.0, "created": float(number)}
        workshop.write_run(f"run-{number:03}", events=metrics * 20, **ended, **gone)
    first = list_runs(workshop.settings)
    best = min(elapsed(lambda: list_runs(workshop.settings)) for _ in range(3))
    assert len(first) == 500 and best < 0.3


def test_polling_a_long_journal_costs_what_is_new(workshop):
    line = json.dumps({"time": 1.0, "kind": "metrics", "step": 1, "epoch": 1, "values": {"train/loss": 0.1}}) + "\n"
    early = json.dumps({"time": 1.0, "kind": "metrics", "step": 1, "epoch": 1, "values": {"val/iou": 0.9}}) + "\n"
    directory = workshop.write_run("a", events=status_line("running") + early + line * 100_000, **ourselves())
    assert view(directory).best_iou == 0.9
    append_event(directory.events_file, "metrics", step=2, epoch=2, values={"val/iou": 0.1})
    seconds = elapsed(lambda: view(directory))
    assert view(directory).last["val/iou"] == 0.1 and view(directory).best_iou == 0.9
    assert seconds < 0.05


def elapsed(work) -> float:
    start = time.thread_time()  # of this thread alone: a busy machine does not count
    work()
    return time.thread_time() - start
