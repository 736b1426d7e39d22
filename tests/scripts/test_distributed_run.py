"""A launched run on two devices, with its supervisor: whatever is killed, all of it ends, and goes on later."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from ranks import others

from experiments.runs import run_status
from pipeseg.events import read_events, send_command
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")]

LONG = {"epochs": 6, "steps_per_epoch": 8, "augment": False, "devices": 2}


def verb(tiny, *arguments):
    return tiny.call([sys.executable, "-m", "experiments", *arguments], cwd=ROOT)


def only_run(tiny) -> RunDirectory:
    (folder,) = tiny.run_folders()
    return RunDirectory(folder)


def points(run) -> list[tuple[str, int]]:
    events = [event for event in read_events(run.events_file) if event["kind"] == "metrics"]
    return [(name, event["step"]) for event in events for name in event["values"]]


def errors(run) -> list[str]:
    return [event["text"] for event in read_events(run.events_file) if event["kind"] == "error"]


def launched(tiny, **changes) -> RunDirectory:
    """Launch a run and return it when it is in the middle."""
    assert verb(tiny, "launch", "baseline", *tiny.experiment(**LONG, **changes)[2:]).returncode == 0
    run = only_run(tiny)
    tiny.wait_until(lambda: ("train/loss", 9) in points(run), 100)
    return run


def processes(run) -> list[psutil.Process]:
    """Supervisor and rank 0."""
    return [psutil.Process(run.read_info()[key]) for key in ("supervisor_pid", "pid")]


def check_end(tiny, run, first: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(first, 30)
    assert not alive
    tiny.wait_until(lambda: not others(run))


def check_resumed(tiny, run) -> None:
    went_on = verb(tiny, "resume", run.run_id, "--wait")
    assert went_on.returncode == 0, went_on.stderr
    assert "goes on after step" in went_on.stderr and run_status(run) == "finished"
    assert len(points(run)) == len(set(points(run))) and ("train/loss", 48) in points(run)
    assert json.loads((run.results / "summary.json").read_text())["total_steps"] == 48
    assert not others(run) and not (run.path / ".ranks").exists()


def test_a_rank_that_is_killed(tiny):
    run = launched(tiny)
    first = processes(run)
    [other] = others(run)
    # what the machine's watcher shows of a run are its children
    assert other.ppid() == first[1].pid
    other.send_signal(signal.SIGKILL)
    check_end(tiny, run, first)
    assert run_status(run) == "failed" and run.read_exit()["code"] == 1
    [sentence] = errors(run)
    assert sentence.startswith("rank 1 of 2 (cpu) was killed by SIGKILL")
    check_resumed(tiny, run)


def test_rank_0_and_its_supervisor_that_are_killed(tiny):
    # loader processes have a copy of all that is open: pipes and connections end with them
    run = launched(tiny, num_workers=1)
    first = processes(run)
    for process in first:
        process.send_signal(signal.SIGKILL)
    check_end(tiny, run, first)
    assert run_status(run) in ("lost", "failed")
    check_resumed(tiny, run)


def test_requests_are_answered_while_the_others_wait(tiny):
    run = launched(tiny)
    first = processes(run)
    send_command(run.control_file, "pause")
    tiny.wait_until(lambda: run_status(run) == "paused")
    [other] = others(run)
    before, used = points(run), other.cpu_times().user
    assert verb(tiny, "checkpoint", run.run_id).returncode == 0
    # they wait at their pipe, without turning round
    assert points(run) == before and other.cpu_times().user - used < 0.5
    send_command(run.control_file, "resume")
    tiny.wait_until(lambda: len(points(run)) > len(before))
    send_command(run.control_file, "stop")
    check_end(tiny, run, first)
    assert run_status(run) == "stopped" and run.read_exit()["code"] == 130 and errors(run) == []
    check_resumed(tiny, run)


def test_ctrl_c_reaches_everybody_and_only_rank_0_obeys(tiny):
    command = tiny.experiment(**{**LONG, "epochs": 1000})
    with subprocess.Popen(
        command, env=tiny.environment, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
    ) as process:
        tiny.wait_until(lambda: tiny.run_folders() and ("train/loss", 5) in points(only_run(tiny)), 100)
        run = only_run(tiny)
        [other] = others(run)
        # as a service manager asks all processes of a machine to end
        other.terminate()
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told, told
    tiny.wait_until(lambda: not others(run))
    assert run.read_exit()["code"] == 130 and run.last_checkpoint.exists() and errors(run) == []
    assert "Traceback" not in run.log_file.read_text()


def test_a_mistake_is_told_by_its_sentence_and_nothing_is_left(tiny):
    ended = tiny.call(tiny.experiment(**LONG, boxes={}))
    assert ended.returncode == 2, ended.stderr
    run = only_run(tiny)
    [sentence] = errors(run)
    assert sentence.startswith("boxes: no picture of tiny_deposition_BASELINE is labelled by boxes")
    assert not others(run) and not (run.path / ".ranks").exists()
