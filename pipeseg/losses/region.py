"""Losses on the overlap of two regions.

They use the L1 form of the overlap, min(p, t) summed, because it alone is smallest at p = t for soft targets (Wang et
al. 2023, "Jaccard Metric Losses", arXiv 2302.05666); segmentation-models-pytorch's product p t is not.

A picture without truth has no overlap to gain. There the loss is the mean probability: the usual way out, `smooth`
pixels of invented overlap, leaves a gradient that falls with the square of the picture's area, and
segmentation-models-pytorch's versions drop such pictures.
"""

import torch
from torch import Tensor

from pipeseg.losses.common import TINY, Loss, check_number, check_spelling


class TverskyLoss(Loss):
    """1 - TP / (TP + alpha FP + beta FN) (Salehi et al. 2017).

    Args:
        alpha, beta: weights of false positives and of false negatives.
        smooth: pixels, added above and below; damps pictures with a small defect.
        mode, from_logits: only `binary` and `True`, as in the original's config; anything else is refused.
    """

    def __init__(
        self, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, mode: str = "binary", from_logits: bool = True
    ):
        super().__init__()
        check_spelling(mode, from_logits)
        self.alpha, self.beta = check_number("alpha", alpha), check_number("beta", beta)
        self.smooth = check_number("smooth", smooth)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        probability, target, weight = torch.sigmoid(logits).flatten(1), target.flatten(1), weight.flatten(1)
        truth = (weight * target).sum(1)
        true_positive = (weight * torch.minimum(probability, target)).sum(1)
        false_positive = (weight * probability).sum(1) - true_positive
        below = true_positive + self.alpha * false_positive + self.beta * (truth - true_positive) + self.smooth
        loss = 1 - (true_positive + self.smooth) / below.clamp_min(TINY)
        return torch.where(truth > 0, loss, false_positive / weight.sum(1).clamp_min(TINY))


class DiceLoss(TverskyLoss):
    """1 - Dice: Tversky with both weights at one half."""

    def __init__(self, smooth: float = 1.0, mode: str = "binary", from_logits: bool = True):
        super().__init__(0.5, 0.5, smooth, mode, from_logits)


class JaccardLoss(TverskyLoss):
    """1 - IoU: Tversky with both weights at one, sum of min(p, t) over sum of max(p, t)."""

    def __init__(self, smooth: float = 1.0, mode: str = "binary", from_logits: bool = True):
        super().__init__(1.0, 1.0, smooth, mode, from_logits)


class FocalTverskyLoss(TverskyLoss):
    """Tversky loss to the power 1 / gamma: pictures that go well count less (Abraham & Khan 2019, eq. 4).

    Args:
        gamma: 1 is `TverskyLoss`; the paper takes 4/3, and 0.7 and 0.3 as weights of false negatives and positives.
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 4 / 3,
        smooth: float = 1.0,
        mode: str = "binary",
        from_logits: bool = True,
    ):
        super().__init__(alpha, beta, smooth, mode, from_logits)
        self.gamma = check_number("gamma", gamma, low=1)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        # the root is infinitely steep at 0
        return super().per_picture(logits, target, weight).clamp_min(1e-6) ** (1 / self.gamma)
