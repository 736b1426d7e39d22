"""Out of memory: telling it apart from other errors, and the numbers a person needs to choose a size that fits."""

import torch

GIB = 1 << 30
# as the CPU's allocator, CUDA, MPS and oneDNN say it; the last when not even the code of a convolution finds room
SIGNS = ("DefaultCPUAllocator", "out of memory", "could not create a primitive")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a device or the machine had no memory left; the CPU and MPS raise a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # what a step has put into a sentence already (RunFailed) is not put into another
    return type(error) is RuntimeError and any(sign in str(error) for sign in SIGNS)


def describe_memory(device: torch.device) -> str:
    """Return who holds how much of the memory that `device` computes in, in GiB."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        peak = torch.cuda.max_memory_allocated(device)
        return f"{free / GIB:.1f} of {total / GIB:.1f} GiB free on {device}, this run held {peak / GIB:.1f} at its peak"
    import psutil

    machine, mine = psutil.virtual_memory(), psutil.Process().memory_info().rss
    return f"{machine.available / GIB:.1f} of {machine.total / GIB:.1f} GiB free, this process holds {mine / GIB:.1f}"


def peak_memory(device: torch.device) -> float | None:
    """Return how much of a GPU's memory this process has held at most, in GiB; None for other devices."""
    return round(torch.cuda.max_memory_reserved(device) / GIB, 2) if device.type == "cuda" else None
