"""The queue: runs that wait for a free device, and are started in their order by a process of their own.

`add` and its like change the queue and see to it that the process (`experiments.queue_runner`) is there; it ends by
itself when nothing is left that it could start.
"""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from experiments import launcher, runs
from experiments.folders import Experiment, find_experiment
from experiments.gpus import Gpu, memory_needed, read_gpus
from experiments.processes import detached
from experiments.queue_directory import REFUSED, STARTED, TAKEN, WAITING, Entry, QueueDirectory
from experiments.queue_plan import AUTO, CPU, MACHINE, Decision, Machine, occupied, plan
from experiments.run_view import RunView
from experiments.sweep_grid import combinations, differing
from pipeseg.errors import BadInput, did_you_mean, os_error_sentence
from pipeseg.run_directory import read_json
from pipeseg.settings import Settings

# of run.json
ENTRY_KEY = "queue_entry"
HELD, STARTING, GONE = "held", "starting", "gone"

_started: list[subprocess.Popen] = []


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as it stands now.

    Attributes:
        position: from 1 among those that wait; None for the others.
        status: waiting, held, refused, or the status of its run; gone where the run was deleted.
        reason: why it waits, or why it was refused; one sentence or less.
        stuck: it can never start as it is.
    """

    entry: Entry
    position: int | None
    status: str
    reason: str = ""
    run: RunView | None = None
    stuck: bool = False

    @property
    def is_waiting(self) -> bool:
        return self.position is not None


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue as it stands now: first what waits, in its order, then what works, then what is over, newest first."""

    entries: Sequence[EntryView] = ()
    paused: bool = False

    @property
    def waiting(self) -> list[EntryView]:
        return [each for each in self.entries if each.is_waiting]


def add(
    settings: Settings,
    experiment: Experiment | str,
    overrides: Iterable[str] = (),
    *,
    name: str | None = None,
    device: str = AUTO,
    memory: float | None = None,
) -> list[Entry]:
    """Check every run, then put them at the end of the queue; lists of values become as many entries.

    Args:
        overrides: `key.sub=value` texts as typed, as for a sweep.
        name: what the person calls the run; with several, each carries its values behind it.
        device: auto, cpu or cuda:N.
        memory: free memory that they wait for on each GPU, GiB; None = what the last such run took, else a guess.

    Raises:
        BadInput: a run could not start; nothing was added.
    """
    from experiments.sweeps import check_grid

    if isinstance(experiment, str):
        experiment = find_experiment(settings, experiment)
    overrides = with_device(overrides, device)
    grid = combinations(overrides)
    check_grid(settings, experiment, grid)
    try:
        config_text = experiment.config_file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    directory, places, added = QueueDirectory(settings), differing(grid), []
    for texts in grid:
        label = " ".join(texts[place] for place in places)
        facts = {
            "experiment": experiment.name,
            "overrides": texts,
            "name": ": ".join(part for part in (name, label) if part) or None if len(grid) > 1 else name,
            "device": device,
            "user": settings.user,
            **_needs(settings, experiment, texts, memory),
        }
        added.append(directory.add(config_text, **facts))
    ensure_runner(settings)
    return added


def with_device(overrides: Iterable[str], device: str) -> list[str]:
    """Return overrides that also ask for a device; `auto` leaves it to the config."""
    return [*overrides, *([] if device == AUTO else [f"device={device}"])]


def _needs(settings: Settings, experiment: Experiment, overrides: list[str], memory: float | None) -> dict[str, object]:
    config, _ = launcher.check(settings, experiment, overrides)
    if config.stage == "study":
        return {"place": MACHINE, "memory": None}
    device = getattr(config, "device", CPU)
    place = {"cuda": AUTO, "mps": CPU}.get(device, device)
    known = (memory, "as asked") if memory is not None else memory_needed(settings, experiment.name, config)
    amount, source = known if known and place != CPU else (None, "")
    devices = getattr(config, "devices", 1) if place != CPU else 1
    return {"place": place, "devices": devices, "memory": amount, "memory_from": source}


# -- changing ------------------------------------------------------------------------------------------------------


def move(settings: Settings, text: str, to: str) -> None:
    """Move an entry that waits: `up` or `down` by one, or to a position counted from 1.

    Raises:
        BadInput: no such entry, it does not wait, or no such place.
    """
    entry, directory = find(settings, text), QueueDirectory(settings)
    if to not in ("up", "down") and not (to.isdecimal() and int(to) > 0):
        raise BadInput(f"{to!r}: an entry moves up, down, or to a position from 1")

    def change(waiting: list[Entry]) -> list[Entry]:
        ids = [each.entry_id for each in waiting]
        if entry.entry_id not in ids:
            raise BadInput(f"{entry.entry_id}: does not wait any more")
        place = ids.index(entry.entry_id)
        wanted = {"up": place - 1, "down": place + 1}.get(to)
        moved = waiting.pop(place)
        waiting.insert(max(0, int(to) - 1 if wanted is None else wanted), moved)
        return waiting

    directory.reorder(change)
    ensure_runner(settings)


def remove(settings: Settings, text: str) -> Entry:
    """Take an entry out of the queue; a run that it has stays as it is.

    Raises:
        BadInput: no such entry, or it is just being started.
    """
    entry = find(settings, text)
    QueueDirectory(settings).remove(entry.entry_id, lambda now: _IS_STARTING if now.state == TAKEN else None)
    return entry


def hold(settings: Settings, text: str) -> Entry:
    """Let an entry wait until it is released; others pass it."""
    return _change(settings, text, held=True, now=False)


def release(settings: Settings, text: str) -> Entry:
    """Let an entry that was held start when its turn comes."""
    return _change(settings, text, held=False)


def start_now(settings: Settings, text: str) -> Entry:
    """Let an entry start at once, whatever works where it will compute, also while the queue is paused."""
    return _change(settings, text, now=True, held=False)


def set_paused(settings: Settings, paused: bool) -> None:
    """Start no more entries, or go on; what works is left alone."""
    QueueDirectory(settings).set_paused(paused)
    ensure_runner(settings)


_IS_STARTING = "is being started; stop its run instead"


def _change(settings: Settings, text: str, **changes: object) -> Entry:
    entry = find(settings, text)

    def allowed(now: Entry) -> str | None:
        if now.state == WAITING:
            return None
        return _IS_STARTING if now.state == TAKEN else f"does not wait any more, it was {now.state}"

    changed = QueueDirectory(settings).change(entry.entry_id, allowed, **changes)
    ensure_runner(settings)
    return changed


def find(settings: Settings, text: str) -> Entry:
    """Return the entry that `text` means: its id, or the beginning or end of exactly one.

    Raises:
        BadInput: none or several match.
    """
    named = {entry.entry_id: entry for entry in QueueDirectory(settings).entries()}
    found = runs.matching(named, text) or [entry for name, entry in named.items() if text and name.endswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{text!r} means {len(found)} entries of the queue; type more of the id")
    hint = did_you_mean(text, list(named)) or "; `python -m experiments queue list` lists them"
    raise BadInput(f"no entry {text!r} in the queue{hint}")


# -- looking -------------------------------------------------------------------------------------------------------


def read_machine(settings: Settings, gpus: Callable[[], list[Gpu]] = read_gpus) -> tuple[Machine, list[RunView]]:
    """Return what works on this machine now, and all runs."""
    found, every = gpus(), runs.list_runs(settings)
    return Machine(found, occupied(every, found)), every


def view(settings: Settings, gpus: Callable[[], list[Gpu]] = read_gpus) -> QueueView:
    """Return the queue as it stands now."""
    directory = QueueDirectory(settings)
    if not directory.exists():
        return QueueView()
    entries, paused = directory.entries(), directory.paused
    machine, every = read_machine(settings, gpus)
    by_id = {run.run_id: run for run in every}
    waiting = [entry for entry in entries if entry.state == WAITING]
    decided = zip(waiting, plan(waiting, machine, paused), strict=True)
    first = [_waiting(entry, position, decision) for position, (entry, decision) in enumerate(decided, 1)]
    begun = [_begun(entry, by_id) for entry in entries if entry.state != WAITING]
    begun.sort(key=lambda each: (each.run is not None and each.run.is_active, each.entry.changed), reverse=True)
    return QueueView((*first, *begun), paused)


def _waiting(entry: Entry, position: int, decision: Decision) -> EntryView:
    status = HELD if entry.held and not entry.now else WAITING
    return EntryView(entry, position, status, decision.reason, stuck=decision.stuck)


def _begun(entry: Entry, by_id: dict[str, RunView]) -> EntryView:
    run = by_id.get(entry.run_id or "")
    if entry.state == REFUSED:
        return EntryView(entry, None, REFUSED, entry.error or "", run)
    if entry.state == TAKEN:
        return EntryView(entry, None, STARTING, "is being started")
    return EntryView(entry, None, run.status if run else GONE, (run.error or "") if run else "its run was deleted", run)


def run_of(settings: Settings, entry_id: str) -> RunView | None:
    """Return the run that was made for an entry, also where nobody lived to write it down."""
    return next((run for run in runs.list_runs(settings) if run.info.get(ENTRY_KEY) == entry_id), None)


# -- the process that starts the entries ---------------------------------------------------------------------------


def has_work(directory: QueueDirectory) -> bool:
    """Tell whether there is an entry that can start without anybody doing anything."""
    paused = directory.paused
    return any(
        entry.state == TAKEN or (entry.state == WAITING and (entry.now or not (entry.held or paused)))
        for entry in directory.entries()
    )


def is_attended(directory: QueueDirectory) -> bool:
    """Tell whether a process starts the entries."""
    from filelock import Timeout

    try:
        with directory.runner_lock(0.0):
            return False
    except Timeout:
        return True


def ensure_runner(settings: Settings) -> None:
    """Start the process that starts the entries, where there is work for it and none is there.

    Raises:
        BadInput: it cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    directory = QueueDirectory(settings)
    if not directory.exists() or not has_work(directory) or is_attended(directory):
        return
    runner = read_json(directory.runner_file).get("pid")
    if any(process.pid != runner for process in _started):
        return  # one is on its way to the lock; one that has had it already ends
    try:
        with open(directory.log_file, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "experiments.queue_runner"],
                cwd=settings.root,
                env=launcher.child_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **detached(),
            )
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    _started.append(process)  # kept, so that it is reaped by the next look instead of warned about


def taken_by(settings: Settings, entry: Entry) -> bool:
    """Take an entry for starting it; return whether it still waits.

    Only the holder of the runner's lock may.
    """
    with contextlib.suppress(BadInput):  # removed, or held a moment ago
        QueueDirectory(settings).change(entry.entry_id, _still_waits(entry), state=TAKEN)
        return True
    return False


def _still_waits(entry: Entry) -> Callable[[Entry], str | None]:
    def allowed(now: Entry) -> str | None:
        same = (now.state, now.held, now.now) == (entry.state, entry.held, entry.now)
        return None if same else "was changed meanwhile"

    return allowed


__all__ = [
    "ENTRY_KEY",
    "REFUSED",
    "STARTED",
    "EntryView",
    "QueueView",
    "add",
    "ensure_runner",
    "find",
    "hold",
    "move",
    "release",
    "remove",
    "run_of",
    "set_paused",
    "start_now",
    "view",
]
