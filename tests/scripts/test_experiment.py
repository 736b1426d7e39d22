"""`experiment.py` as a process: no prompt, no stdin, no tracking server, no terminal; and it stops when asked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory

FILES = ("run.json", "config.yaml", "events.jsonl", "train.log", "control.jsonl", "exit.json")


def only_run(tiny) -> RunDirectory:
    (folder,) = tiny.run_folders()
    return RunDirectory(folder)


def check_whole(directory: RunDirectory) -> None:
    assert all((directory.path / name).is_file() for name in FILES)
    assert directory.read_exit()["code"] == 0 and directory.read_info()["status"] == "finished"
    events = read_events(directory.events_file)
    assert [e["status"] for e in events if e["kind"] == "status"] == ["running", "finished"]
    assert json.loads((directory.results / "summary.json").read_text())["total_steps"] == 4
    assert (directory.checkpoints / "best.safetensors").is_file()
    assert not list(directory.path.rglob("*.tmp"))


@pytest.mark.slow
def test_a_run_with_stdin_closed_and_no_tracking_server(tiny):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        # bound but not listening: refuses
        command = tiny.experiment("--set", "track_experiment=true")
        started = time.monotonic()
        ended = tiny.call(["sh", "-c", 'exec "$@" <&-', "sh", *command], env={"MLFLOW_TRACKING_URI": address})
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr and ended.stdout == ""
    assert "not in MLflow yet" in ended.stderr and "sync" in ended.stderr
    directory = only_run(tiny)
    check_whole(directory)
    assert directory.read_info()["upload"] == "unreachable" and directory.read_info()["tracking_uri"] == address
    seconds = json.loads((directory.results / "summary.json").read_text())["train_seconds"]
    assert seconds < 30 and time.monotonic() - started < 100


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_a_run_with_every_stream_closed(tiny):
    ended = tiny.call(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *tiny.experiment("--set", "augment=false")])
    assert ended.returncode == 0, only_run(tiny).log_file.read_text()
    check_whole(only_run(tiny))


@pytest.mark.slow
def test_ctrl_c_stops_with_a_checkpoint(tiny):
    command = tiny.experiment("--set", "epochs=10000", "--set", "augment=false", "--name", "мой")
    process = subprocess.Popen(
        command, env=tiny.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        tiny.wait_until(lambda: any(b'"val/iou"' in f.read_bytes() for f in tiny.root.glob("runs/*/events.jsonl")))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in stderr and "Ctrl-C" in stderr
    directory = only_run(tiny)
    assert directory.read_exit()["code"] == 130 and directory.read_info()["status"] == "stopped"
    assert directory.read_info()["name"] == "мой"
    assert (directory.checkpoints / "last.safetensors").is_file()
    assert not (directory.results / "summary.json").exists()
    assert not any("test/iou" in e["values"] for e in read_events(directory.events_file) if e["kind"] == "metrics")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_a_terminal_that_hangs_up_does_not_end_the_run(tiny):
    import pty

    pid, master = pty.fork()
    if not pid:
        command = tiny.experiment("--set", "epochs=12", "--set", "augment=false")
        os.execve(sys.executable, command, {**tiny.environment, "TERM": "xterm"})
    ended = 0
    try:
        seen = b""
        while b"epoch" not in seen:  # the bar is on the screen
            seen += os.read(master, 4096)
        os.close(master)  # the kernel sends SIGHUP; writing to the terminal fails from now on
        ended = tiny.wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0])
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
    directory = only_run(tiny)
    assert directory.read_exit()["code"] == 0, directory.log_file.read_text()
    assert directory.read_info()["status"] == "finished"
    assert json.loads((directory.results / "summary.json").read_text())["total_steps"] == 24


def test_a_dry_run_prints_and_writes_nothing(tiny):
    before = sorted(tiny.root.rglob("*"))
    ended = tiny.call(tiny.experiment("--dry-run"))
    assert ended.returncode == 0 and ended.stderr == ""
    assert "tiny_deposition_EVAL" in ended.stdout and "track_experiment: false" in ended.stdout
    assert sorted(tiny.root.rglob("*")) == before
