"""A run that died at night goes on in the morning: the same directory, the same MLflow run, every point once."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter

import psutil
import pytest

from experiments.runs import run_status
from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL")]

# a step takes some 50 ms: enough of them that a run is still at work when it is met in the middle
LONG = {"epochs": 6, "steps_per_epoch": 8, "augment": False}


def verb(tiny, *arguments, **options):
    return tiny.call([sys.executable, "-m", "experiments", *arguments], cwd=ROOT, **options)


def only_run(tiny) -> RunDirectory:
    (folder,) = tiny.run_folders()
    return RunDirectory(folder)


def points(run) -> Counter:
    """Return how often the journal holds each (metric, step)."""
    events = [event for event in read_events(run.events_file) if event["kind"] == "metrics"]
    return Counter((name, event["step"]) for event in events for name in event["values"])


def stored(tiny) -> tuple[Counter, list]:
    """Return how often the embedded MLflow store holds each (metric, step), and the states of its runs."""
    with sqlite3.connect(tiny.root / "mlflow.db") as store:
        counted = Counter(store.execute("select key, step from metrics").fetchall())
        return counted, store.execute("select status from runs").fetchall()


def kill_training(run) -> None:
    """Kill supervisor and training at once, as a machine that loses its power does; the uploader ends by itself."""
    processes = [psutil.Process(run.read_info()[key]) for key in ("supervisor_pid", "pid")]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, 30)
    assert not alive


def test_a_killed_run_goes_on_by_the_command_line(tiny):
    changes = {**LONG, "track_experiment": True}
    command = tiny.experiment(**changes)[2:]
    assert verb(tiny, "launch", "baseline", *command).returncode == 0
    run = only_run(tiny)
    tiny.wait_until(lambda: ("train/loss", 9) in points(run), 100)
    kill_training(run)
    tiny.wait_until(lambda: run_status(run) in ("lost", "failed"))

    went_on = verb(tiny, "resume", run.run_id, "--wait")
    assert went_on.returncode == 0, went_on.stderr
    assert went_on.stdout.strip() == run.run_id and "goes on after step" in went_on.stderr
    assert tiny.run_folders() == [run.path] and run_status(run) == "finished"
    assert set(points(run).values()) == {1}
    assert {step for name, step in points(run) if name == "train/loss"} == set(range(1, 49))
    info = run.read_info()
    assert len(info["attempts"]) == 1 and info["attempts"][0]["pid"] != info["pid"] and info["upload"] == "done"
    assert stored(tiny) == (points(run), [("FINISHED",)])

    again = verb(tiny, "resume", run.run_id)
    assert again.returncode == 2 and "has finished" in again.stderr and len(again.stderr.splitlines()) == 1


def test_a_stopped_run_goes_on_by_its_script(tiny):
    command = tiny.experiment(**LONG)
    with subprocess.Popen(command, env=tiny.environment, stderr=subprocess.PIPE, encoding="utf-8") as process:
        tiny.wait_until(lambda: tiny.run_folders() and ("train/loss", 5) in points(only_run(tiny)), 100)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    run = only_run(tiny)
    script = command[:2]
    changed = tiny.call([*script, "--resume", run.run_id, "--set", "epochs=9"])
    assert changed.returncode == 2 and "leave the others out" in changed.stderr
    foreign = tiny.call([sys.executable, command[1].replace("baseline", "final"), "--resume", "latest"])
    assert foreign.returncode == 2 and f"{run.run_id} is a run of baseline" in foreign.stderr
    ended = tiny.call([*script, "--resume", "latest"])
    assert ended.returncode == 0, ended.stderr
    assert set(points(run).values()) == {1} and ("test/iou", 48) in points(run)
    states = [event["status"] for event in read_events(run.events_file) if event["kind"] == "status"]
    assert states == ["running", "stopped", "starting", "running", "finished"]
    assert json.loads((run.results / "summary.json").read_text())["total_steps"] == 48
