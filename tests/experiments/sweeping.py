"""A workshop with an experiment whose runs a test lets end one by one, by seed."""

import os
import signal

import psutil
from small_workshop import SCRIPT, Workshop, run_processes
from waiting import wait_until

from experiments import runs, sweeps
from experiments.sweep_directory import SweepDirectory
from experiments.sweep_view import SweepView
from pipeseg.run_directory import RunDirectory

# a run with seed 13 fails; the others wait for the gate of their seed, or for the one that lets everything through
SWEEP_SCRIPT = SCRIPT.replace(
    "while not Path(GATE).exists():",
    'if config.seed == 13:\n        sys.exit("out of luck")\n'
    '    while not (Path(GATE).exists() or Path(GATE + f"-{config.seed}").exists()):',
)
UNLUCKY = 13


class Sweeping:
    """What a test of sweeps does in a workshop."""

    def __init__(self, workshop: Workshop):
        self.workshop = workshop
        self.settings = workshop.settings
        workshop.add_experiment(script=SWEEP_SCRIPT)

    def open_gate(self, *seeds: int) -> None:
        """Let the runs with these seeds end, or all."""
        for name in [f"gate-{seed}" for seed in seeds] or ["gate"]:
            (self.workshop.root / name).touch()

    def launch(self, *overrides: str, **options: object) -> SweepDirectory:
        return sweeps.launch(self.settings, "tiny", overrides, **options)

    def view(self, sweep: SweepDirectory) -> SweepView:
        return sweeps.view(self.settings, sweep)

    def statuses(self, sweep: SweepDirectory) -> list[str]:
        return [combination.status for combination in self.view(sweep).combinations]

    def run(self, sweep: SweepDirectory, place: int) -> RunDirectory:
        run = self.view(sweep).combinations[place].run
        assert run is not None
        return run.directory

    def await_statuses(self, sweep: SweepDirectory, *statuses: str) -> None:
        wait_until(lambda: self.statuses(sweep) == list(statuses))

    def await_end(self, sweep: SweepDirectory) -> str:
        """Return the status of a sweep once nobody works on it, its process gone."""
        wait_until(lambda: not sweep.is_worked_on())
        return self.view(sweep).status

    def attempts(self, sweep: SweepDirectory) -> list[int]:
        """Return how often the script of each combination began."""
        logs = [each.run.directory.log_file if each.run else None for each in self.view(sweep).combinations]
        return [log.read_text(encoding="utf-8").count("hello from the log") if log else 0 for log in logs]


def kill(pid: int) -> None:
    """Kill a process as `kill -9` does, and wait until the system has forgotten it (or we have reaped it)."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(30)


def kill_runner(sweep: SweepDirectory) -> None:
    kill(sweep.read_session()["pid"])


def kill_run(run: RunDirectory) -> None:
    """End a run as a machine that loses its power does: the supervisor can say nothing any more."""
    info = run.read_info()
    kill(info["supervisor_pid"])
    kill(info["pid"])
    wait_until(lambda: runs.run_status(run) == "lost")


def end_all(sweeping: Sweeping) -> None:
    """End what a failed test left behind."""
    sweeping.open_gate()
    for now in sweeps.list_sweeps(sweeping.settings):
        if now.directory.is_worked_on() and now.directory.read_session()["pid"] != os.getpid():
            kill_runner(now.directory)
        for each in now.combinations:
            for process in run_processes(each.run.directory) if each.run else ():
                process.wait(timeout=20)
