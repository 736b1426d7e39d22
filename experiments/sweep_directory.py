"""The folder of a sweep, `runs/sweeps/<sweep_id>/`: what was asked, and who works on it.

How far a sweep is, is nowhere written: its runs say it, each with the sweep's id and its place in `run.json`.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.processes import is_alive, started_at, this_host
from pipeseg.run_directory import make_folder, read_json, write_atomically, write_json

FOLDER = "sweeps"
PREFIX = "sweep-"


@dataclass(frozen=True, slots=True)
class SweepDirectory:
    """Names the files of one sweep."""

    path: Path

    @property
    def sweep_id(self) -> str:
        return self.path.name

    @property
    def plan_file(self) -> Path:
        """What was asked: experiment, combinations; written once."""
        return self.path / "sweep.json"

    @property
    def config_file(self) -> Path:
        """The experiment's config as it was when the sweep began: later runs do not see an edit."""
        return self.path / "config.yaml"

    @property
    def session_file(self) -> Path:
        """Who works on it since when, how many runs at a time, and which combinations could not begin."""
        return self.path / "session.json"

    @property
    def control_file(self) -> Path:
        return self.path / "control.jsonl"

    @property
    def exit_file(self) -> Path:
        return self.path / "exit.json"

    @property
    def log_file(self) -> Path:
        return self.path / "sweep.log"

    @classmethod
    def create(cls, runs_dir: Path, experiment: str, config_text: str, plan: dict[str, Any]) -> "SweepDirectory":
        """Make a new sweep.

        Raises:
            BadInput: the runs folder cannot be written.
        """

        def fill(path: Path) -> None:
            directory = cls(path)
            write_atomically(directory.config_file, config_text)
            # last: a folder with a sweep.json is a whole sweep
            write_json(directory.plan_file, {"sweep_id": directory.sweep_id, "experiment": experiment, **plan})

        return cls(make_folder(runs_dir, f"{FOLDER}/{PREFIX}", experiment, fill))

    def lock(self, timeout: float) -> Any:
        """Return the lock that whoever works on the sweep holds; the system frees it however they end."""
        from filelock import FileLock

        return FileLock(self.path / ".lock", timeout=timeout)

    def read_plan(self) -> dict[str, Any]:
        return read_json(self.plan_file)

    def read_session(self) -> dict[str, Any]:
        return read_json(self.session_file)

    def read_exit(self) -> dict[str, Any]:
        return read_json(self.exit_file)

    def is_worked_on(self) -> bool:
        """Tell whether a process sees to it that runs start; one of another machine counts until it says its end."""
        session = self.read_session()
        if not session or self.exit_file.exists():
            return False
        return session.get("host") != this_host() or is_alive(session.get("pid"), session.get("pid_started"))

    def open_session(self, *, jobs: int, retry_failed: bool) -> None:
        """Begin to work on the sweep, in this process until `hand_over` names another; the caller holds the lock.

        Raises:
            OSError: the folder cannot be written.
        """
        # what was asked of the last session is done
        write_atomically(self.control_file, "")
        session = {"host": this_host(), "jobs": jobs, "retry_failed": retry_failed, "began": time.time(), "refused": {}}
        write_json(self.session_file, {**session, "pid": os.getpid(), "pid_started": started_at(os.getpid())})
        self.exit_file.unlink(missing_ok=True)

    def hand_over(self, pid: int) -> None:
        """Say that process `pid` works on the sweep from now on."""
        write_json(self.session_file, {**self.read_session(), "pid": pid, "pid_started": started_at(pid)})

    def refuse(self, place: int, sentence: str) -> None:
        """Write down why the combination at `place` could not begin: there is no run to say it."""
        session = self.read_session()
        write_json(self.session_file, {**session, "refused": {**session.get("refused", {}), str(place): sentence}})

    def write_exit(self, code: int) -> None:
        write_json(self.exit_file, {"time": time.time(), "code": code})
