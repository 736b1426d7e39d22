"""Every run of one runs folder, kept up to date by reading only what changed; see `run_cache` for what is kept on disk.

A run that has ended is known by the stamp of its directory: whatever changes it (a note, another attempt, the upload)
replaces a file in there, and that changes the stamp. A run that has not ended is looked at every time.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.run_cache import RunCache, Stamp
from experiments.run_view import RunRecord, RunView
from pipeseg.run_directory import RunDirectory

if TYPE_CHECKING:
    from experiments.run_configs import ConfigReader

# the file system's clock may stand still for some milliseconds: what is as new as this may change unseen
FRESH_NS = 2_000_000_000
# of the runs that have ended, how many are looked at in a glance: the newest, and some of the others in turn
NEWEST, IN_TURN = 150, 150


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look at the runs folder has found.

    Attributes:
        runs: newest first; the very same list as last time where nothing changed.
        unread: how many runs there are that nobody had time to read yet.
    """

    runs: list[RunView]
    unread: int = 0


class RunIndex:
    """The runs of one folder; used by one thread at a time, see `lock`.

    Args:
        cache: the folder of the cache, if it is not the runs' own.
    """

    def __init__(self, runs_dir: Path, cache: Path | None = None) -> None:
        self.runs_dir = runs_dir
        self.lock = threading.RLock()
        self._root = str(runs_dir)
        self._cache = RunCache(runs_dir, cache or runs_dir)
        self._ended: dict[str, tuple[Stamp, RunView]] = {}
        self._records: dict[str, RunRecord] = {}
        self._names: set[str] | None = None
        self._folder_stamp: Stamp | None = None
        self._open: list[str] = []
        self._members: set[str] = set()
        self._order: list[str] = []
        self._turn = 0
        self._listing = Listing([])
        self._listed: list[str] | None = None
        self._places: dict[str, int] = {}
        self._reader: ConfigReader | None = None
        self._configs: dict[tuple[str, ...], dict[str, tuple[Stamp, tuple[Any, ...]]]] = {}

    # -- looking -------------------------------------------------------------------------------------------------

    def newest_first(self, *, thorough: bool = True) -> list[str]:
        """Return the names of all runs, after looking at what may have changed; the same list where none has come.

        Args:
            thorough: look at every run; else at those that have not ended, the newest, and some others in turn.
        """
        if self._names is None:
            self._ended = {run_id: (stamp, view) for run_id, stamp, view in self._cache.load()}
            thorough = True
        if thorough or self._folder_changed():
            self._list_folder()
        for name in list(self._ended) if thorough else self._some():
            if self._stamp(name) != self._ended[name][0]:
                del self._ended[name]
        self._open = [name for name in self._names or () if name not in self._ended and self.record(name).exists()]
        members = self._ended.keys() | self._open
        if members != self._members:
            self._members = members
            dated = [(view.created, name) for name, (_, view) in self._ended.items()]
            dated += [(self.record(name).created(), name) for name in self._open]
            self._order = [name for _, name in sorted(dated, reverse=True)]
        return self._order

    def _some(self) -> set[str]:
        ended = list(self._ended)
        end = self._turn + min(IN_TURN, len(ended))
        some = {ended[place % len(ended)] for place in range(self._turn, end)}
        self._turn = end % len(ended) if ended else 0
        return some | {name for name in self._order[:NEWEST] if name in self._ended}

    def view(self, name: str) -> RunView:
        """Return one run as it stands now."""
        if known := self._ended.get(name):
            return known[1]
        stamp = self._stamp(name)
        record = self.record(name)
        view = record.view()
        # looked at again until its last change is old enough to be seen
        if stamp and record.is_settled and time.time_ns() - stamp[0] > FRESH_NS:
            view = self._cache.put(name, stamp, view)
            self._ended[name] = stamp, view
            self._records.pop(name, None)
        return view

    def info(self, name: str) -> Mapping[str, Any]:
        """Return what is known of `run.json`: of a run that has ended, what a list may want."""
        known = self._ended.get(name)
        return known[1].info if known else self.record(name).read_info()

    def experiment(self, name: str) -> str:
        known = self._ended.get(name)
        return known[1].experiment if known else self.record(name).experiment()

    def look(self, *, thorough: bool = False, seconds: float | None = None) -> Listing:
        """Return the runs, newest first.

        Args:
            seconds: no longer than about this; what remains unread is read by the next calls.
        """
        order, before = self.newest_first(thorough=thorough), self._listing
        if order is self._listed and not before.unread:
            runs = self._again(before.runs)
            unread = 0
        else:
            runs, unread = self._all(order, None if seconds is None else time.monotonic() + seconds)
            self._listed, self._places = order, {run.run_id: place for place, run in enumerate(runs)}
        self.save()
        self._listing = Listing(runs, unread)
        return self._listing

    def _all(self, order: list[str], end: float | None) -> tuple[list[RunView], int]:
        views, unread = [], 0
        for name in order:
            if known := self._ended.get(name):
                views.append(known[1])
            elif end is not None and not self._is_read(name) and time.monotonic() > end:
                unread += 1
            else:
                views.append(self.view(name))
        return views, unread

    def _again(self, runs: list[RunView]) -> list[RunView]:
        """Look again at the runs that may have changed; the order is that of last time."""
        now = [(self._places[name], self.view(name)) for name in self._open]
        changes = [(place, view) for place, view in now if view != runs[place]]
        if changes:
            runs = list(runs)
            for place, view in changes:
                runs[place] = view
        return runs

    def save(self) -> None:
        """Keep what was read, for other processes and later ones."""
        self._cache.save()

    def record(self, name: str) -> RunRecord:
        if (record := self._records.get(name)) is None:
            record = self._records[name] = RunRecord(RunDirectory(self.runs_dir / name))
        return record

    def _is_read(self, name: str) -> bool:
        record = self._records.get(name)
        return record is not None and record.is_read

    def _folder_changed(self) -> bool:
        """Tell whether a run may have come or gone."""
        stamp = self._stamp("")
        return stamp is None or stamp != self._folder_stamp

    def _list_folder(self) -> None:
        stamp = self._stamp("")
        try:
            names = {name for name in os.listdir(self._root) if not name.startswith(".")}
        except (FileNotFoundError, NotADirectoryError):
            names = set()
        for gone in (self._names or set(self._ended)) - names:
            self._ended.pop(gone, None)
            self._records.pop(gone, None)
        self._names = names
        is_old = stamp is not None and time.time_ns() - stamp[0] > FRESH_NS
        self._folder_stamp = stamp if is_old else None

    def _stamp(self, name: str) -> Stamp | None:
        try:
            stat = os.stat(f"{self._root}/{name}")
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    # -- configs -------------------------------------------------------------------------------------------------

    def configs(self, keys: Sequence[str], seconds: float | None = None) -> tuple[dict[str, tuple[Any, ...]], int]:
        """Return run id -> its values of dotted config `keys` (None where it has none), and how many are unread.

        A config is read once: a run keeps the config that it began with. It counts as new when its file has changed.
        """
        if self._reader is None:
            from experiments.run_configs import ConfigReader

            self._reader = ConfigReader()
        wanted = tuple(keys)
        if (known := self._configs.get(wanted)) is None:
            self._configs.clear()  # of one query at a time: few values of many configs
            known = self._configs[wanted] = {
                name: found
                for name, found in self._cache.configs(wanted).items()
                if self._config_stamp(name) == found[0]
            }
        end, read, unread = None if seconds is None else time.monotonic() + seconds, [], 0
        for run in self._listing.runs:
            if run.run_id in known:
                continue
            if end is not None and time.monotonic() > end:
                unread += 1
                continue
            stamp = self._config_stamp(run.run_id)
            values = self._reader.read(run.path / "config.yaml") if stamp else {}
            known[run.run_id] = stamp or (0, 0), tuple(values.get(key) for key in wanted)
            if stamp:
                read.append((run.run_id, stamp, values))
        if read:
            self._cache.put_configs(read)
        return {name: values for name, (_, values) in known.items()}, unread

    def _config_stamp(self, name: str) -> Stamp | None:
        try:
            stat = os.stat(f"{self._root}/{name}/config.yaml")
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
