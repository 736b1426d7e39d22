"""The GPUs of this machine with their free memory, as the driver tells it, and how much of it a run will need."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.sweep_devices import list_devices
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from pipeseg.schema import Config

GIB = 2**30
# of run.json, GiB; written by the training
PEAK_KEY = "gpu_memory_peak"
# what CUDA itself takes beside a training's tensors
CONTEXT_GIB = 0.5
# of a training, per pixel of a batch: about what a U-Net with a resnet34 takes in float32
GUESS_BYTES_PER_PIXEL = 3 << 10
GUESS_GIB = 1.0
GUESS_REFINE_GIB = 4.0
_ALIKE = ("image_size", "model", "batch_size", "micro_batch", "precision", "refiner")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU that this process may use.

    Attributes:
        index: N of `cuda:N`.
        name: what `CUDA_VISIBLE_DEVICES` calls it.
        model: what its maker calls it.
        free, total: memory, GiB.
    """

    index: int
    name: str
    model: str
    free: float
    total: float

    @property
    def device(self) -> str:
        return f"cuda:{self.index}"


def read_gpus(environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """Return the GPUs that a run may use, in the order of `cuda:N`; [] without a driver."""
    names = list_devices(environment)
    if not names:
        return []
    import pynvml

    try:
        with _driver():
            return [_read(pynvml, index, name) for index, name in enumerate(names)]
    except pynvml.NVMLError:  # no driver, or a name that it does not know: nothing can be told
        return []


@contextlib.contextmanager
def _driver() -> Iterator[None]:
    import pynvml

    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _read(pynvml: Any, index: int, name: str) -> Gpu:
    if name.isdecimal():
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(name))
    else:
        handle = pynvml.nvmlDeviceGetHandleByUUID(name.encode())
    memory, model = pynvml.nvmlDeviceGetMemoryInfo(handle), pynvml.nvmlDeviceGetName(handle)
    model = model.decode() if isinstance(model, bytes) else model
    return Gpu(index, name, model, memory.free / GIB, memory.total / GIB)


def memory_needed(settings: Settings, experiment: str, config: "Config") -> tuple[float, str] | None:
    """Return how much memory a run will need on each of its GPUs, GiB, and how that is known; None where it has none.

    The last run of this experiment with the same network, size and batch says it; without one it is guessed.
    """
    from pipeseg.schema import RefineConfig, TrainConfig

    if not isinstance(config, TrainConfig | RefineConfig) or config.device in ("cpu", "mps"):
        return None
    if known := _of_last_run(settings, experiment, config):
        return known
    if isinstance(config, RefineConfig):
        return GUESS_REFINE_GIB, "a guess"
    height, width = config.image_size
    pixels = height * width * config.first_micro_batch
    return round(GUESS_GIB + pixels * GUESS_BYTES_PER_PIXEL / GIB, 1), "a guess from image_size and batch_size"


def _of_last_run(settings: Settings, experiment: str, config: "Config") -> tuple[float, str] | None:
    from experiments.runs import list_runs
    from pipeseg.config import ConfigError, read_yaml

    wanted = config.model_dump(mode="json")
    for run in list_runs(settings):
        peak = run.info.get(PEAK_KEY)
        if run.experiment != experiment or not isinstance(peak, int | float):
            continue
        try:
            values = read_yaml(run.directory.config_file)
        except ConfigError:
            continue
        # a config that does not say it is of one
        same_share = values.get("devices", 1) == wanted.get("devices", 1)
        if same_share and all(values.get(key) == wanted.get(key) for key in _ALIKE):
            return round(peak + CONTEXT_GIB, 1), f"the peak of {run.run_id}"
    return None
