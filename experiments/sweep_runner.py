"""Works on a sweep until every run has ended: `python -m experiments.sweep_runner SWEEP_DIR`.

It may be killed at any moment: a run is a process of its own and goes on, and the next session finds it by its
`run.json`. Like the supervisor of a run it imports almost nothing.
"""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from experiments import launcher, runs
from experiments.folders import find_experiment
from experiments.signals import asked_to_end, tell
from experiments.sweep_devices import list_devices, start
from experiments.sweep_directory import SweepDirectory
from experiments.sweep_view import Combination, SweepView
from experiments.sweeps import START_SECONDS, is_due, is_prepared_only, view
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.events import LineReader
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0


class Runner:
    """One session of work on a sweep, whose lock the caller holds and whose session is open.

    Args:
        say: told what happens, one line at a time.
        look: shown the sweep about once a second, and at the end.

    Attributes:
        stop_asked: set it to start no more runs and stop those that work.
    """

    def __init__(
        self,
        settings: Settings,
        directory: SweepDirectory,
        say: Callable[[str], None],
        look: Callable[[SweepView], None] | None = None,
    ):
        self.settings = settings
        self.directory = directory
        self.say = say
        self.look = look
        self.stop_asked = False
        session = directory.read_session()
        self.jobs = int(session.get("jobs") or 1)
        self.retry_failed = bool(session.get("retry_failed"))
        self.combinations: dict[int, Combination] = {}
        self.waiting: deque[int] = deque()
        self.working: dict[int, RunDirectory] = {}
        self._adopted: set[int] = set()
        self._told_to_stop: set[int] = set()
        self._control = LineReader(directory.control_file)
        self._devices = list_devices(os.environ)

    def work(self) -> int:
        """Do what is left and return the exit code: 0 all have finished, 130 stopped, 1 some have failed."""
        for combination in view(self.settings, self.directory).combinations:
            self.combinations[combination.place] = combination
            if is_due(combination, self.retry_failed):
                self.waiting.append(combination.place)
            elif combination.run and combination.run.is_active:
                self.working[combination.place] = combination.run.directory
                self._adopted.add(combination.place)
        try:
            self._work()
        except KeyboardInterrupt:
            self._obey()  # whoever leaves at once has asked for a stop before
            self.directory.write_exit(130)
            raise
        code = exit_code(view(self.settings, self.directory), self.stop_asked)
        self.directory.write_exit(code)
        if self.look:
            self.look(view(self.settings, self.directory))
        return code

    def _work(self) -> None:
        next_look = 0.0
        while self.waiting or self.working:
            self._obey()
            self._collect()
            self._fill()
            if self.look and time.monotonic() >= next_look:
                self.look(view(self.settings, self.directory))
                next_look = time.monotonic() + LOOK_SECONDS
            time.sleep(POLL_SECONDS)

    def _obey(self) -> None:
        if any(request.get("command") == "stop" for request in self._control.poll()):
            self.stop_asked = True
        if not self.stop_asked:
            return
        self.waiting.clear()
        for place, run in self.working.items():
            if place not in self._told_to_stop:
                self._told_to_stop.add(place)
                with contextlib.suppress(BadInput):  # it has just ended by itself
                    runs.send(self.settings, run, "stop")

    def _collect(self) -> None:
        for place, run in list(self.working.items()):
            if not launcher.has_ended(run):
                continue
            del self.working[place]
            status = runs.run_status(run)
            self._say(place, f"{status} ({run.run_id})")
            if status == "lost" and place in self._adopted and not self.stop_asked:
                # it was dying already when this session found it
                self._adopted.remove(place)
                self.waiting.appendleft(place)

    def _fill(self) -> None:
        while self.waiting and len(self.working) < self.jobs and not self.stop_asked:
            place = self.waiting.popleft()
            try:
                run = self._begin(self.combinations[place])
            except BadInput as error:
                self.directory.refuse(place, str(error))
                self._say(place, f"cannot begin: {error}")
                continue
            self.working[place] = run
            self._say(place, f"started ({run.run_id})")

    def _begin(self, combination: Combination) -> RunDirectory:
        """Start a run, or let the one that was broken off go on where it was.

        Raises:
            BadInput: it cannot.
        """
        now = view(self.settings, self.directory).combinations[combination.place]
        run = now.run.directory if now.run else None
        if run and not is_prepared_only(now):
            # only a training can go on: what is no training begins anew
            run = run if is_training(run) else None
            if run:
                launcher.reopen(self.settings, run)
        run = run or self._prepare(combination)
        start(self.settings, run, self._devices, self.working.values())
        return run

    def _prepare(self, combination: Combination) -> RunDirectory:
        plan = self.directory.read_plan()
        return launcher.prepare(
            self.settings,
            find_experiment(self.settings, str(plan["experiment"])),
            combination.overrides,
            ": ".join(part for part in (plan.get("name"), combination.label) if part) or None,
            config_file=self.directory.config_file,
            facts={"sweep": self.directory.sweep_id, "sweep_place": combination.place},
        )

    def _say(self, place: int, text: str) -> None:
        self.say(f"[{place + 1}/{len(self.combinations)}] {self.combinations[place].label}: {text}")


def is_training(run: RunDirectory) -> bool:
    from pipeseg.schema import STAGES, TrainConfig

    return STAGES.get(str(run.read_info().get("stage"))) is TrainConfig


def exit_code(ended: SweepView, stop_asked: bool) -> int:
    """Return what a sweep that has ended exits with."""
    if all(combination.status == "finished" for combination in ended.combinations):
        return 0
    if not stop_asked and any(combination.has_failed for combination in ended.combinations):
        return 1
    return 130


def signals(runner: Runner, say: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """Make Ctrl-C and SIGTERM ask for a stop, a second one leave at once, and outlive a hang-up."""

    def ask(number: int) -> None:
        if runner.stop_asked:
            raise KeyboardInterrupt
        runner.stop_asked = True
        tell(lambda: say("stopping after this step; press Ctrl-C again to leave at once"))

    return asked_to_end(ask)


def main(arguments: list[str]) -> int:
    """Work on the sweep in the directory given."""
    directory = SweepDirectory(Path(arguments[0]).resolve())

    def say(text: str) -> None:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)

    try:
        # whoever started this process holds it until it has written down our pid
        with directory.lock(START_SECONDS):
            directory.hand_over(os.getpid())
            runner = Runner(Settings.load(), directory, say)
            with signals(runner, say):
                return runner.work()
    except OSError as error:  # a full disk: the runs go on, and so may the sweep later
        say(os_error_sentence(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
