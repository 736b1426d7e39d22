"""Boxes as constraints: what a picture teaches that nobody drew, whose defect lies somewhere inside its boxes.

Outside of the boxes is background for certain. Inside, the refined mask is a guess that the network's own moving
average takes over while it gets better (mean teacher, Tarvainen & Valpola 2017): the average sees the picture as it is,
the network a changed one (weak and strong view, Sohn et al. 2020). And a box that reaches from row to row has some
defect in each of them (tightness prior: Lempitsky et al. 2009; projection: Tian et al. 2021, "BoxInst").
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.data.loading import DEFECT_LEVEL, Batch
from pipeseg.schema import BoxesConfig
from pipeseg.training.device import Hardware

INSIDE = DEFECT_LEVEL / 255
# boxes are drawn loosely: rows and columns so near to a box's end, as a share of the picture's side, need no defect
LOOSE = 0.04
# how much a strong view differs: contrast by this share, light and noise in standard deviations of ImageNet's pictures
CONTRAST, LIGHT, NOISE = 0.4, 0.4, 0.2


class BoxConstraints:
    """Turns a batch of a hybrid dataset into what the network learns from it.

    Attributes:
        teacher: network with averaged weights, in eval mode; needed where `config.mean_teacher` is above 0.
    """

    def __init__(self, config: BoxesConfig, teacher: nn.Module):
        self.config, self.teacher = config, teacher

    def prepare(
        self, images: Tensor, target: Tensor, weight: Tensor | None, batch: Batch, hardware: Hardware, done: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return (images, target, weight, reached) of a batch; hand-drawn pictures are as they were.

        Args:
            images: float32 (N, 3, H, W), normalised, on the device, as is `target`, float32 (N, 1, H, W) in [0, 1].
            weight: float32 (N, 1, H, W) in [0, 1]; None is 1 everywhere.
            batch: gives boxes, channels and who drew the masks.
            done: share of the training that lies behind, in [0, 1].

        Returns:
            `reached`, bool (N, 1, H, W), are the insides of boxes that `projection_loss` insists on.
        """
        config, device = self.config, images.device
        by_hand = batch.by_hand.to(device, non_blocking=True)[:, None, None, None]
        inside = (batch.boxes.to(device, non_blocking=True) >= INSIDE) & ~by_hand
        outside = ~inside & ~by_hand
        weight = torch.ones_like(target) if weight is None else weight
        # a box without weight is taken as false by whoever refined it
        reached = inside & (weight > 0)
        target = target.masked_fill(outside, 0.0)
        weight = weight.masked_fill(outside, 1.0)
        share = config.mean_teacher * ramp_up(done / config.ramp_up)
        if share > 0:
            with torch.no_grad(), hardware.autocast():
                logits = self.teacher(images)
            believed = torch.sigmoid(own_channel(logits, batch.channel).float())
            target = torch.where(inside, torch.lerp(target, believed, share), target)
            weight = torch.where(inside, torch.lerp(weight, (2 * believed - 1).abs(), share), weight)
            if config.strong_views:
                images = torch.where(by_hand, images, strong_view(images))
        return images, target, weight, reached


def own_channel(logits: Tensor, channel: Tensor) -> Tensor:
    """Keep the output of each picture's class: (N, C, H, W) -> (N, 1, H, W)."""
    if logits.shape[1] == 1:
        return logits
    rows = torch.arange(len(logits), device=logits.device)
    return logits[rows, channel.to(logits.device, non_blocking=True)][:, None]


def ramp_up(done: float) -> float:
    """Return exp(-5 (1 - t)^2), from nearly 0 at t = 0 to 1 at t = 1 and after (Laine & Aila 2017)."""
    return math.exp(-5 * (1 - min(done, 1.0)) ** 2)


def strong_view(images: Tensor) -> Tensor:
    """Change light, contrast and noise of normalised pictures (N, 3, H, W), each its own way; nothing moves."""
    shape = (len(images), 1, 1, 1)
    contrast, light, noise = (torch.rand(shape, device=images.device) for _ in range(3))
    mean = images.mean((1, 2, 3), keepdim=True)
    changed = (images - mean) * (1 + CONTRAST * (2 * contrast - 1)) + mean + LIGHT * (2 * light - 1)
    return changed + NOISE * noise * torch.randn_like(images)


def projection_loss(logits: Tensor, reached: Tensor) -> Tensor:
    """Mean cross-entropy of "every row and column well inside a box holds some defect"; 0 where there is no box.

    Args:
        logits: float32 (N, 1, H, W).
        reached: bool (N, 1, H, W), the insides of boxes.
    """
    lowest = torch.finfo(logits.dtype).min
    hidden = logits.masked_fill(~reached, lowest)
    losses, counts = [], []
    for side in (2, 3):
        crossed = reached.any(side).to(logits.dtype)
        loose = round(LOOSE * crossed.shape[-1])
        # erosion: what is left of a run when its ends are cut off; beyond the picture's edge there is no box
        certain = 1 - functional.max_pool1d(functional.pad(1 - crossed, (loose, loose), value=1.0), 2 * loose + 1, 1)
        # softplus(-z) = -log sigmoid(z); rows without a box are multiplied by 0 and must stay finite
        losses.append((certain * functional.softplus(-hidden.amax(side).clamp_min(-80.0))).sum())
        counts.append(certain.sum())
    return sum(losses) / sum(counts).clamp_min(1.0)
