"""`.runs.sqlite`, mostly in the runs folder: ended runs as they were read, so that ten thousand journals are read once.

Only a cache: it may be deleted at any time, and a row counts only while the directory of its run is unchanged.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.run_summary import COLUMNS, maker, row_of
from experiments.run_view import RunView

FILE = ".runs.sqlite"
# any change of what is kept, or how
VERSION = 1
# a folder of fewer is read as fast without
WORTH_KEEPING = 100
WAIT_SECONDS = 0.3
_BATCH = 500

Stamp = tuple[int, int]


class RunCache:
    """The rows of one runs folder; in memory until there are enough of them, and where no file can be written.

    Used by one thread at a time. What cannot be read or kept is read from the runs again: never an error.
    """

    def __init__(self, runs_dir: Path, folder: Path) -> None:
        self.runs_dir, self.file = runs_dir, folder / FILE
        self._pending: dict[str, tuple[Any, ...]] = {}
        self._connection: sqlite3.Connection | None = None

    def load(self) -> Iterator[tuple[str, Stamp, RunView]]:
        """Yield what is kept: run id, what its directory was like then, and the run."""
        if not self.file.is_file() or (connection := self._open()) is None:
            return
        make = maker(self.runs_dir)
        try:
            for row in connection.execute(f"SELECT run_id, changed, inode, {', '.join(COLUMNS)} FROM runs"):
                yield row[0], (row[1], row[2]), make(row[0], row[3:])
        except (sqlite3.Error, ValueError, TypeError):
            self._throw_away()

    def put(self, run_id: str, stamp: Stamp, view: RunView) -> RunView:
        """Keep an ended run from the next `save` on; returns the run in few bytes."""
        row = row_of(view)
        self._pending[run_id] = (run_id, *stamp, *row)
        return maker(self.runs_dir)(run_id, row)

    def save(self, gone: Iterable[str] = ()) -> None:
        """Write what was put, and forget runs that are `gone`."""
        if not self._pending or (len(self._pending) < WORTH_KEEPING and not self.file.is_file()):
            return
        if (connection := self._open()) is None:
            return
        marks = ", ".join("?" * (len(COLUMNS) + 3))
        try:
            with connection:
                connection.executemany(f"INSERT OR REPLACE INTO runs VALUES ({marks})", self._pending.values())
                for table in ("runs", "configs"):
                    connection.executemany(f"DELETE FROM {table} WHERE run_id = ?", ((run_id,) for run_id in gone))
        except (sqlite3.Error, OverflowError):
            return  # another process is writing, or the disk is full: the next time will do
        self._pending.clear()

    # -- configs -------------------------------------------------------------------------------------------------

    def configs(self, keys: Sequence[str]) -> dict[str, tuple[Stamp, tuple[Any, ...]]]:
        """Return run id -> (stamp of its config file, its values of `keys`), of every config that is kept."""
        if (connection := self._open()) is None:
            return {}
        found = {}
        try:
            for run_id, changed, size, text in connection.execute("SELECT run_id, changed, size, flat FROM configs"):
                flat = json.loads(text)
                found[run_id] = ((changed, size), tuple(flat.get(key) for key in keys))
        except (sqlite3.Error, ValueError):
            self._throw_away()
        return found

    def put_configs(self, rows: Iterable[tuple[str, Stamp, Mapping[str, Any]]]) -> None:
        if (connection := self._open()) is None:
            return
        texts = [(run_id, *stamp, json.dumps(flat, ensure_ascii=False, default=str)) for run_id, stamp, flat in rows]
        with suppress(sqlite3.Error), connection:
            connection.executemany("INSERT OR REPLACE INTO configs VALUES (?, ?, ?, ?)", texts)

    # -- the file ------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except (sqlite3.Error, OSError):
                self._throw_away()
                with suppress(sqlite3.Error, OSError):
                    self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self.file.parent != self.runs_dir:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.file, timeout=WAIT_SECONDS, check_same_thread=False)
        # what a power cut spoils is made again
        connection.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            connection.executescript(
                f"""
                BEGIN;
                DROP TABLE IF EXISTS runs;
                DROP TABLE IF EXISTS configs;
                CREATE TABLE runs (run_id TEXT PRIMARY KEY, changed INTEGER, inode INTEGER, {columns});
                CREATE TABLE configs (run_id TEXT PRIMARY KEY, changed INTEGER, size INTEGER, flat TEXT);
                PRAGMA user_version = {VERSION};
                COMMIT;
                """
            )
        return connection

    def _throw_away(self) -> None:
        """A damaged file is made anew; one that another process is writing is left to it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        with suppress(OSError):
            self.file.unlink()
