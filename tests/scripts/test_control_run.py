"""A real training, asked from the command line: it answers within one step."""

import sys

import pytest

from experiments.runs import find_run
from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT

pytestmark = pytest.mark.slow


def verb(tiny, *arguments):
    ended = tiny.call([sys.executable, "-m", "experiments", *arguments], cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def is_answer(event: dict, command: str) -> bool:
    if command == "checkpoint":
        return event["kind"] == "checkpoint" and event["which"] == "last"
    words = {"pause": "paused", "resume": "running", "stop": "stopped"}
    return event["kind"] == "status" and event["status"] == words[command]


def steps_until_answered(run: RunDirectory, place: int) -> int:
    """Return how many training steps ended between the request at `place` of `control.jsonl` and its answer."""
    request = read_events(run.control_file)[place]
    later = [event for event in read_events(run.events_file) if event["time"] > request["time"]]
    answer = next(index for index, event in enumerate(later) if is_answer(event, request["command"]))
    return sum(event["kind"] == "metrics" and "train/loss" in event["values"] for event in later[:answer])


def test_every_request_is_answered_within_one_step(tiny):
    # every step leaves a point in the journal
    changes = tiny.experiment(epochs=100_000, steps_per_epoch=20, augment=False)[2:]
    run = find_run(tiny.settings, verb(tiny, "launch", "baseline", *changes))
    tiny.wait_until(lambda: run.events_file.read_bytes().count(b'"train/loss"') > 3, 100)
    commands = ("checkpoint", "pause", "resume", "stop")
    for command in commands:
        assert verb(tiny, command, run.run_id, "--wait") == run.run_id
    assert [request["command"] for request in read_events(run.control_file)] == list(commands)
    assert all(steps_until_answered(run, place) <= 1 for place in range(len(commands)))
    assert run.read_exit()["code"] == 130 and run.last_checkpoint.is_file()
