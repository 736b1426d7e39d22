"""Starts the entries of the queue as places get free: `python -m experiments.queue_runner`.

It may be killed at any moment: an entry is marked before its run is made, and the run carries the entry's id, so the
next one of its kind tells what was begun. It ends when nothing is left that it could start.
"""

import os
import sys
import time
from collections.abc import Callable

from experiments import launcher, queue, runs
from experiments.gpus import Gpu, read_gpus
from experiments.queue_directory import REFUSED, STARTED, TAKEN, WAITING, Entry, QueueDirectory
from experiments.queue_plan import plan
from experiments.run_view import RunView
from experiments.signals import asked_to_end
from experiments.sweep_devices import DEVICE_KEY, VARIABLE
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

# one that has just ended lets go of the lock within this time
LOCK_SECONDS = 5.0
LOOK_SECONDS = 1.0
NAP_SECONDS = 0.1
# of the time, at most so much is spent on looking: with ten thousand runs a look takes a while
REST_RATIO = 20


class QueueRunner:
    """One session of work on the queue, whose runner's lock the caller holds.

    Args:
        say: told what happens, one line at a time.
        gpus: reads the GPUs as they are now.

    Attributes:
        stop_asked: set it to start no more entries.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None], gpus: Callable[[], list[Gpu]] = read_gpus):
        self.settings = settings
        self.directory = QueueDirectory(settings)
        self.say = say
        self.gpus = gpus
        self.stop_asked = False

    def work(self, let_go: Callable[[], None]) -> None:
        """Start entries until there is nothing to start; `let_go` gives the runner's lock back."""
        self.directory.write_runner()
        while not self._is_over(let_go):
            began, stamp = time.monotonic(), self.directory.stamp()
            self.look()
            now = time.monotonic()
            end = now + max(LOOK_SECONDS, (now - began) * REST_RATIO)
            while time.monotonic() < end and stamp == self.directory.stamp() and not self.stop_asked:
                time.sleep(NAP_SECONDS)

    def _is_over(self, let_go: Callable[[], None]) -> bool:
        # under the lock of changes: who adds an entry after this finds that nobody attends to it
        with self.directory.changing():
            over = self.stop_asked or not queue.has_work(self.directory)
            if over:
                let_go()
        return over

    def look(self) -> None:
        """Bring what was begun to its end, then start what can start."""
        if taken := [entry for entry in self.directory.entries() if entry.state == TAKEN]:
            every = runs.list_runs(self.settings)
            for entry in taken:
                self._settle(entry, every)
        machine = queue.read_machine(self.settings, self.gpus)[0]
        # read after that: one whose start was cut short waits at its old place again, not behind those after it
        waiting = [entry for entry in self.directory.entries() if entry.state == WAITING]
        for entry, decision in zip(waiting, plan(waiting, machine, self.directory.paused), strict=True):
            if decision.places and not self.stop_asked:
                names = [gpu.name for gpu in machine.gpus if gpu.device in decision.places]
                self._start(entry, ",".join(names) if len(machine.gpus) > 1 and entry.place == "auto" else None)

    def _settle(self, entry: Entry, every: list[RunView]) -> None:
        """Find out how far the start of an entry came that its runner did not live to finish."""
        run = next((run for run in every if run.info.get(queue.ENTRY_KEY) == entry.entry_id), None)
        if run is None:
            self.directory.change(entry.entry_id, state=WAITING)
            self._say(entry, "waits again, its start was cut short")
        elif run.info.get("pid") or run.info.get("supervisor_pid"):
            self._mark_started(entry, run.directory)
        elif runs.is_prepared_only(run):
            # harmless should it have been started after all: a second supervisor of one attempt does nothing
            self._launch(entry, run.directory)

    def _start(self, entry: Entry, gpus: str | None) -> None:
        if not queue.taken_by(self.settings, entry):
            return
        try:
            run = launcher.prepare(
                self.settings,
                entry.experiment,
                entry.overrides,
                entry.name,
                config_file=entry.config_file,
                facts={queue.ENTRY_KEY: entry.entry_id, DEVICE_KEY: gpus or None},
            )
        except BadInput as error:
            self._refuse(entry, error)
            return
        self._launch(entry, run)

    def _launch(self, entry: Entry, run: RunDirectory) -> None:
        gpus = run.read_info().get(DEVICE_KEY)
        try:
            launcher.start(self.settings, run, {VARIABLE: gpus} if gpus else None)
        except BadInput as error:
            self._refuse(entry, error)
            return
        self._mark_started(entry, run)

    def _mark_started(self, entry: Entry, run: RunDirectory) -> None:
        self.directory.change(entry.entry_id, state=STARTED, run_id=run.run_id)
        self._say(entry, f"started ({run.run_id})")

    def _refuse(self, entry: Entry, error: BadInput) -> None:
        self.directory.change(entry.entry_id, state=REFUSED, error=str(error))
        self._say(entry, f"cannot start: {error}")

    def _say(self, entry: Entry, text: str) -> None:
        self.say(f"{entry.entry_id}: {text}")


def main() -> int:
    """Work on the queue of this `RUNS_DIR`, unless somebody does."""
    from filelock import Timeout

    def say(text: str) -> None:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)

    settings = Settings.load()
    runner = QueueRunner(settings, say)
    lock = runner.directory.runner_lock(LOCK_SECONDS)

    def ask(number: int) -> None:
        runner.stop_asked = True

    try:
        with lock, asked_to_end(ask):
            say(f"process {os.getpid()} starts the entries")
            runner.work(lambda: lock.release(force=True))
        say(f"process {os.getpid()} ends: {'asked to' if runner.stop_asked else 'nothing is left to start'}")
    except Timeout:
        return 0
    except (BadInput, OSError) as error:  # a full disk: the entries stay, and the next command begins again
        say(os_error_sentence(error) if isinstance(error, OSError) else str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
