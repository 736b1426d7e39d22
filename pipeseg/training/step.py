"""One optimizer step: forward, backward, update. The only place where a network learns."""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeseg.data.loading import Batch
from pipeseg.errors import RunFailed, first_line
from pipeseg.schema import TrainConfig
from pipeseg.training.boxes import BoxConstraints, own_channel, projection_loss
from pipeseg.training.device import Hardware
from pipeseg.training.memory import describe_memory, is_out_of_memory
from pipeseg.training.optim import AveragedWeights, build_optimizer

if TYPE_CHECKING:
    from pipeseg.training.distributed import Exchange

SMALLER = "at once, gradients are added up to the same batch"


class Learner:
    """Moves the weights of a network by one batch at a time; nothing in a step waits for the device.

    Attributes:
        micro: pictures at once on the device; halved when memory runs out and the config leaves the choice to us.
        shrunk: memory has run out before.
        loss_sum: sum of the batches' mean losses since `take_loss`, on the device.
        exchange: makes one step of the parts that several ranks have of a batch; None where the batch is whole.
    """

    def __init__(
        self,
        config: TrainConfig,
        hardware: Hardware,
        model: nn.Module,
        criterion: nn.Module,
        warn: Callable[[str], None],
        exchange: "Exchange | None" = None,
    ):
        self.config, self.hardware, self.model, self.criterion = config, hardware, model, criterion
        self.optimizer = build_optimizer(config, model)
        self.scaler = torch.amp.GradScaler(hardware.device.type, enabled=hardware.dtype == torch.float16)
        self.average = AveragedWeights(model, config.ema_decay) if config.ema_decay else None
        self.boxes = BoxConstraints(config.boxes, self.scored_model) if config.boxes else None
        self.micro, self.shrunk = config.first_micro_batch, False
        self.loss_sum = torch.zeros((), device=hardware.device)
        self.batches = 0
        self.exchange = exchange
        self._warn = warn
        # the compiled twin shares the weights, and the plain one keeps their names in checkpoints
        self._forward = torch.compile(model) if config.compile else model

    @property
    def scored_model(self) -> nn.Module:
        """The weights that are scored and kept as the best."""
        return self.average.model if self.average else self.model

    def learn(self, batch: Batch, rate: float, done: float = 1.0) -> None:
        """Do one optimizer step; micro-batches add up to the gradient of the whole batch.

        Args:
            batch: outputs of the network that `batch.channel` does not name learn nothing.
            rate: learning rate of this step.
            done: share of the training that lies behind, in [0, 1]; what boxes teach grows with it.

        Raises:
            RunFailed: torch.compile does not work here, or memory ran out; with `batch_size: auto` or
                `micro_batch: auto` not before one picture at a time.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        while (loss := self._try(batch, done)) is None:
            pass
        if self.exchange:
            loss = self.exchange.average(loss)
        if self.config.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update()
        self.loss_sum += loss
        self.batches += 1

    def _try(self, batch: Batch, done: float) -> Tensor | None:
        """Return what `_backward` does; None where memory ran out, and less at once may do."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = None
        try:
            loss = self._backward(batch, done)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                self._blame_compiler(error)
                raise
        if loss is None:
            # out of the handler: until its end the error holds on to the step's tensors
            self._shrink(len(batch.images))
        if self.exchange and self.config.shrinks_micro_batch:
            smallest = self.exchange.smallest(self.micro)
            if smallest < self.micro:
                self.micro, self.shrunk, loss = smallest, True, None
                self._warn(f"no memory on another rank; goes on with {smallest} {SMALLER}")
        return loss

    def _backward(self, batch: Batch, done: float) -> Tensor:
        """Leave the gradient of the batch in the weights and return its mean loss, detached."""
        total = torch.zeros_like(self.loss_sum)
        device = self.hardware.device
        for some in batch.split(self.micro):
            target = some.target.to(device, non_blocking=True)
            weight = some.weight.to(device, non_blocking=True) if some.weight.numel() else None
            images = self.hardware.to_input(some.images)
            if self.boxes:
                images, target, weight, reached = self.boxes.prepare(images, target, weight, some, self.hardware, done)
            with self.hardware.autocast():
                logits = self._forward(images)
            logits = own_channel(logits, some.channel).float()
            loss = self.criterion(logits, target, weight)
            if self.boxes and self.boxes.config.projection:
                loss = loss + self.boxes.config.projection * projection_loss(logits, reached)
            # a loss is the mean over its pictures
            loss = loss * (len(some.images) / len(batch.images))
            self.scaler.scale(loss).backward()
            total += loss.detach()
        return total

    def _blame_compiler(self, error: Exception) -> None:
        # dynamo's and inductor's errors have no public base class
        if self.config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise RunFailed(
                f"compile: torch.compile cannot be used here ({first_line(error)}); set compile: false"
            ) from error

    def _shrink(self, batch: int) -> None:
        at_once = min(self.micro, batch)
        numbers = describe_memory(self.hardware.device)
        where = f"out of memory on {self.hardware.describe()} with {at_once} at once ({numbers})"
        if not self.config.shrinks_micro_batch or at_once == 1:
            mend = "lower image_size" if at_once == 1 else "lower micro_batch or image_size, or set micro_batch: auto"
            raise RunFailed(f"{where}; {mend}")
        self.micro, self.shrunk = at_once // 2, True
        self.optimizer.zero_grad(set_to_none=True)
        # a graph that broke off in the middle may hold on to itself
        gc.collect()
        if self.hardware.device.type == "cuda":
            torch.cuda.empty_cache()
        self._warn(f"{where}; goes on with {self.micro} {SMALLER}")

    def take_loss(self) -> float | None:
        """Return the mean loss of the batches since the last call, None where there was none; waits for the device."""
        if not self.batches:
            return None
        loss = self.loss_sum.item() / self.batches
        self.loss_sum.zero_()
        self.batches = 0
        return loss

    def state(self) -> dict[str, Any]:
        """Everything beside the weights that decides what the next step does."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state() if self.average else None,
            "loss_sum": self.loss_sum,
            "batches": self.batches,
            "micro": self.micro,
            "shrunk": self.shrunk,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.restore(state["average"])
        self.loss_sum.copy_(state["loss_sum"])
        self.batches, self.micro, self.shrunk = state["batches"], state["micro"], state["shrunk"]
