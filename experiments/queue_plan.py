"""Which entries of the queue can start now, where, and why the others wait: pure, over what was read of the machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from experiments.gpus import Gpu
from experiments.processes import this_host
from experiments.queue_directory import Entry
from experiments.run_view import RunView
from experiments.sweep_devices import DEVICE_KEY

AUTO, CPU, MACHINE = "auto", "cpu", "machine"
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one entry now.

    Attributes:
        places: where it starts now: cpu, machine, or one or more cuda:N; none while it waits.
        reason: why it waits, in a few words; where it starts, that it does.
        stuck: it can never start as it is.
    """

    places: tuple[str, ...]
    reason: str
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """What works on this machine now.

    Attributes:
        gpus: in the order of `cuda:N`.
        busy: place -> id of the run that works there.
    """

    gpus: Sequence[Gpu] = ()
    busy: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> list[str]:
        return [*(gpu.device for gpu in self.gpus), CPU]


def occupied(runs: Iterable[RunView], gpus: Sequence[Gpu]) -> dict[str, str]:
    """Return place -> id of the run that works there, for every place of this machine on which one does."""
    busy: dict[str, str] = {}
    for run in runs:
        if run.is_active and run.info.get("host") in (None, this_host()):
            for place in places_of(run, gpus):
                busy.setdefault(place, run.run_id)
    return busy


def places_of(run: RunView, gpus: Sequence[Gpu]) -> list[str]:
    """Return where a run computes."""
    if run.stage == "study":
        return [MACHINE]
    given = str(run.info.get(DEVICE_KEY)).split(",")
    if named := [gpu.device for gpu in gpus if gpu.name in given]:
        return named
    device = run.info.get("device", AUTO)
    if device in (AUTO, "cuda"):
        # of several, CUDA gives the first to whoever does not ask
        count = run.info.get("devices")
        return [gpu.device for gpu in gpus[: count if isinstance(count, int) else 1]] or [CPU]
    return [device if device in {gpu.device for gpu in gpus} else CPU]


def plan(entries: Sequence[Entry], machine: Machine, paused: bool = False) -> list[Decision]:
    """Return one decision for each of the entries that wait, given in their order.

    An entry keeps the place that it waits for: what comes after it may go to other places, not overtake it. So one that
    needs much memory is not starved by many that need little.
    """
    busy, ahead = dict(machine.busy), dict.fromkeys([*machine.places, MACHINE], 0)
    decisions = []
    for entry in entries:
        decision, wanted = _decide(entry, machine, busy, ahead, paused)
        for place in decision.places:
            busy[place] = "the entry before it"
        for place in wanted:
            ahead[place] += 1
        decisions.append(decision)
    return decisions


def _decide(
    entry: Entry, machine: Machine, busy: dict[str, str], ahead: dict[str, int], paused: bool
) -> tuple[Decision, list[str]]:
    """Return what becomes of an entry, and the places that it keeps while it waits."""
    if entry.held and not entry.now:
        return Decision((), "held"), []
    candidates, problem = _candidates(entry, machine)
    if problem:
        return Decision((), problem, stuck=True), []
    # processes on the CPU share one place
    count = entry.devices if candidates[0] not in (CPU, MACHINE) else 1
    if entry.now:
        return Decision(_freest(candidates, machine, count), "starts now"), []
    if paused:
        return Decision((), "the queue is paused"), []
    waits = [_waits(entry, place, machine, busy, ahead) for place in candidates]
    free = [place for place, wait in zip(candidates, waits, strict=True) if wait is None]
    if len(free) >= count:
        return Decision(tuple(free[:count]), "starts now"), []
    keeps = machine.places if candidates == [MACHINE] else candidates
    nearest = min((wait for wait in waits if wait), key=lambda each: each[0])[1]
    reason = nearest if count == 1 else f"{nearest} ({len(free)} of {count} GPUs free)"
    return Decision((), reason), [*keeps, MACHINE]


def _candidates(entry: Entry, machine: Machine) -> tuple[list[str], str | None]:
    """Return the places where an entry could ever start, or why there is none."""
    several = entry.devices > 1
    if entry.place in (CPU, MACHINE) or (entry.place == AUTO and not machine.gpus and not several):
        return [MACHINE if entry.place == MACHINE else CPU], None
    wanted = [gpu for gpu in machine.gpus if entry.place in (AUTO, gpu.device)]
    if several and len(wanted) < entry.devices:
        return [], f"needs {entry.devices} GPUs ({_count(len(wanted), 'GPU')} here); remove it and lower devices"
    if not wanted:
        return [], f"{entry.place} is not there ({_count(len(machine.gpus), 'GPU')}); remove it and choose another"
    large = [gpu.device for gpu in wanted if entry.memory is None or gpu.total >= entry.memory]
    if len(large) >= entry.devices:
        return large, None
    if large:
        return [], (
            f"needs {entry.memory:.1f} GiB on {entry.devices} GPUs, only {', '.join(large)} can hold that;"
            " lower --memory or the batch"
        )
    largest = max(gpu.total for gpu in wanted)
    return [], f"needs {entry.memory:.1f} GiB, {entry.place} has {largest:.1f} GiB in all; lower --memory or the batch"


def _waits(
    entry: Entry, place: str, machine: Machine, busy: dict[str, str], ahead: dict[str, int]
) -> tuple[int, str] | None:
    """Return how far away a start at `place` is and what it waits for; None where it can start."""
    if ahead[place]:
        return 10 + ahead[place], f"{_ordinal(ahead[place])} in line"
    if place == MACHINE and busy:
        return 2, f"waits until nothing else works ({next(iter(busy.values()))} does)"
    if study := busy.get(MACHINE):
        return 3, f"waits for the study {study}"
    if run := busy.get(place):
        return 2, f"waits for {place}, {run} works there"
    gpu = next((gpu for gpu in machine.gpus if gpu.device == place), None)
    if gpu and entry.memory is not None and gpu.free < entry.memory:
        return 1, f"waits for {entry.memory:.1f} GiB on {place}, {gpu.free:.1f} GiB free"
    return None


def _freest(candidates: list[str], machine: Machine, count: int) -> tuple[str, ...]:
    free = {gpu.device: (gpu.device not in machine.busy, gpu.free) for gpu in machine.gpus}
    return tuple(sorted(candidates, key=lambda place: free.get(place, (False, 0.0)), reverse=True)[:count])


def _ordinal(before: int) -> str:
    return _ORDINALS[before] if before < len(_ORDINALS) else f"number {before + 1}"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
