"""What the losses share: widening, means over a picture, checks of their arguments."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from pipeseg.errors import BadInput

TINY = 1e-7


class Loss(nn.Module):
    """A loss on logits.

    Attributes:
        soft_targets: whether it is smallest at p = t for every t in [0, 1].
    """

    soft_targets = True

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the scalar mean over pictures of (N, 1, H, W) logits against targets in [0, 1]."""
        logits = logits if logits.dtype == torch.float64 else logits.float()
        target = target.to(logits.dtype)
        weight = torch.ones_like(target) if weight is None else weight.to(logits.dtype)
        return self.per_picture(logits, target, weight).mean()

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return (N,) losses; everything comes in the same float type and shape."""
        raise NotImplementedError


def picture_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean (N,) over each picture of (N, 1, H, W); 0 where every weight is 0."""
    values, weight = values.flatten(1), weight.flatten(1)
    return (values * weight).sum(1) / weight.sum(1).clamp_min(TINY)


def check_number(key: str, value: Any, low: float = 0.0, high: float = math.inf, *, above: bool = False) -> float:
    """Return `value` as a float.

    Args:
        above: refuse `low` itself.

    Raises:
        BadInput: no finite number from `low` to `high`.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
        or (above and value == low)
    ):
        least = f"greater than {low:g}" if above else f"{low:g} or more"
        allowed = least if high == math.inf else f"{least}, at most {high:g}"
        raise BadInput(f"criterion.args.{key}: must be a number, {allowed} (got {value!r})")
    return float(value)


def check_spelling(mode: Any = "binary", from_logits: Any = True, reduction: Any = "mean") -> None:
    """Accept the keys of the original's configs in the one value that they can have here."""
    for key, value, only in (
        ("mode", mode, "binary"),
        ("from_logits", from_logits, True),
        ("reduction", reduction, "mean"),
    ):
        if value != only or isinstance(value, bool) != isinstance(only, bool):
            raise BadInput(f"criterion.args.{key}: only {str(only).lower()} is known (got {value!r}); remove the key")
