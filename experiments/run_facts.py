"""What a diagnosis looks at: the facts of one run, from its journal, its log and the machine, at bounded memory."""

import math
import shutil
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments.journal import number
from experiments.log_lines import entry_starts
from experiments.processes import this_host
from experiments.run_view import has_process
from experiments.runs import view
from experiments.terminal_text import Rows
from pipeseg.events import Event, LineReader
from pipeseg.run_directory import RunDirectory

MOST_POINTS = 4096
LOG_TAIL = 1 << 16
TAIL_LINES = 400
WATCHED = ("train/loss", "val/loss", "val/iou")

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run at one moment. Times are unix seconds, sizes bytes; None where it is not known.

    Attributes:
        status: as in `RunView`.
        here: whether its processes belong to this machine; `alive` whether one of them works.
        curves: finite (step, value) points by metric, thinned out where they are very many.
        not_finite: (metric, step, value) of the last point of each metric, where that is NaN or infinite.
        loader_shares: share of the time spent waiting for pictures, as the last progress events tell it, in [0, 1].
        last_sign: when journal or log last grew; `longest_gap` is the longest time between two events so far.
        killed_by: name of the signal that ended it.
        warnings: of the journal, the last ones.
        log: last lines of the log.
        workers: loader processes that the config asks for.
        checkpoint_size: of all of its checkpoints together.
    """

    run_id: str
    status: str
    now: float
    here: bool = True
    alive: bool = True
    exit_code: int | None = None
    killed_by: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    curves: dict[str, Points] = field(default_factory=dict)
    not_finite: tuple[tuple[str, float, float], ...] = ()
    step: int | None = None
    total: int | None = None
    loader_shares: tuple[float, ...] = ()
    last_sign: float | None = None
    longest_gap: float = 0.0
    log: tuple[str, ...] = ()
    workers: int | None = None
    cores: int = 1
    pid: int | None = None
    checkpoint_size: int = 0
    disk_free: int | None = None

    @property
    def done(self) -> float:
        """Share of the steps that lies behind, in [0, 1]."""
        return min(1.0, (self.step or 0) / self.total) if self.total else 0.0

    def points(self, metric: str) -> Points:
        return self.curves.get(metric, [])

    def traceback(self, most: int = 40) -> tuple[str, ...]:
        """Return the last traceback of the log, its last `most` lines."""
        starts = [*entry_starts(self.log), len(self.log)]
        for begin, end in reversed(list(pairwise(starts))):
            if "Traceback (most recent call last)" in self.log[begin]:
                return tuple(line for line in self.log[begin:end] if line)[-most:]
        return ()


class FactsReader:
    """Collects the facts of one run; every call of `read` reads only what was appended to the journal."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._config: dict[str, Any] | None = None
        self._begin()

    def _begin(self) -> None:
        self._reader = LineReader(self.directory.events_file)
        self._curves: dict[str, Points] = {}
        self._not_finite: dict[str, tuple[float, float]] = {}
        self._warnings: deque[str] = deque(maxlen=20)
        self._shares: deque[float] = deque(maxlen=20)
        self._last_time: float | None = None
        self._rests = False
        self._longest_gap = 0.0
        # ids of the runs of a study that work now
        self.children: set[str] = set()

    def read(self) -> RunFacts:
        """Return the facts as they are now."""
        if self.directory.events_file.exists() and self.directory.events_file.stat().st_size < self._reader.offset:
            self._begin()
        while events := self._reader.poll():
            for event in events:
                self._take(event)
        run, now = view(self.directory), time.time()
        ending = self.directory.read_exit() or {}
        if self._config is None:
            self._config = config_of(self.directory)
        log, log_time = self._read_log()
        signs = [each for each in (self._last_time, log_time, run.created) if each]
        return RunFacts(
            run_id=run.run_id,
            status=run.status,
            now=now,
            here=run.info.get("host") in (None, this_host()),
            alive=has_process(run.info),
            exit_code=ending.get("code"),
            killed_by=ending.get("signal"),
            error=run.error,
            warnings=tuple(self._warnings),
            curves={name: [*points] for name, points in self._curves.items()},
            not_finite=tuple((name, step, value) for name, (step, value) in self._not_finite.items()),
            step=run.step,
            total=run.total,
            loader_shares=tuple(self._shares),
            last_sign=max(signs, default=None),
            longest_gap=self._longest_gap,
            log=log,
            workers=workers if isinstance(workers := self._config.get("num_workers"), int) else None,
            cores=_cores(),
            pid=run.info.get("pid"),
            checkpoint_size=_size(self.directory.checkpoints),
            disk_free=_free(self.directory.path),
        )

    def _take(self, event: Event) -> None:
        moment = number(event.get("time"))
        if moment is not None:
            if self._last_time is not None and not self._rests:
                self._longest_gap = max(self._longest_gap, moment - self._last_time)
            self._last_time = moment
        self._rests = False
        match event:
            case {"kind": "metrics", "step": int() | float() as step, "values": dict() as values}:
                self._take_values(step, values)
            case {"kind": "progress"}:
                if (share := number(event.get("loader_share"))) is not None:
                    self._shares.append(share)
            case {"kind": "warning"}:
                self._warnings.append(str(event.get("text", "")))
            case {"kind": "status"}:
                # nothing is written while it is paused or broken off
                self._rests = event.get("status") not in ("running", "starting")
                if event.get("status") == "starting":  # another attempt: what went wrong before is history
                    self._not_finite.clear()
                    self._shares.clear()
            case {"kind": "child", "run_id": str() as run_id} if run_id and "/" not in run_id:
                (self.children.add if event.get("status") == "running" else self.children.discard)(run_id)

    def _take_values(self, step: float, values: dict[str, Any]) -> None:
        for name in WATCHED:
            value = values.get(name)
            if not isinstance(value, int | float):
                continue
            if not math.isfinite(value):
                # val/iou is not a number where no picture of val holds the class
                if name.endswith("loss"):
                    self._not_finite[name] = (step, value)
                continue
            self._not_finite.pop(name, None)
            points = self._curves.setdefault(name, [])
            points.append((step, value))
            if len(points) > MOST_POINTS:
                del points[1:-1:2]

    def _read_log(self) -> tuple[tuple[str, ...], float | None]:
        try:
            with open(self.directory.log_file, "rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LOG_TAIL))
                raw = file.read()
            changed = self.directory.log_file.stat().st_mtime
        except OSError:
            return (), None
        rows, done = Rows(), []
        *lines, rest = raw.decode("utf-8", "replace").split("\n")
        for line in lines[1 if size > LOG_TAIL else 0 :]:
            rows.feed(line, done)
        return tuple([*done, *rows.shown_with(rest)][-TAIL_LINES:]), changed


def config_of(directory: RunDirectory) -> dict[str, Any]:
    """Return the resolved config of a run as plain values; {} where it cannot be read: that is told elsewhere."""
    from pipeseg.config import ConfigError, read_yaml

    try:
        return read_yaml(directory.config_file)
    except ConfigError:
        return {}


def _cores() -> int:
    import psutil

    return psutil.cpu_count() or 1


def _size(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in folder.iterdir())
    except OSError:
        return 0


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None
