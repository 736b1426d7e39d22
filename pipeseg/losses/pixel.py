"""Losses that are a mean over pixels: cross-entropy and its weighted forms.

Weights follow from the target alone and multiply the whole term of a pixel, so that p = t stays the smallest for soft
targets. torch's `pos_weight` multiplies one half of the term only, which for t = 0.5 and a weight of 3 teaches 0.75.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pipeseg.errors import BadInput
from pipeseg.losses.common import Loss, check_number, check_spelling, picture_mean


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


class BCELoss(Loss):
    """Binary cross-entropy on logits.

    Args:
        pos_weight: how much a defect pixel counts beside one of background, in proportion for a soft one.
    """

    def __init__(self, pos_weight: float = 1.0, reduction: str = "mean"):
        super().__init__()
        check_spelling(reduction=reduction)
        self.pos_weight = check_number("pos_weight", pos_weight, above=True)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        balance = 1 + (self.pos_weight - 1) * target
        return picture_mean(balance * _cross_entropy(logits, target), weight)


class WeightedCrossEntropyLoss(Loss):
    """Cross-entropy with one weight for background and one for defect.

    Args:
        background_weight, object_weight: factors at t = 0 and t = 1, in between for soft targets.
    """

    def __init__(self, background_weight: float = 0.1, object_weight: float = 1.0, reduction: str = "mean"):
        super().__init__()
        check_spelling(reduction=reduction)
        self.background_weight = check_number("background_weight", background_weight, above=True)
        self.object_weight = check_number("object_weight", object_weight, above=True)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        balance = self.background_weight + (self.object_weight - self.background_weight) * target
        return picture_mean(balance * _cross_entropy(logits, target), weight)


class BBoxAwareLoss(Loss):
    """Cross-entropy that trusts a box mask least along its border, where a box says least about the defect.

    The border is how much the target changes within `kernel` pixels (dilation less erosion): all of it at the edge of a
    filled box, little where a soft mask fades. Soft masks are not cut, and no guess is made what kind of mask it is.

    Args:
        edge_weight: weight of a border pixel, [0, 1]; 1 is `BCELoss`.
        kernel: width of the window in pixels at network size, odd.
    """

    def __init__(self, edge_weight: float = 0.1, kernel: int = 5, reduction: str = "mean"):
        super().__init__()
        check_spelling(reduction=reduction)
        # at 0 nothing at all would be said about the border
        self.edge_weight = check_number("edge_weight", edge_weight, 0, 1, above=True)
        if isinstance(kernel, bool) or not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            raise BadInput(f"criterion.args.kernel: must be an odd whole number (got {kernel!r})")
        self.kernel = kernel

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        around = {"kernel_size": self.kernel, "stride": 1, "padding": self.kernel // 2}
        border = functional.max_pool2d(target, **around) + functional.max_pool2d(-target, **around)
        trust = 1 - (1 - self.edge_weight) * border
        return picture_mean(trust * _cross_entropy(logits, target), weight)


class FocalLoss(Loss):
    """|t - p|^gamma times cross-entropy: pixels that go well count less.

    The quality focal loss of Li et al. 2020 (eq. 3), which for hard targets is the focal loss of Lin et al. 2017;
    segmentation-models-pytorch's uses p_t = p t + (1 - p)(1 - t), which is not smallest at a soft t.

    Args:
        gamma: 0 is cross-entropy.
        alpha: weight of defect, 1 - alpha of background; null = no balancing.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | None = None,
        mode: str = "binary",
        from_logits: bool = True,
        reduction: str = "mean",
    ):
        super().__init__()
        check_spelling(mode, from_logits, reduction)
        self.gamma = check_number("gamma", gamma)
        self.alpha = None if alpha is None else check_number("alpha", alpha, 0, 1)
        if self.alpha in (0, 1):
            raise BadInput(f"criterion.args.alpha: must lie between 0 and 1, or be null (got {alpha!r})")

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        # a power below 1 is infinitely steep at 0
        distance = (target - torch.sigmoid(logits)).abs().clamp_min(1e-6)
        loss = distance**self.gamma * _cross_entropy(logits, target)
        if self.alpha is not None:
            loss = loss * (self.alpha * target + (1 - self.alpha) * (1 - target))
        return picture_mean(loss, weight)
