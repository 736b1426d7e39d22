"""A workshop with a queue: what a person and a test do with it."""

import signal
from collections.abc import Sequence

import psutil
from small_workshop import Workshop, run_processes
from sweeping import SWEEP_SCRIPT
from waiting import wait_until

from experiments import queue
from experiments.processes import is_alive
from experiments.queue_directory import Entry, QueueDirectory
from experiments.runs import list_runs
from pipeseg.run_directory import RunDirectory, read_json


class Queueing:
    """Runs wait for the gate of their seed, or for the one that lets everything through; seed 13 fails."""

    def __init__(self, workshop: Workshop):
        self.workshop = workshop
        self.settings = workshop.settings
        self.directory = QueueDirectory(workshop.settings)
        workshop.add_experiment(script=SWEEP_SCRIPT)

    def open_gate(self, *seeds: int) -> None:
        for name in [f"gate-{seed}" for seed in seeds] or ["gate"]:
            (self.workshop.root / name).touch()

    def add(self, *overrides: str, **options: object) -> Entry:
        (entry,) = queue.add(self.settings, "tiny", overrides, **options)
        return entry

    def statuses(self) -> list[str]:
        """Return the state of every entry, in the order in which they were added."""
        return [each.status for each in self.views()]

    def views(self) -> list[queue.EntryView]:
        return sorted(queue.view(self.settings).entries, key=lambda each: (each.entry.added, each.entry.entry_id))

    def reasons(self) -> list[str]:
        return [each.reason for each in queue.view(self.settings).waiting]

    def await_statuses(self, *statuses: str) -> None:
        wait_until(lambda: self.statuses() == list(statuses))

    def begun(self) -> list[str]:
        """Return `seed=N` of every start of a script, in the order of the starts."""
        found = []
        for run in list_runs(self.settings):
            log = run.directory.log_file
            count = log.read_text(encoding="utf-8").count("hello from the log") if log.exists() else 0
            found += [(run.started, run.info["overrides"][0])] * count
        return [seed for _, seed in sorted(found)]

    def runner(self) -> psutil.Process | None:
        """Return the process that starts the entries, None where there is none."""
        info = read_json(self.directory.runner_file)
        return psutil.Process(info["pid"]) if is_alive(info.get("pid"), info.get("pid_started")) else None

    def await_runner(self) -> psutil.Process:
        return wait_until(self.runner)

    def kill_runner(self) -> None:
        runner = self.await_runner()
        runner.send_signal(signal.SIGKILL)
        runner.wait(30)

    def await_rest(self) -> None:
        """Wait until nobody attends to the queue any more."""
        wait_until(lambda: self.runner() is None and not queue.is_attended(self.directory))

    def runs(self) -> Sequence[RunDirectory]:
        return [run.directory for run in list_runs(self.settings)]

    def end(self) -> None:
        """End what a failed test left behind."""
        self.open_gate()
        for entry in self.directory.entries():
            if entry.state == "waiting":
                self.directory.remove(entry.entry_id)
        if runner := self.runner():
            runner.terminate()
            runner.wait(30)
        for run in self.runs():
            for process in run_processes(run):
                process.wait(timeout=20)
