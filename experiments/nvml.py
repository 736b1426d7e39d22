"""What the NVIDIA driver says of its cards, through NVML; nothing at all where there is no driver or no card.

The only place that talks to NVML: cards, memory and processes are asked for here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# a poll costs milliseconds; several askers within this time share one
TTL_SECONDS = 0.9
# without a driver nobody asks again before this; one that was just installed needs no restart
RETRY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card at one moment; None where it does not tell.

    Attributes:
        index: as the driver counts, by slot; CUDA may count otherwise, `uuid` means the same to both.
        utilisation: share of the last moment in which it worked, in [0, 1].
        memory_used, memory_total: bytes.
        temperature: degrees Celsius.
        power: watts.
        pids: processes that compute on it; as the host of a container counts them, not the container.
    """

    index: int
    uuid: str
    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    utilisation: float | None = None
    temperature: int | None = None
    power: float | None = None
    pids: frozenset[int] = frozenset()

    @property
    def memory_free(self) -> int | None:
        """Bytes that a new process could take."""
        if self.memory_total is None or self.memory_used is None:
            return None
        return self.memory_total - self.memory_used


class Nvml:
    """Keeps the driver's library open between two looks and remembers the last answer for a moment.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._gpus: tuple[Gpu, ...] = ()
        self._next = float("-inf")

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the cards as they are now, at most `TTL_SECONDS` old; () without a driver. Never raises."""
        with self._lock:
            now = self._clock()
            if now >= self._next:
                self._gpus = self._ask()
                self._next = now + (TTL_SECONDS if self._open else RETRY_SECONDS)
            return self._gpus

    def driver_version(self) -> str | None:
        """Return the version of the driver, None where there is none."""
        if not self.gpus():
            return None
        import pynvml

        version = _told(pynvml.nvmlSystemGetDriverVersion)
        return None if version is None else _text(version)

    def _ask(self) -> tuple[Gpu, ...]:
        try:
            import pynvml
        except ImportError:
            return ()
        try:
            if not self._open:
                pynvml.nvmlInit()
                self._open = True
            return tuple(_read(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
        except pynvml.NVMLError:  # no driver, no card, or the driver was changed under us
            self._open = False
            return ()


def _read(pynvml: Any, index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _told(pynvml.nvmlDeviceGetUtilizationRates, handle)
    milliwatts = _told(pynvml.nvmlDeviceGetPowerUsage, handle)
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        memory_used=memory.used if memory else None,
        memory_total=memory.total if memory else None,
        utilisation=rates.gpu / 100 if rates else None,
        temperature=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if milliwatts is None else milliwatts / 1000,
        pids=frozenset(process.pid for process in _told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()),
    )


def _told(ask: Callable[..., Any], *arguments: Any) -> Any:
    """Ask one thing; None where this card does not tell it (a slice of a card has no utilisation)."""
    import pynvml

    try:
        return ask(*arguments)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


nvml = Nvml()
