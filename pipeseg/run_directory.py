"""The run directory `runs/<run_id>/`: one folder holds everything that a run was, is and left behind."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeseg.errors import BadInput, os_error_sentence


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Names the files of one run. `run.json` is the only one that is rewritten; see `update`."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def info_file(self) -> Path:
        return self.path / "run.json"

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        return self.path / "train.log"

    @property
    def control_file(self) -> Path:
        return self.path / "control.jsonl"

    @property
    def exit_file(self) -> Path:
        return self.path / "exit.json"

    @property
    def notes_file(self) -> Path:
        return self.path / "notes.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        return self.checkpoints / "last.safetensors"

    @property
    def best_checkpoint(self) -> Path:
        return self.checkpoints / "best.safetensors"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @classmethod
    def create(cls, runs_dir: Path, experiment: str, config_text: str, info: dict[str, Any]) -> "RunDirectory":
        """Make a new run directory with `run.json` (from `info`) and `config.yaml`.

        Raises:
            BadInput: the runs folder cannot be written.
        """

        def fill(path: Path) -> None:
            directory = cls(path)
            directory.checkpoints.mkdir()
            directory.results.mkdir()
            write_atomically(directory.config_file, config_text)
            directory.events_file.touch()
            directory.control_file.touch()
            # run.json last: a folder with a run.json is a whole run directory
            write_json(directory.info_file, {"run_id": directory.run_id, "experiment": experiment, **info})

        return cls(make_folder(runs_dir, "", experiment, fill))

    def read_info(self) -> dict[str, Any]:
        """Return the content of `run.json`, `{}` where there is none yet."""
        return read_json(self.info_file)

    def update(self, **changes: Any) -> dict[str, Any]:
        """Merge `changes` into `run.json` under a lock (trainer, supervisor and uploader all write to it)."""
        from filelock import FileLock

        with FileLock(self.path / ".run.lock"):
            info = {**self.read_info(), **changes}
            write_json(self.info_file, info)
        return info

    def reopen(self, **changes: Any) -> None:
        """Make an ended run ready for another attempt: how this one ended goes to `attempts` of `run.json`.

        Args:
            changes: of `run.json`, in the same write.
        """
        info = self.read_info()
        ended = {key: info.get(key) for key in ("host", "pid", "pid_started", "git_commit", "git_dirty")}
        attempts = [*info.get("attempts", []), {**ended, "exit": self.read_exit()}]
        # what was asked of the last attempt is done
        write_atomically(self.control_file, "")
        self.update(**{"status": "starting", "attempts": attempts, "pid": None, "pid_started": None, **changes})
        self.exit_file.unlink(missing_ok=True)

    def write_exit(self, code: int | None, signal: str | None = None) -> None:
        """Record how the process ended: an exit code, or the name of the signal that killed it."""
        write_json(self.exit_file, {"time": time.time(), "code": code, "signal": signal})

    def read_exit(self) -> dict[str, Any] | None:
        """Return the content of `exit.json`, None while the run has not ended."""
        return read_json(self.exit_file) or None


def make_folder(runs_dir: Path, prefix: str, experiment: str, fill: Callable[[Path], None]) -> Path:
    """Make `runs_dir/<prefix><date>-<time>-<experiment>-<4 hex>` and let `fill` write into it; whole or not at all.

    Args:
        prefix: may begin with a folder, `sweeps/`.

    Raises:
        BadInput: the runs folder cannot be written.
    """
    slug = experiment.replace("/", ".")
    while True:
        path = runs_dir / f"{prefix}{time.strftime('%Y%m%d-%H%M%S')}-{slug}-{secrets.token_hex(2)}"
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            if not path.is_dir():  # a link above it, whose disk is not mounted
                raise BadInput(f"{runs_dir}: is no folder; mount its disk or set RUNS_DIR in .env") from error
            continue
        except OSError as error:
            raise BadInput(os_error_sentence(error)) from error
        try:
            fill(path)
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise BadInput(os_error_sentence(error)) from error
        return path


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in `path`; `{}` where the file is missing or not whole."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` by `content` (temporary file beside it, fsync, rename): a reader sees old or new, never half.

    What is no plain file, as /dev/null or a pipe, is written to, not replaced.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
