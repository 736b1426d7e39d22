"""The hardware of a run: device, number format, seeds."""

import os
import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeseg.errors import BadInput

# the encoders of segmentation-models-pytorch were trained on pictures normalised with these (ImageNet)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def seed_everything(seed: int, *, deterministic: bool = True) -> None:
    """Seed every generator; call before a network is built.

    Args:
        deterministic: ask for repeatable kernels; else cuDNN tries which are the fastest for the run's sizes.
    """
    # read by cuBLAS when its first handle is made
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # warn only: a few upsampling kernels have no deterministic twin on CUDA
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not deterministic


def generator_states() -> dict[str, Any]:
    """Return where every generator stands, in tensors, numbers, lists and tuples."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_generators(states: dict[str, Any]) -> None:
    """Put every generator where `generator_states` found it; those of GPUs that are not here are left out."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    for index, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, index)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where and in which number format a network runs."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def choose(cls, device: str, precision: str, devices: int = 1) -> "Hardware":
        """Resolve `auto`: CUDA, then MPS, then CPU; bfloat16 where the device computes it natively.

        Args:
            devices: how many of its kind share a training, GPUs where `device` does not say cpu; it is the first.

        Raises:
            BadInput: the device asked for is not there, or fewer of them than asked for.
        """
        if devices > 1 and device != "cpu":
            if torch.cuda.device_count() < devices:
                raise BadInput(
                    f"devices: {devices} are not there ({torch.cuda.device_count()} CUDA devices);"
                    " lower devices, or set device: cpu"
                )
            device = "cuda:0"
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        chosen = torch.device(device)
        if chosen.type == "cuda" and (
            not torch.cuda.is_available() or (chosen.index or 0) >= torch.cuda.device_count()
        ):
            raise BadInput(
                f"device: {device!r} is not there ({torch.cuda.device_count()} CUDA devices); set device: auto or cpu"
            )
        if chosen.type == "mps" and not torch.backends.mps.is_available():
            raise BadInput("device: 'mps' is not there; set device: auto or cpu")
        if chosen.type == "cpu":
            _leave_a_core(devices)
        if precision == "auto":
            return cls(chosen, torch.bfloat16 if _native_bfloat16(chosen) else torch.float32)
        if precision == "float16" and chosen.type != "cuda":
            raise BadInput(f"precision: float16 needs a CUDA device, not {chosen.type}; set precision: auto")
        return cls(chosen, getattr(torch, precision))

    def autocast(self) -> AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def to_input(self, images: Tensor) -> Tensor:
        """Send uint8 (N, 3, H, W) to the device and normalise there: a quarter of the bytes on the bus."""
        images = images.to(self.device, non_blocking=True).to(memory_format=torch.channels_last, dtype=torch.float32)
        mean, std = _normalisation(self.device)
        # in place: nobody else has what was made of whole numbers
        return images.sub_(mean).div_(std)

    def describe(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"


def _leave_a_core(processes: int) -> None:
    """Keep one core free for loader, uploader and dashboard, and share the others; OMP_NUM_THREADS says otherwise.

    OpenMP's threads wait for the slowest by spinning. Measured on 2 cores, small U-Net, ms a step with 2 threads and
    with 1: 158 and 177 on an idle machine, 700 and 200 beside one busy process.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (_threads_at_first() - 1) // processes))


@cache
def _threads_at_first() -> int:
    return torch.get_num_threads()


@cache
def keep_memory() -> None:
    """Have the C library keep the memory of one batch, or of one picture, for the next; for inference.

    glibc gives large blocks back to the kernel when they are freed, and gets them again page by page, unless a larger
    one was freed before; 32 MiB is the most that counts (mallopt(3), M_MMAP_THRESHOLD). Measured, ms a picture: 1.81
    and 1.23 for a small U-Net in batches of 64, 4.2 and 1.0 for refining a mask of 720x576. Not for training: where
    memory ran out, what is kept is in pieces that smaller micro-batches do not fit into. Other systems have rules of
    their own.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


@cache
def _normalisation(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of 0..255 pixels, (1, 3, 1, 1); made once, because a copy to a GPU makes the step wait."""
    with torch.inference_mode(False):  # the first caller may be a scoring, the next one trains
        mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (MEAN, STD))
    return mean, std


def _native_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # emulated bfloat16 on a CPU is several times slower than float32
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and native is not None and native()


def default_workers(device: torch.device, devices: int = 1) -> int:
    """Loader processes of one of `devices`: none beside a CPU that trains, else its share of what there is to spare."""
    return 0 if device.type == "cpu" else min(8, max(1, ((os.cpu_count() or 1) - 1) // devices))
