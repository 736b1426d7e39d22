"""One run as it stands now, made from its files; what was read once is remembered until a file changes."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.journal import ACTIVE, TERMINAL, Journal, number, status_of_exit
from experiments.notes import Notes
from experiments.processes import is_alive, this_host
from pipeseg.run_directory import RunDirectory, read_json

STATUSES = (*ACTIVE, *TERMINAL, "lost")
# between the folder's first file and the first recorded pid lie a few milliseconds; a busy machine makes seconds of it
START_GRACE_SECONDS = 30.0


# not frozen: a list makes ten thousand at once, and each would take five times as long
@dataclass(slots=True)
class RunView:
    """One run as it stands now; a snapshot, made from files only, which nobody changes.

    Attributes:
        status: one of `STATUSES`; `lost` = its processes are gone and nothing says how it ended.
        created, started, ended: unix seconds; None where not yet (or not known, for a lost run).
        info: content of `run.json`; in a list, of a run that has ended, only `run_summary.FACTS`.
        loader_share: share of the last steps' time spent waiting for pictures, in [0, 1]; of a run that works.
        epoch, step: counted from 1, of `epochs`, `total`; None before the first progress event.
        last: latest value of every metric that is not a test metric; may hold NaN.
        best_iou: highest `val/iou` so far, in [0, 1], first reached in epoch `best_epoch`.
        test: metrics of the final test, without the `test/` prefix.
        checkpoints: how many were written so far.
        error: last error that the run reported.
        note, tags, archived: what a person has said about it; see `experiments.notes`.
        elsewhere: it is known from MLflow alone: there is no directory of it here.
    """

    run_id: str
    folder: Path
    experiment: str
    stage: str | None
    defect_class: str | None
    status: str
    created: float
    started: float | None
    ended: float | None
    info: Mapping[str, Any]
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    total: int | None = None
    eta_seconds: float | None = None
    images_per_second: float | None = None
    phase: str | None = None
    last: Mapping[str, float] = field(default_factory=dict)
    best_iou: float | None = None
    best_epoch: int | None = None
    test: Mapping[str, float] = field(default_factory=dict)
    checkpoints: int = 0
    error: str | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False
    elsewhere: bool = False
    loader_share: float | None = None

    @property
    def path(self) -> Path:
        """Its directory."""
        return self.folder / self.run_id

    @property
    def is_active(self) -> bool:
        """Whether it may still change by itself: starting, running or paused."""
        return self.status in ACTIVE

    @property
    def can_go_on(self) -> bool:
        """Whether it stands still before its end: paused, or broken off."""
        return self.status in ("paused", "stopped", "failed", "lost")

    @property
    def name(self) -> str | None:
        """What the person called it, if anything."""
        return self.info.get("name")

    @property
    def directory(self) -> RunDirectory:
        return RunDirectory(self.path)


Stamp = tuple[int, int, int] | None


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class RunRecord:
    """What is remembered of one run between two looks at it; every file is read again only when it changed."""

    def __init__(self, directory: RunDirectory):
        self.directory = directory
        self.journal = Journal(directory.events_file)
        self.lock = threading.Lock()
        self._seen: dict[Path, tuple[Stamp, dict[str, Any]]] = {}
        self._settled: tuple[tuple[Stamp, ...], RunView] | None = None

    @property
    def is_read(self) -> bool:
        """Whether its journal was read before: to look again is cheap."""
        return self.journal.reader.offset > 0

    @property
    def is_settled(self) -> bool:
        """Whether it had ended, by the word of its `exit.json`, when it was last looked at."""
        return self._settled is not None

    def exists(self) -> bool:
        return _stamp(self.directory.info_file) is not None

    def read_info(self) -> dict[str, Any]:
        return self._read(self.directory.info_file)

    def created(self) -> float:
        """Return when the run was made (unix seconds); a damaged `run.json` leaves the time in the id."""
        created = number(self.read_info().get("created"))
        if created is not None:
            return created
        try:
            return time.mktime(time.strptime(self.directory.run_id[:15], "%Y%m%d-%H%M%S"))
        except (ValueError, OverflowError):
            return 0.0

    def experiment(self) -> str:
        return str(self.read_info().get("experiment") or self.directory.run_id[16:-5])

    def view(self) -> RunView:
        directory = self.directory
        with self.lock:
            files = (directory.info_file, directory.exit_file, directory.events_file, directory.notes_file)
            stamps = tuple(map(_stamp, files))
            if self._settled and self._settled[0] == stamps:
                return self._settled[1]
            ending = self._read(directory.exit_file)
            if stamps[2] and stamps[2][1] < self.journal.reader.offset:  # replaced by a shorter one
                self.journal = Journal(directory.events_file)
            self.journal.advance()
            made = self._make(ending)
            # nothing but these files can change a run that has its exit.json; the others depend on processes
            self._settled = (stamps, made) if ending else None
            return made

    def _make(self, ending: dict[str, Any]) -> RunView:
        info, journal = self.read_info(), self.journal
        notes = Notes.of(self._read(self.directory.notes_file))
        status = _derive_status(info, ending, journal.status)
        ended = number(ending.get("time")) if ending else None
        if ended is None and status in TERMINAL:
            ended = journal.status_time
        progress = journal.progress
        return RunView(
            run_id=self.directory.run_id,
            folder=self.directory.path.parent,
            experiment=self.experiment(),
            stage=info.get("stage"),
            defect_class=info.get("defect_class"),
            status=status,
            created=self.created(),
            started=journal.started or number(info.get("pid_started")),
            ended=ended,
            info=info,
            **{key: _whole(progress.get(key)) for key in ("epoch", "epochs", "step", "total")},
            **{key: number(progress.get(key)) for key in ("eta_seconds", "images_per_second", "loader_share")},
            phase=progress.get("phase"),
            last={key: value for key, value in journal.last.items() if not key.startswith(("test/", "test_last/"))},
            best_iou=journal.best_iou,
            best_epoch=journal.best_epoch,
            test={key[5:]: value for key, value in journal.last.items() if key.startswith("test/")},
            checkpoints=journal.checkpoints,
            error=journal.error or _killed_by(ending),
            note=notes.text,
            tags=notes.tags,
            archived=notes.archived,
        )

    def _read(self, path: Path) -> dict[str, Any]:
        stamp = _stamp(path)
        if path not in self._seen or self._seen[path][0] != stamp:
            try:
                self._seen[path] = (stamp, read_json(path) if stamp else {})
            except OSError:  # not ours to read: shown with what its name says
                self._seen[path] = (stamp, {})
        return self._seen[path][1]


def has_process(info: dict[str, Any]) -> bool:
    """Tell whether the training process or the supervisor that `run.json` names still works on this machine."""
    if info.get("host") not in (None, this_host()):
        return False
    pids = (("pid", "pid_started"), ("supervisor_pid", "supervisor_started"))
    return any(is_alive(info.get(pid), info.get(started)) for pid, started in pids)


def _derive_status(info: dict[str, Any], ending: dict[str, Any], last_status: str | None) -> str:
    if ending:
        return status_of_exit(ending.get("code"))
    known = last_status if last_status in STATUSES else None
    if info.get("host") not in (None, this_host()):
        return known or "starting"
    if has_process(info):
        return known or "starting"
    if known in TERMINAL:
        return known
    age = time.time() - (number(info.get("created")) or -math.inf)
    is_new = known is None and not (info.get("pid") or info.get("supervisor_pid")) and age < START_GRACE_SECONDS
    return "starting" if is_new else "lost"


def _killed_by(ending: dict[str, Any]) -> str | None:
    signal = ending.get("signal")
    return f"killed by {signal}" if signal else None


def _whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)
