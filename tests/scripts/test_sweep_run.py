"""`experiment.py` with lists of values: a sweep in the foreground, of real trainings."""

import json
import os
import signal
import subprocess
import sys

import pytest

from experiments import sweeps
from experiments.runs import list_runs
from pipeseg.events import read_events


def only_sweep(tiny):
    (view,) = sweeps.list_sweeps(tiny.settings)
    return view


def test_a_dry_run_lists_the_runs_and_writes_nothing(tiny):
    ended = tiny.call(tiny.experiment("--set", "epochs=1,2", "--dry-run", seed=3))
    assert ended.returncode == 2 and "epochs: is set twice" in ended.stderr
    command = tiny.experiment("--dry-run")
    place = command.index("epochs=2")
    ended = tiny.call([*command[:place], "epochs=1,2", *command[place + 1 :]])
    assert ended.returncode == 0, ended.stderr
    assert [line.count("epochs=") for line in ended.stdout.splitlines()] == [1, 1] and "2 runs" in ended.stderr
    assert not tiny.run_folders()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_ctrl_c_stops_a_sweep_in_the_foreground_and_it_goes_on(tiny):
    command = tiny.experiment("--set", "weight_decay=0.01,0.02", epochs=6, steps_per_epoch=4, augment=False)
    with subprocess.Popen(
        command, env=tiny.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        tiny.wait_until(lambda: any(b'"val/iou"' in f.read_bytes() for f in tiny.root.glob("runs/*/events.jsonl")))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    view = only_sweep(tiny)
    assert process.returncode == 130 and "Traceback" not in told, told
    assert f"python -m experiments resume {view.sweep_id}" in told.splitlines()[-1]
    assert view.status == "stopped" and [each.status for each in view.combinations] == ["stopped", "waiting"]
    stopped = view.combinations[0].run.directory
    assert stopped.last_checkpoint.is_file()

    ended = tiny.call([*command[:2], "--resume", view.sweep_id])
    assert ended.returncode == 0, ended.stderr
    view = only_sweep(tiny)
    assert view.status == "finished" and "all 2 runs have finished" in ended.stderr
    assert view.combinations[0].run.directory == stopped and len(list_runs(tiny.settings)) == 2
    points = [
        (name, event["step"])
        for event in read_events(stopped.events_file)
        if event["kind"] == "metrics"
        for name in event["values"]
    ]
    assert len(points) == len(set(points))
    assert all((run.path / "results" / "summary.json").is_file() for run in list_runs(tiny.settings))
    configs = [json.dumps(run.info["overrides"]) for run in list_runs(tiny.settings)]
    assert "weight_decay=0.02" in configs[0] and "weight_decay=0.01" in configs[1]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_a_terminal_that_hangs_up_does_not_end_the_sweep(tiny):
    import pty

    command = tiny.experiment("--set", "weight_decay=0.01,0.02", augment=False)
    pid, master = pty.fork()
    if not pid:
        os.execve(sys.executable, command, {**tiny.environment, "TERM": "xterm"})
    ended = 0
    try:
        seen = b""
        while b"0 of 2 runs" not in seen:  # the bar is on the screen
            seen += os.read(master, 4096)
        os.close(master)  # the kernel sends SIGHUP; writing to the terminal fails from now on
        ended = tiny.wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0], 100)
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
    view = only_sweep(tiny)
    assert view.status == "finished" and view.directory.read_exit()["code"] == 0
