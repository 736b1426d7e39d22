"""What the ranks of one training do together: one process per device, each with its part of every batch.

The gradients of a step go through one flat buffer and one `all_reduce`. `DistributedDataParallel` does that within the
backward pass: where one rank runs out of memory there and does its part again in smaller ones, the others have gone on,
and its gradients meet those of their next step. accelerate wraps the same class, and adds 0.2 to 0.5 s to every start.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn

# nobody waits for a rank while the run is paused or scored, see `pipeseg.training.ranks`, and one that dies is seen at
# once; within a step one may be slow, or stopped by Ctrl-Z
PATIENCE = timedelta(days=1)
LOOPBACK = "127.0.0.1"
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class RankLost(RuntimeError):
    """Another rank does not answer any more; which one and why, rank 0 finds out."""


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed what dropout and strong views draw in a step: a rank needs no memory of it to go on where it was."""
    (mixed,) = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(mixed))


class Exchange:
    """Makes one of what each rank has found in its part of a batch; its methods wait for all ranks.

    It holds its connections itself: in `torch.distributed`'s table of groups, one that broke off while ranks were
    joining would stand in the way of the next.

    Raises:
        RankLost: by every method that waits.
    """

    def __init__(self, model: nn.Module, ranks: int, device: torch.device):
        self.model, self.ranks, self.device = model, ranks, device
        self._norms = [each for each in model.modules() if isinstance(each, _NORMS) and each.track_running_stats]
        # of CPU tensors, and of those on the device
        self._host: Any = None
        self._card: Any = None

    def join(self, store: Path, rank: int) -> None:
        """Connect to all ranks: CPUs by gloo over the loopback, GPUs by NCCL.

        Args:
            store: file by which the ranks find each other; not there yet, or made by another of them.
        """
        # else the address that the host's name resolves to, if it does: a network that comes and goes
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _loopback())
        # else NCCL ends the process when a rank is lost; rank 0 has to say which
        os.environ.setdefault("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0")
        files = dist.FileStore(str(store), self.ranks)
        with _telling_of_lost():
            card = host = dist.ProcessGroupGloo(dist.PrefixStore("host", files), rank, self.ranks, timeout=PATIENCE)
            # Windows has no NCCL: there gloo takes the tensors of GPUs through the CPU
            if self.device.type == "cuda" and dist.is_nccl_available():
                card = dist.ProcessGroupNCCL(dist.PrefixStore("card", files), rank, self.ranks, timeout=PATIENCE)
        self._host, self._card = host, card

    @torch.no_grad()
    def hand_out(self) -> None:
        """Give every rank the weights and statistics of rank 0."""
        with _telling_of_lost():
            for tensor in [*self.model.parameters(), *self.model.buffers()]:
                whole = tensor.contiguous()
                self._card.broadcast(whole, 0).wait()
                tensor.copy_(whole)

    @torch.no_grad()
    def average(self, loss: Tensor) -> Tensor:
        """Replace every gradient by its mean over the ranks; return that of the loss.

        Parts are equal, so means of means are means over the batch. Which weights have a gradient follows from the
        network and is the same everywhere. The statistics that BatchNorm keeps for scoring become means as well, so
        that they are of all pictures, and every rank goes on with the same.
        """
        tensors = [each.grad for each in self.model.parameters() if each.grad is not None]
        for norm in self._norms:
            # a frozen one stays as it is, to the last bit
            if norm.training:
                tensors += [norm.running_mean, norm.running_var]
        flat = torch.cat([tensor.reshape(-1) for tensor in [*tensors, loss]])
        with _telling_of_lost():
            self._card.allreduce([flat]).wait()
        *means, mean_loss = flat.div_(self.ranks).split([*(tensor.numel() for tensor in tensors), 1])
        torch._foreach_copy_(tensors, [mean.view(each.shape) for mean, each in zip(means, tensors, strict=True)])
        return mean_loss[0]

    def smallest(self, micro: int) -> int:
        """Return the smallest of all ranks' micro-batches, in pictures; nothing of it waits for the device."""
        agreed = torch.tensor(micro)
        with _telling_of_lost():
            self._host.allreduce([agreed], dist.ReduceOp.MIN).wait()
        return int(agreed)

    def break_off(self) -> None:
        """Wait for the others no longer, from another thread too: GPUs go on; gloo notices by itself who is gone."""
        if self._card is not self._host and self._card is not None:
            # said where nothing was ever sent from GPU to GPU
            with suppress(RuntimeError):
                self._card.abort()

    def close(self) -> None:
        """Disconnect from the others, there or not."""
        self.break_off()
        # their threads end here: while the interpreter ends, one of them may take the process with it
        self._host = self._card = None


def _loopback() -> str:
    found = psutil.net_if_addrs().items()
    return next(name for name, addresses in found if any(each.address == LOOPBACK for each in addresses))


@contextmanager
def _telling_of_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # torch raises it at any line where a loader process of our own dies
        if str(error).startswith("DataLoader worker"):
            raise
        raise RankLost(f"a rank does not answer: {error}".splitlines()[0]) from error
