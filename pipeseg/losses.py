"""Losses on logits (N, 1, H, W) against soft targets in [0, 1] of the same shape; each returns the mean over pictures.

Region losses use the L1 form of the overlap, min(p, t) summed, because it alone is smallest at p = t for soft targets
(Wang et al. 2023, "Jaccard Metric Losses", arXiv 2302.05666). They are taken per picture, and an empty truth still
gives a gradient through `smooth`: segmentation-models-pytorch's versions drop such pictures.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.errors import BadInput


class TverskyLoss(nn.Module):
    """1 - TP / (TP + alpha FP + beta FN) (Salehi et al. 2017).

    Args:
        alpha, beta: weights of false positives and of false negatives.
        smooth: added above and below; > 0 keeps pictures without defect in the loss.
        mode, from_logits: only `binary` and `True`, as in the original's config; anything else is refused.
    """

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, mode: str = "binary", from_logits: bool = True
    ):
        super().__init__()
        if mode != "binary" or not from_logits:
            raise BadInput("criterion.args: only mode: binary and from_logits: true are known; remove the two keys")
        if alpha < 0 or beta < 0 or smooth < 0:
            raise BadInput("criterion.args: alpha, beta and smooth must not be negative")
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        probability = torch.sigmoid(logits.float()).flatten(1)
        target = target.flatten(1)
        true_positive = torch.minimum(probability, target).sum(1)
        false_positive = probability.sum(1) - true_positive
        false_negative = target.sum(1) - true_positive
        below = true_positive + self.alpha * false_positive + self.beta * false_negative + self.smooth
        return (1 - (true_positive + self.smooth) / below.clamp_min(1e-7)).mean()


class DiceLoss(TverskyLoss):
    """1 - Dice: Tversky with both weights at one half."""

    def __init__(self, smooth: float = 1.0, mode: str = "binary", from_logits: bool = True):
        super().__init__(0.5, 0.5, smooth, mode, from_logits)


class BCELoss(nn.Module):
    """Binary cross-entropy on logits; `pos_weight` multiplies the defect pixels' part."""

    def __init__(self, pos_weight: float = 1.0):
        super().__init__()
        if pos_weight <= 0:
            raise BadInput(f"criterion.args.pos_weight: must be greater than 0 (got {pos_weight})")
        self.pos_weight = pos_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        weight = None if self.pos_weight == 1 else logits.new_tensor(self.pos_weight, dtype=torch.float32)
        return functional.binary_cross_entropy_with_logits(logits.float(), target, pos_weight=weight)


class BCEDiceLoss(nn.Module):
    """Weighted sum: cross-entropy shapes every pixel, Dice balances small defects against the background."""

    def __init__(self, bce_weight: float = 0.5, smooth: float = 1.0):
        super().__init__()
        if not 0 <= bce_weight <= 1:
            raise BadInput(f"criterion.args.bce_weight: must lie in 0..1 (got {bce_weight})")
        self.bce_weight = bce_weight
        self.bce, self.dice = BCELoss(), DiceLoss(smooth)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.bce_weight * self.bce(logits, target) + (1 - self.bce_weight) * self.dice(logits, target)
