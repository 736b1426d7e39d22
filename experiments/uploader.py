"""`python -m experiments.uploader RUN_DIR`: replays the journal of a run into MLflow, beside the training.

The journal is the truth, MLflow a copy. The training never waits for the tracking store: this process does. It may be
killed at any moment and started again: `upload.json` says how far the store has acknowledged, and what is sent twice
is stored once.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from experiments import mlflow_records as records
from experiments.annotating import mark_sent
from experiments.mlflow_store import RunDeleted, StoreUnreachable, TrackingStore
from experiments.notes import read_notes
from experiments.run_watch import GRACE_SECONDS, RunWatch
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.events import LineReader, append_event
from pipeseg.run_directory import RunDirectory, read_json, write_json

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 120.0
# the store takes many points at once sooner than few points often
UPLOAD_CHUNK = 8 << 20
RETRY_SECONDS = (1, 2, 4, 8, 16, 30)


@dataclass(slots=True)
class UploadState:
    """`upload.json`: what the store has acknowledged.

    Attributes:
        offset: bytes of `events.jsonl`; everything before is stored.
        status: the last status told in the journal before `offset`.
        artifacts: [size, mtime in ns] of each uploaded file, by its path in the run directory.
    """

    tracking_uri: str = ""
    offset: int = 0
    points: int = 0
    status: str | None = None
    params: bool = False
    artifacts: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, tracking_uri: str) -> "UploadState":
        """Read the state; another store than last time knows nothing yet."""
        values = read_json(path)
        if values.get("tracking_uri") != tracking_uri:
            return cls(tracking_uri)
        return cls(**{key.name: values[key.name] for key in fields(cls) if key.name in values})


class Uploader:
    """Uploads one run; `follow` is the whole life.

    Args:
        tracking_uri: MLflow store; kept in `run.json`.
        stop: set it to end at the next safe moment with all state kept.
        grace: seconds to wait for `exit.json` after the run's last word.
    """

    def __init__(self, directory: RunDirectory, tracking_uri: str, stop: threading.Event, grace: float = GRACE_SECONDS):
        self.directory = directory
        self.uri = tracking_uri
        self.stop = stop
        self.watch = RunWatch(directory, grace)
        self.state_file = directory.path / "upload.json"
        self.state = UploadState.read(self.state_file, tracking_uri)
        self.store: TrackingStore | None = None
        self.warned = False

    def follow(self) -> int:
        """Upload until the run has ended and everything is stored; return the exit code (1: something remains)."""
        failures = 0
        while not self.stop.is_set():
            # asked before reading: what was written until the end is then read too
            ended = self.watch.ended(self.state.status)
            try:
                self.upload_journal()
                if ended and self.finish():
                    return 0
                failures = 0
                self.stop.wait(POLL_SECONDS)
            except RunDeleted as error:
                self.directory.update(upload="off")
                _say(error)
                return 1
            except StoreUnreachable as error:
                # the next try looks the run up again: it may be gone
                self.store = None
                if ended:
                    return self.give_up(error)
                self.warn_once(error)
                self._pause(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
        return 130

    def upload_journal(self) -> None:
        """Send what the journal has gained since the last acknowledged line."""
        if self.store is None:
            self._connect()
        assert self.store is not None
        reader = LineReader(self.directory.events_file, self.state.offset)
        while not self.stop.is_set():
            before = reader.offset
            events = reader.poll(UPLOAD_CHUNK)
            if reader.offset == before:
                return
            points = records.points(events)
            self.store.log_metrics(points)
            self.state.points += len(points)
            self.state.status = records.last_status(events) or self.state.status
            # a half-written last line is read again as a whole
            self.state.offset = reader.whole
            self._save()

    def _connect(self) -> None:
        from pipeseg.config import ConfigError, read_yaml

        try:
            config = read_yaml(self.directory.config_file)
        except ConfigError as error:
            _say(error)
            config = {}
        info = self.directory.read_info()
        store = TrackingStore(self.uri)
        experiment_id, mlflow_run_id = store.open_run(
            str(config.get("experiment_name") or "Default"),
            self.directory.run_id,
            known_id=info.get("mlflow_run_id"),
            start_ms=int((info.get("created") or time.time()) * 1000),
            tags=records.start_tags(self.directory, config),
        )
        changes = {
            "mlflow_run_id": mlflow_run_id,
            "mlflow_experiment_id": experiment_id,
            "tracking_uri": self.uri,
            "upload": "uploading",
        }
        if any(info.get(key) != value for key, value in changes.items()):
            self.directory.update(**changes)
        if not self.state.params:
            params, cut = records.params(config)
            store.log_params(params)
            if cut:
                store.set_tags({"cut_params": ", ".join(cut)[: records.TAG_LENGTH]})
                self._warn(f"MLflow keeps {records.PARAM_LENGTH} characters of a param; cut: {', '.join(cut)}")
            self.state.params = True
            self._save()
        self.store = store
        for name in records.EARLY_ARTIFACTS:
            self._upload(self.directory.path / name)

    def finish(self) -> bool:
        """Store tags, artifacts and final status of an ended run; return False where `stop` came between."""
        assert self.store is not None
        exit_info = self.directory.read_exit()
        status, ended = records.final_status(exit_info, self.state.status)
        notes = read_notes(self.directory)
        said = notes.mlflow_tags() if self.directory.notes_file.is_file() else {}
        self.store.set_tags({**records.end_tags(self.directory, ended), **said})
        if said:
            mark_sent(self.directory, notes)
        for path, _ in records.artifacts(self.directory):
            if self.stop.is_set():
                return False
            self._upload(path)
        end_time = (exit_info or {}).get("time") or self.directory.events_file.stat().st_mtime
        self.store.end(status, int(end_time * 1000))
        self.directory.update(upload="done")
        _say(f"{self.directory.run_id}: {self.state.points} points uploaded to {self.uri}, {status}")
        return True

    def _upload(self, path: Path) -> None:
        assert self.store is not None
        try:
            stat = path.stat()
        except FileNotFoundError:
            return
        name, mark = path.relative_to(self.directory.path).as_posix(), [stat.st_size, stat.st_mtime_ns]
        if self.state.artifacts.get(name) != mark:
            self.store.upload_file(path, records.artifact_folder(self.directory, path))
            self.state.artifacts[name] = mark
            self._save()

    def give_up(self, error: StoreUnreachable) -> int:
        """The run has ended and the store is away: leave the rest to `sync`."""
        self.directory.update(upload="unreachable", tracking_uri=self.uri)
        _say(f"{error}: metrics are kept in {self.directory.path}; `python -m experiments sync` uploads them later")
        return 1

    def warn_once(self, error: StoreUnreachable) -> None:
        if not self.warned:
            self.warned = True
            self._warn(f"{error}; metrics are kept in {self.directory.path} and uploaded when it answers again")

    def _warn(self, text: str) -> None:
        _say(text)
        append_event(self.directory.events_file, "warning", text=text)

    def _pause(self, seconds: float) -> None:
        """Wait before the next try, but not beyond the end of the run: the last try follows at once."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.watch.ended(self.state.status):
            if self.stop.wait(POLL_SECONDS):
                return

    def _save(self) -> None:
        write_json(self.state_file, asdict(self.state))


def upload(
    directory: RunDirectory,
    tracking_uri: str,
    stop: threading.Event,
    grace: float = GRACE_SECONDS,
    patience: float = 0,
) -> int:
    """Upload one run unless its config says no or another process is at it; return the exit code.

    Args:
        patience: seconds to wait for that other process: the one that followed the last attempt of a resumed run.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(directory.path / ".upload.lock", timeout=patience):
            return Uploader(directory, tracking_uri, stop, grace).follow()
    except Timeout:
        _say(f"{directory.run_id} is being uploaded by another process")
        return 0


def tracked(directory: RunDirectory) -> bool:
    """Return whether the run's config asks for MLflow; an unreadable config does."""
    from pipeseg.config import ConfigError, read_yaml

    try:
        return bool(read_yaml(directory.config_file).get("track_experiment", True))
    except ConfigError:
        return True


def main(arguments: list[str]) -> int:
    """Follow the run in the directory given; exit codes 0 stored, 1 something remains, 2 bad input, 130 stopped."""
    from pipeseg.settings import Settings

    directory = RunDirectory(Path(arguments[0]).resolve()) if len(arguments) == 1 else None
    info = directory.read_info() if directory else {}
    if directory is None or not info:
        _say("usage: python -m experiments.uploader RUN_DIR (a folder with a run.json)")
        return 2
    if not tracked(directory):
        directory.update(upload="off")
        return 0
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if not sys.stdin or not sys.stdin.isatty():
        # Ctrl-C in the training's terminal is for the training: its end is uploaded too
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        uri = info.get("tracking_uri") or Settings.load().tracking_uri
        return upload(directory, uri, stop, patience=PATIENCE_SECONDS if info.get("attempts") else 0)
    except BadInput as error:
        _say(error)
        return 2
    except OSError as error:
        _say(os_error_sentence(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _say(text: object) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
