"""The Lovasz hinge: a surrogate for IoU that works on sorted errors."""

import torch
from torch import Tensor
from torch.nn import functional

from pipeseg.losses.common import TINY, Loss, check_spelling, picture_mean


class LovaszLoss(Loss):
    """Lovasz hinge per picture (Berman et al. 2018, alg. 1), with pixels of unequal weight.

    For hard targets only: its corners are the 0/1 masks, so a soft target is cut at one half (`soft_targets` is False).
    segmentation-models-pytorch's version knows no weights and goes picture by picture. In a picture without defect the
    plain hinge takes its place: the extension would blame the one worst pixel alone.
    """

    soft_targets = False

    def __init__(self, mode: str = "binary", from_logits: bool = True):
        super().__init__()
        check_spelling(mode, from_logits)

    def per_picture(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        hard = (target >= 0.5).to(logits.dtype)
        errors = functional.relu(1 - logits * (2 * hard - 1))
        plain = picture_mean(errors, weight)
        errors, order = errors.flatten(1).sort(dim=1, descending=True)
        hard, weight = hard.flatten(1).gather(1, order), weight.flatten(1).gather(1, order)
        truth = (hard * weight).sum(1, keepdim=True)
        intersection = truth - (hard * weight).cumsum(1)
        union = truth + ((1 - hard) * weight).cumsum(1)
        jaccard = 1 - intersection / union.clamp_min(TINY)
        # what each error adds to the Jaccard loss of all larger ones
        steps = torch.diff(jaccard, dim=1, prepend=torch.zeros_like(truth))
        return torch.where(truth[:, 0] > 0, (errors * steps).sum(1), plain)
