"""What this machine does: its cards, its memory and cores, and what one run takes of them."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.nvml import Gpu, nvml
from experiments.processes import is_alive, this_host
from experiments.sweep_devices import DEVICE_KEY

_CUDA = re.compile(r"cuda(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Host:
    """The whole machine; memory in bytes.

    Attributes:
        cpu: share of all cores that work, in [0, 1]; None at the first look.
    """

    cpu: float | None
    cores: int
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """What the processes of one run take together.

    Attributes:
        cores: how many cores they keep busy; None at the first look.
        memory: bytes; what children share with their parent counts once.
    """

    count: int
    cores: float | None
    memory: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the machine.

    Attributes:
        time: unix seconds.
        gpus: the cards of the run; every card where no run was asked about.
        run: None where no run was asked about, or its processes are not here.
    """

    time: float
    host: Host
    gpus: tuple[Gpu, ...]
    run: ProcessTree | None


class Machine:
    """Looks at the machine again and again: busy cores are measured from one look to the next."""

    def __init__(self) -> None:
        self._processes: dict[Any, Any] = {}
        self._seen_host = False

    def look(self, info: Mapping[str, Any] | None = None, device: str = "auto") -> Reading:
        """Return how things stand.

        Args:
            info: `run.json` of the run that is asked about.
            device: of its config: `auto`, `cpu`, `cuda`, `cuda:1` ...
        """
        tree, pids = self._look_at_run(info) if info else (None, frozenset())
        gpus = nvml.gpus()
        if info is not None:
            count = info.get("devices")
            gpus = gpus_of_run(gpus, pids, info.get(DEVICE_KEY), device, count if isinstance(count, int) else 1)
        return Reading(time.time(), self._look_at_host(), gpus, tree)

    def _look_at_host(self) -> Host:
        import psutil

        # since the last call; the first one has nothing to compare with
        busy = psutil.cpu_percent(interval=None) / 100
        cpu, self._seen_host = (busy if self._seen_host else None), True
        memory = psutil.virtual_memory()
        return Host(cpu, psutil.cpu_count() or 1, memory.total - memory.available, memory.total)

    def _look_at_run(self, info: Mapping[str, Any]) -> tuple[ProcessTree | None, frozenset[int]]:
        import psutil

        pid = info.get("pid")
        if info.get("host") not in (None, this_host()) or not is_alive(pid, info.get("pid_started")):
            return None, frozenset()
        try:
            root = psutil.Process(pid)
            found = [root, *root.children(recursive=True)]
        except psutil.Error:
            return None, frozenset()
        # the same objects as before: psutil measures from one call on an object to the next
        before, self._processes = self._processes, {}
        cores, memory = 0.0, 0
        for process in found:
            process = before.get(process, process)
            try:
                cores += process.cpu_percent() / 100
                used = process.memory_info()
            except psutil.Error:  # it has just ended
                continue
            self._processes[process] = process
            # loader processes are forked: what they share with the training is in memory once
            memory += used.rss - (0 if process == root else getattr(used, "shared", 0))
        tree = ProcessTree(len(self._processes), cores if root in before else None, memory)
        return tree, frozenset(process.pid for process in self._processes)


def gpus_of_run(
    gpus: Sequence[Gpu], pids: frozenset[int], given: str | None, device: str, count: int = 1
) -> tuple[Gpu, ...]:
    """Return the cards that a run works on.

    Those on which its processes compute; where the driver does not know them (in a container), those that it was
    given; else the only one there is.

    Args:
        given: what `CUDA_VISIBLE_DEVICES` was set to for the run: indices or UUIDs.
        device: of its config.
        count: how many of them it takes; several are the first ones.
    """
    if own := tuple(gpu for gpu in gpus if gpu.pids & pids):
        return own
    if given:
        names = [name.strip() for name in given.split(",")]
        return tuple(gpu for gpu in gpus if str(gpu.index) in names or gpu.uuid in names)
    if count > 1 and device != "cpu":
        return tuple(gpus[:count])
    if found := _CUDA.fullmatch(device):
        index = int(found[1] or 0)
        return tuple(gpu for gpu in gpus if gpu.index == index)
    return tuple(gpus) if device == "auto" and len(gpus) == 1 else ()
