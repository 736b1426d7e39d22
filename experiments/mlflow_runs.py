"""The runs that only MLflow knows: those of other machines, and those whose directory is gone. No MLflow import here.

An sqlite store is read as the file that it is, without writing; any other one by a process that imports MLflow:
`python -m experiments.mlflow_query URI`, whose last answer is kept in the runs folder.
"""

import json
import math
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.mlflow_store import sqlite_file
from experiments.notes import Notes
from experiments.run_view import RunView
from pipeseg.errors import RunFailed
from pipeseg.run_directory import read_json, write_json
from pipeseg.settings import Settings

FILE = ".mlflow-runs.json"
SERVER_SECONDS = 60.0
# a large file takes its time
PATIENCE_SECONDS = 600.0
# what the queries below name; a store without them is asked through MLflow
NEEDED = {
    "runs": {"run_uuid", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"},
    "experiments": {"experiment_id", "name"},
    "tags": {"key", "value", "run_uuid"},
    "params": {"key", "value", "run_uuid"},
    "latest_metrics": {"key", "value", "step", "is_nan", "run_uuid"},
    "metrics": {"key", "value", "step", "is_nan", "run_uuid"},
}
_STATUS = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Found:
    """One run as MLflow tells it.

    Attributes:
        start, end: unix seconds.
        best: highest `val/iou`, where the store could be asked for it.
    """

    uuid: str
    experiment: str
    status: str
    start: float | None
    end: float | None
    user: str | None
    artifact_uri: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    best: float | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What MLflow knows besides the runs that are here.

    Attributes:
        runs: newest first; the very same list as last time where nothing changed.
        read: when the store answered last, unix seconds; None: never.
        problem: why it does not answer now, as a sentence.
    """

    runs: list[RunView] = field(default_factory=list)
    read: float | None = None
    problem: str | None = None


class MlflowRuns:
    """Asks one store again and again, and reads again only what may have changed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.Lock()
        self._known: dict[str, tuple[tuple[Any, ...], RunView]] = {}
        self._stamp: tuple[Any, ...] | None = None
        self._answer = Elsewhere()
        self._kept: tuple[float, list[Found]] | None = None
        self._asked = -math.inf

    def look(self, here: Collection[str], *, thorough: bool = False) -> Elsewhere:
        """Return what is not among the run ids `here`; may take seconds where a server is asked.

        Args:
            thorough: ask even if the last answer is young, and read everything again.
        """
        with self.lock:
            database = sqlite_file(self.settings.tracking_uri)
            answer = self._of_file(database, here, thorough) if database is not None else None
            if answer is not None:
                return answer
            return self._of_server(here, thorough)

    # -- an sqlite store -----------------------------------------------------------------------------------------

    def _of_file(self, database: Path, here: Collection[str], thorough: bool) -> Elsewhere | None:
        """Read the store; None where it is of another kind than we know."""
        try:
            stat = database.stat()
        except OSError:  # nothing was ever tracked
            self._answer = Elsewhere([] if self._answer.runs else self._answer.runs, time.time())
            return self._answer
        stamp = (stat.st_mtime_ns, stat.st_size, len(here), hash(frozenset(here)))
        if stamp == self._stamp and not thorough:
            return self._answer
        try:
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=2)) as store:
                if not _is_known(store):
                    return None
                runs = self._read(store, here, thorough)
        except sqlite3.Error as error:
            return Elsewhere(self._answer.runs, self._answer.read, f"{database} cannot be read ({error})")
        self._stamp = stamp
        same = len(runs) == len(self._answer.runs) and all(a is b for a, b in zip(runs, self._answer.runs, strict=True))
        self._answer = Elsewhere(self._answer.runs if same else runs, time.time())
        return self._answer

    def _read(self, store: sqlite3.Connection, here: Collection[str], thorough: bool) -> list[RunView]:
        ids = dict(store.execute("SELECT run_uuid, value FROM tags WHERE key = 'run_id'"))
        rows = store.execute(
            "SELECT run_uuid, e.name, r.status, start_time, end_time, user_id, artifact_uri"
            " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.lifecycle_stage = 'active'"
        ).fetchall()
        wanted = [row for row in rows if ids.get(row[0]) not in here]
        known = {
            row[0]: self._known[row[0]]
            for row in wanted
            if not thorough and row[0] in self._known and self._known[row[0]][0] == row and row[4] is not None
        }
        new = [row for row in wanted if row[0] not in known]
        for row, found in zip(new, _details(store, new), strict=True):
            view = run_of(found, self.settings.runs_dir)
            before = self._known.get(row[0])
            known[row[0]] = row, before[1] if before and before[1] == view else view
        self._known = known
        return _newest_first(view for _, view in known.values())

    # -- any other -----------------------------------------------------------------------------------------------

    def _of_server(self, here: Collection[str], thorough: bool) -> Elsewhere:
        """Ask the server, unless it was asked a moment ago; while it does not answer, what it said last counts."""
        uri, problem = self.settings.tracking_uri, self._answer.problem
        if self._kept is None:
            self._kept = self._last_answer(uri)
        old = time.time() - self._kept[0] if self._kept else math.inf
        if thorough or (old > SERVER_SECONDS and time.monotonic() - self._asked > SERVER_SECONDS):
            self._asked = time.monotonic()
            problem = self._ask(uri)
        kept = self._kept or (None, [])
        runs = _newest_first(
            run_of(found, self.settings.runs_dir) for found in kept[1] if found.tags.get("run_id") not in here
        )
        self._answer = Elsewhere(self._answer.runs if runs == self._answer.runs else runs, kept[0], problem)
        return self._answer

    def _ask(self, uri: str) -> str | None:
        try:
            runs = json.loads(ask_mlflow(self.settings))
        except RunFailed as error:
            return str(error)
        answer = {"uri": uri, "time": time.time(), "runs": runs}
        self._kept = answer["time"], [Found(**each) for each in runs]
        # a folder that cannot be written: asked again next time
        with suppress(OSError):
            write_json(self.settings.runs_dir / FILE, answer)
        return None

    def _last_answer(self, uri: str) -> tuple[float, list[Found]] | None:
        values = read_json(self.settings.runs_dir / FILE)
        try:
            return (values["time"], [Found(**each) for each in values["runs"]]) if values["uri"] == uri else None
        except (KeyError, TypeError):
            return None


def ask_mlflow(settings: Settings, *arguments: str) -> str:
    """Return what `experiments.mlflow_query` prints: MLflow is imported in that process.

    Raises:
        RunFailed: no answer.
    """
    from experiments.launcher import child_environment

    uri = settings.tracking_uri
    try:
        done = subprocess.run(
            [sys.executable, "-m", "experiments.mlflow_query", uri, *arguments],
            cwd=settings.root,
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"the tracking store {uri} has not answered within {PATIENCE_SECONDS:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise RunFailed(lines[-1] if lines else f"the tracking store {uri} cannot be read")
    return done.stdout


def run_of(found: Found, runs_dir: Path) -> RunView:
    """Return an MLflow run as a run of a list."""
    tags, metrics = found.tags, found.metrics
    notes, status = Notes.of_mlflow(tags), _STATUS.get(found.status, "running")
    ended = tags.get("ended", "")
    if status == "stopped" and ended != "stopped":
        status = "lost" if ended.startswith("lost") else "failed" if ended else status
    return RunView(
        run_id=tags.get("run_id") or found.uuid,
        folder=runs_dir,
        experiment=tags.get("experiment") or found.experiment,
        stage=tags.get("stage"),
        defect_class=tags.get("defect_class") or tags.get("defect_classes"),
        status=status,
        created=found.start or 0.0,
        started=found.start,
        ended=found.end,
        info={
            "mlflow_run_id": found.uuid,
            "name": tags.get("name"),
            "user": tags.get("mlflow.user") or found.user,
            "host": tags.get("host"),
            "sweep": tags.get("sweep"),
            "git_commit": tags.get("mlflow.source.git.commit"),
            "artifact_uri": found.artifact_uri,
            # taken apart by who asks: see `config_of`
            "params": json.dumps(dict(found.params), ensure_ascii=False),
        },
        last={key: value for key, value in metrics.items() if not key.startswith(("test/", "test_last/"))},
        best_iou=found.best if found.best is not None else metrics.get("val/iou"),
        test={key[5:]: value for key, value in metrics.items() if key.startswith("test/")},
        note=notes.text,
        tags=notes.tags,
        archived=notes.archived,
        elsewhere=True,
    )


def config_of(run: RunView) -> dict[str, Any]:
    """Return the flat config of a run that only MLflow knows, from its params."""
    return {key: _value(text) for key, text in json.loads(run.info.get("params") or "{}").items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_known(store: sqlite3.Connection) -> bool:
    return all(
        columns <= {row[1] for row in store.execute(f"PRAGMA table_info({table})")} for table, columns in NEEDED.items()
    )


def _details(store: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
    """Yield what the store knows of each run, in the order of the rows."""
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        uuids = [row[0] for row in part]
        several = f"run_uuid IN ({', '.join('?' * len(uuids))})"
        tags = _grouped(store.execute(f"SELECT run_uuid, key, value FROM tags WHERE {several}", uuids))
        params = _grouped(store.execute(f"SELECT run_uuid, key, value FROM params WHERE {several}", uuids))
        last = f"SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics WHERE {several}"
        metrics = _grouped(
            (uuid, key, math.nan if value is None else value) for uuid, key, value in store.execute(last, uuids)
        )
        best = dict(
            store.execute(
                f"SELECT run_uuid, MAX(value) FROM metrics WHERE key = 'val/iou' AND NOT is_nan AND {several}"
                " GROUP BY run_uuid",
                uuids,
            )
        )
        for uuid, experiment, status, start_ms, end_ms, user, artifacts in part:
            found = {
                kind: values.get(uuid, {})
                for kind, values in (("tags", tags), ("metrics", metrics), ("params", params))
            }
            times = (None if ms is None else ms / 1000 for ms in (start_ms, end_ms))
            yield Found(uuid, experiment, status, *times, user, artifacts, **found, best=best.get(uuid))


def _grouped(rows: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for uuid, key, value in rows:
        found.setdefault(uuid, {})[key] = value
    return found


def _newest_first(runs: Iterable[RunView]) -> list[RunView]:
    """Sort, and keep the newest of those that go by the same id."""
    newest: dict[str, RunView] = {}
    for run in sorted(runs, key=lambda run: (run.created, run.run_id), reverse=True):
        newest.setdefault(run.run_id, run)
    return list(newest.values())
