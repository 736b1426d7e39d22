"""How weights move: optimizer, learning rate over the steps, averaged weights."""

import math
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from pipeseg.errors import BadInput
from pipeseg.schema import TrainConfig


def build_optimizer(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimizer over the weights that learn; biases and norm layers are not decayed.

    Raises:
        BadInput: an argument that the optimizer does not take.
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # decay pulls towards zero what multiplies; a bias or a norm's scale of one dimension has no reason to be small
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = getattr(torch.optim, config.optimizer.name)
    try:
        return kind(groups, lr=config.learning_rate, **config.optimizer.args)
    except (TypeError, ValueError) as error:
        raise BadInput(f"optimizer.args: {config.optimizer.name}: {str(error).split('()')[-1].strip()}") from error


def learning_rate(config: TrainConfig, step: int, total: int) -> float:
    """Return the rate of optimizer step `step` (from 0) of `total`: a line up in `warmup_steps`, then the schedule.

    A function of the step alone, so that a run that goes on needs no scheduler's memory. `cosine` is half a period
    (Loshchilov & Hutter 2017, without restarts), `poly` has the power 0.9 of the DeepLab papers; both end at 0.
    """
    peak, warmup = config.learning_rate, min(config.warmup_steps, total - 1)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, total - warmup)
    match config.schedule:
        case "constant":
            return peak
        case "cosine":
            return peak * (1 + math.cos(math.pi * done)) / 2
        case "linear":
            return peak * (1 - done)
        case "poly":
            return peak * (1 - done) ** 0.9


class AveragedWeights:
    """An exponential moving average of a network's weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017).

    The first steps are averaged over fewer of them, else the random start would stay in the average for 1/(1-decay)
    steps. Own code beside `torch.optim.swa_utils.AveragedModel`, because that one copies its counter to the device at
    every step.

    Attributes:
        model: the network with the averaged weights, in eval mode for good.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.steps = 0
        self.model = deepcopy(model).eval().requires_grad_(False)
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        # the tensors stay the same objects for the whole run: optimizer and load_state_dict write into them
        self._mixed = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after one more optimizer step into the average; counters are copied."""
        self.steps += 1
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_([mine for mine, _ in self._mixed], [its for _, its in self._mixed], weight)
        for mine, its in self._copied:
            mine.copy_(its)

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "weights": self.model.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        self.model.load_state_dict(state["weights"])


def _tensors(model: nn.Module) -> list[torch.Tensor]:
    return [*(parameter.detach() for parameter in model.parameters()), *model.buffers()]
