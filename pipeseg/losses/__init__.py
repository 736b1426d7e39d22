"""Losses: `loss(logits, target, weight=None)`, all (N, 1, H, W), target and weight in [0, 1]; mean over pictures.

Each picture counts the same. Within one, `weight` says how much a pixel counts beside the others: 0 leaves it out, and
one value everywhere changes nothing in the pixel losses. Everything is computed in float32 whatever comes in, and
no value is read back from the device.

A loss with `soft_targets` is smallest where the probability is the target, soft or not; the others cut the target at
one half. Pictures without defect push every probability down, in each of them.
"""

from pipeseg.losses.combined import BCEDiceLoss, CombinedLoss
from pipeseg.losses.common import Loss
from pipeseg.losses.lovasz import LovaszLoss
from pipeseg.losses.pixel import BBoxAwareLoss, BCELoss, FocalLoss, WeightedCrossEntropyLoss
from pipeseg.losses.region import DiceLoss, FocalTverskyLoss, JaccardLoss, TverskyLoss

__all__ = [
    "BBoxAwareLoss",
    "BCEDiceLoss",
    "BCELoss",
    "CombinedLoss",
    "DiceLoss",
    "FocalLoss",
    "FocalTverskyLoss",
    "JaccardLoss",
    "Loss",
    "LovaszLoss",
    "TverskyLoss",
    "WeightedCrossEntropyLoss",
]
