"""A training in front of a person: real keys on a pseudo-terminal, the menu on Ctrl-C, the choice at the end."""

import contextlib
import json
import os
import re
import select
import signal
import sys
import time

import pytest

from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory
from pipeseg.training.checkpoint import read_header

pty = pytest.importorskip("pty")
pytestmark = pytest.mark.slow
LIMIT = 120.0


class Terminal:
    """An experiment that was started by hand on a terminal of its own."""

    def __init__(self, tiny, **changes):
        self.tiny, self.seen = tiny, ""
        self.pid, self.master = pty.fork()
        if not self.pid:
            command = tiny.experiment(augment=False, **changes)
            os.execve(sys.executable, command, {**tiny.environment, "TERM": "xterm", "COLUMNS": "200"})

    def expect(self, text):
        """Read until `text` has come, from where the last one ended."""
        deadline = time.monotonic() + LIMIT
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} never came after:\n{self.seen[-2000:]}"
            if select.select([self.master], [], [], 1)[0]:
                shown = os.read(self.master, 65536).decode("utf-8", "replace")
                self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
        self.seen = self.seen.split(text, 1)[1]

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """Read to the end and return the exit code."""
        with contextlib.suppress(OSError):
            while os.read(self.master, 65536):
                pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def directory(self):
        [folder] = self.tiny.run_folders()
        return RunDirectory(folder)

    def statuses(self):
        return [e["status"] for e in read_events(self.directory.events_file) if e["kind"] == "status"]


@pytest.fixture
def terminal(tiny):
    started = []

    def start(**changes):
        started.append(Terminal(tiny, **changes))
        return started[-1]

    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)


def test_pause_checkpoint_continue_and_stop(terminal):
    person = terminal(epochs=10000)
    person.expect("epoch")
    person.press("\x03")
    person.expect("Ctrl-C: stop")
    assert (person.directory.checkpoints / "last.safetensors").is_file()
    person.press("xk")  # an unknown key does nothing
    person.expect("checkpoint saved")
    assert person.statuses()[-1] == "paused"
    person.press("c")
    person.tiny.wait_until(lambda: person.statuses()[-1] == "running")
    person.press("\x03")
    person.expect("[s] stop")
    person.press("s")
    assert person.end() == 130 and person.statuses() == ["running", "paused", "running", "paused", "stopped"]


def test_a_second_ctrl_c_stops(terminal):
    person = terminal(epochs=10000)
    person.expect("epoch")
    person.press("\x03")
    person.expect("Ctrl-C: stop")
    person.press("\x03")
    assert person.end() == 130 and person.statuses() == ["running", "paused", "stopped"]


@pytest.mark.parametrize("key", ["2", "\r"])
def test_the_final_model_is_chosen_from_a_list(terminal, key):
    # val falls from its first score on: the weights go wild
    person = terminal(epochs=3, learning_rate=3.0, optimizer={"name": "SGD", "args": {}}, save_by_metric="loss")
    person.expect("Which weights")
    person.expect("[1] best: epoch")
    person.expect("[2] last: epoch 3")
    person.press(key)
    assert person.end() == 0
    summary = json.loads((person.directory.results / "summary.json").read_text())
    best = read_header(person.directory.best_checkpoint)
    assert summary["chosen_by"] == "person" and best.step == summary["best"]["step"]
    assert (best.epoch == 3) is (key == "2")
