"""The folder of the queue, `runs/.queue/`: a folder per entry, their order, and the locks.

Every change is made under one lock and by an atomic write, so that several dashboards and commands may change the
queue at once, and a kill at any moment leaves it whole.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.processes import started_at, this_host
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import make_folder, read_json, write_atomically, write_json
from pipeseg.settings import Settings

FOLDER = ".queue"
LOCK_SECONDS = 20.0
# nobody has begun it; somebody is about to; there is a run; there cannot be one
WAITING, TAKEN, STARTED, REFUSED = "waiting", "taken", "started", "refused"
# entries that are over stay to be looked at, so many of them
KEPT = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One run that shall be started; a snapshot.

    Attributes:
        overrides: applied to the config as it was when the entry was added.
        device: as the person wished it: auto, cpu or cuda:N.
        place: where it will compute: auto, cpu, cuda:N, or `machine` for a study, which has the whole machine.
        devices: how many GPUs it takes at once, where it computes on GPUs.
        memory: free memory that it waits for on each GPU, GiB; None where it needs none. `memory_from` is how that is
            known.
        added, changed: unix seconds; `changed` is when `state` last changed.
        held: it waits until a person releases it.
        now: it starts at once, whatever works where it will compute.
        state: waiting, taken, started or refused.
        run_id: its run, once there is one.
        error: why it was refused, one sentence.
    """

    entry_id: str
    path: Path
    experiment: str
    overrides: tuple[str, ...] = ()
    name: str | None = None
    device: str = "auto"
    place: str = "auto"
    devices: int = 1
    memory: float | None = None
    memory_from: str = ""
    user: str = ""
    added: float = 0.0
    changed: float = 0.0
    held: bool = False
    now: bool = False
    state: str = WAITING
    run_id: str | None = None
    error: str | None = None

    @property
    def config_file(self) -> Path:
        """The experiment's config as it was when the entry was added: an edit does not reach it."""
        return self.path / "config.yaml"

    @property
    def where(self) -> str:
        """Where it will compute, in a word: `auto`, `cpu`, `auto ×2`."""
        return self.place if self.devices == 1 else f"{self.place} ×{self.devices}"

    @property
    def label(self) -> str:
        return " ".join((self.experiment, *self.overrides))


_STORED = tuple(name for name in Entry.__dataclass_fields__ if name not in ("entry_id", "path"))


class QueueDirectory:
    """Names the files of the queue of one `RUNS_DIR`, and changes them."""

    def __init__(self, settings: Settings):
        self.path = settings.runs_dir / FOLDER
        self._runs_dir = settings.runs_dir

    @property
    def state_file(self) -> Path:
        """Order and pause; rewritten by every change, so that its time says whether there was one."""
        return self.path / "queue.json"

    @property
    def runner_file(self) -> Path:
        return self.path / "runner.json"

    @property
    def log_file(self) -> Path:
        return self.path / "queue.log"

    def exists(self) -> bool:
        return self.path.is_dir()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock of every change.

        Raises:
            BadInput: somebody else holds it for too long, or the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / ".lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise BadInput(f"{self.path}: somebody holds its lock for more than {LOCK_SECONDS:.0f} s") from None
        except OSError as error:
            raise BadInput(os_error_sentence(error)) from error

    def runner_lock(self, timeout: float) -> Any:
        """Return the lock of whoever starts the entries; the system frees it however they end."""
        from filelock import FileLock

        return FileLock(self.path / ".runner.lock", timeout=timeout)

    # -- reading ---------------------------------------------------------------------------------------------------

    def read_state(self) -> dict[str, Any]:
        return read_json(self.state_file)

    @property
    def paused(self) -> bool:
        return bool(self.read_state().get("paused"))

    def entries(self) -> list[Entry]:
        """Return every entry, in the order in which they shall start."""
        order = self.read_state().get("order")
        places = {entry_id: place for place, entry_id in enumerate(order if isinstance(order, list) else [])}
        found = [entry for folder in self._folders() if (entry := read_entry(folder))]
        # one that was added and did not live to be put in order comes last
        return sorted(found, key=lambda each: (places.get(each.entry_id, len(places)), each.added, each.entry_id))

    def stamp(self) -> object:
        """Return what differs after every change."""
        try:
            stat = self.state_file.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def _folders(self) -> list[Path]:
        try:
            return [folder for folder in self.path.iterdir() if not folder.name.startswith(".") and folder.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    # -- changing --------------------------------------------------------------------------------------------------

    def add(self, config_text: str, **facts: Any) -> Entry:
        """Add an entry at the end.

        Raises:
            BadInput: the folder cannot be written.
        """

        def fill(path: Path) -> None:
            write_atomically(path / "config.yaml", config_text)
            now = time.time()
            # last: a folder with an entry.json is a whole entry
            write_json(path / "entry.json", {"state": WAITING, "added": now, "changed": now, **facts})

        with self.changing():
            path = make_folder(self._runs_dir, f"{FOLDER}/", str(facts["experiment"]), fill)
            self._write_order([*self._order(), path.name])
            self._prune()
        entry = read_entry(path)
        assert entry is not None
        return entry

    def change(
        self, entry_id: str, allowed: Callable[[Entry], str | None] = lambda entry: None, **changes: Any
    ) -> Entry:
        """Change one entry.

        Args:
            allowed: says why it may not be changed now, None where it may.

        Raises:
            BadInput: it is gone, or may not be changed.
        """
        with self.changing():
            entry = self._whole(entry_id)
            if problem := allowed(entry):
                raise BadInput(f"{entry_id}: {problem}")
            if "state" in changes and changes["state"] != entry.state:
                changes["changed"] = time.time()
            write_json(entry.path / "entry.json", {**read_json(entry.path / "entry.json"), **changes})
            self._write_order(self._order())
        return self._whole(entry_id)

    def remove(self, entry_id: str, allowed: Callable[[Entry], str | None] = lambda entry: None) -> None:
        """Remove one entry; a run of it stays.

        Raises:
            BadInput: it is gone, or may not be removed.
        """
        with self.changing():
            entry = self._whole(entry_id)
            if problem := allowed(entry):
                raise BadInput(f"{entry_id}: {problem}")
            self._delete(entry)
            self._write_order([each for each in self._order() if each != entry_id])

    def reorder(self, change: Callable[[list[Entry]], list[Entry]]) -> None:
        """Put the entries that wait into another order: `change` gets them as they are and returns them as wanted."""
        with self.changing():
            entries = self.entries()
            waiting = [entry for entry in entries if entry.state == WAITING]
            others = [entry.entry_id for entry in entries if entry.state != WAITING]
            self._write_order([*others, *(entry.entry_id for entry in change(waiting))])

    def set_paused(self, paused: bool) -> None:
        with self.changing():
            write_json(self.state_file, {**self.read_state(), "paused": paused})

    def write_runner(self) -> None:
        """Write down that this process starts the entries."""
        pid = os.getpid()
        write_json(self.runner_file, {"host": this_host(), "pid": pid, "pid_started": started_at(pid)})

    def _whole(self, entry_id: str) -> Entry:
        if entry := read_entry(self.path / entry_id):
            return entry
        raise BadInput(f"{entry_id}: is not in the queue any more")

    def _order(self) -> list[str]:
        return [entry.entry_id for entry in self.entries()]

    def _write_order(self, order: list[str]) -> None:
        write_json(self.state_file, {**self.read_state(), "order": order})

    def _prune(self) -> None:
        over = sorted(
            (entry for entry in self.entries() if entry.state in (STARTED, REFUSED)), key=lambda each: each.changed
        )
        for entry in over[:-KEPT]:
            self._delete(entry)

    @staticmethod
    def _delete(entry: Entry) -> None:
        # first: a folder without it is no entry any more
        (entry.path / "entry.json").unlink(missing_ok=True)
        shutil.rmtree(entry.path, ignore_errors=True)


def read_entry(folder: Path) -> Entry | None:
    """Return the entry in a folder, None where there is no whole one."""
    values = read_json(folder / "entry.json")
    if not isinstance(values.get("experiment"), str):
        return None
    known = {key: values[key] for key in _STORED if key in values}
    known["overrides"] = tuple(map(str, known.get("overrides") or ()))
    return Entry(folder.name, folder, **known)
