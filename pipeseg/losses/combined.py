"""Weighted sums of losses."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pipeseg.errors import BadInput
from pipeseg.losses.common import Loss, check_number
from pipeseg.losses.pixel import BCELoss
from pipeseg.losses.region import DiceLoss
from pipeseg.registry import LOSSES, build


class BCEDiceLoss(Loss):
    """Weighted sum: cross-entropy shapes every pixel, Dice balances small defects against the background."""

    def __init__(self, bce_weight: float = 0.5, smooth: float = 1.0):
        super().__init__()
        self.bce_weight = check_number("bce_weight", bce_weight, 0, 1)
        self.bce, self.dice = BCELoss(), DiceLoss(smooth)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        parts = self.bce.per_picture(logits, target, weight), self.dice.per_picture(logits, target, weight)
        return self.bce_weight * parts[0] + (1 - self.bce_weight) * parts[1]


class CombinedLoss(Loss):
    """The sum of any losses, each times its weight.

    Args:
        losses: `{"name", "weight", "args"}` each, weight 1 and args empty where left out. The config checks names and
            weights before anything starts, see `pipeseg.schema.CriterionConfig`.
    """

    def __init__(self, losses: Sequence[Mapping[str, Any]] = ({"name": "BCELoss"}, {"name": "DiceLoss"})):
        super().__init__()
        self.weights = [float(part.get("weight", 1.0)) for part in losses]
        self.losses = nn.ModuleList(
            _build_part(f"losses.{index}.args", part["name"], part.get("args") or {})
            for index, part in enumerate(losses)
        )
        self.soft_targets = all(loss.soft_targets for loss in self.losses)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        parts = [loss.per_picture(logits, target, weight) for loss in self.losses]
        return sum(factor * part for factor, part in zip(self.weights, parts, strict=True))


def _build_part(key: str, name: str, args: Mapping[str, Any]) -> Loss:
    try:
        return build(LOSSES, name, **args)
    except BadInput as error:
        raise BadInput(str(error).replace("criterion.args", f"criterion.args.{key}", 1)) from error
    except TypeError as error:
        raise BadInput(f"criterion.args.{key}: {name}: {str(error).split('()')[-1].strip()}") from error
