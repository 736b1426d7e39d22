"""The networks that segmentation-models-pytorch does not have, or not quite as they are needed here."""

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.errors import BadInput


class UNetAttention(smp.Unet):
    """U-Net with one sigmoid gate and Dropout2d on the deepest feature, as in the original workshop.

    Args:
        dropout: share of the deepest channels that a training step drops, [0, 1).
    """

    def __init__(self, encoder_name: str = "resnet34", dropout: float = 0.2, **args: Any):
        super().__init__(encoder_name=encoder_name, **args)
        self.gate = nn.Conv2d(self.encoder.out_channels[-1], 1, kernel_size=1)
        self.drop = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        self.check_input_shape(x)
        *skips, deepest = self.encoder(x)
        deepest = self.drop(deepest * torch.sigmoid(self.gate(deepest)))
        return self.segmentation_head(self.decoder([*skips, deepest]))


class AttentionGate(nn.Module):
    """Additive attention on a skip connection (Oktay et al. 2018, "Attention U-Net", eqs. 1-2).

    alpha = sigmoid(psi(relu(W_x x + W_g g))), per pixel, on the grid of the coarser `g`; then resampled to `x`.

    Args:
        skip, coarse: channels of `x` and of the gating signal `g`.
    """

    def __init__(self, skip: int, coarse: int):
        super().__init__()
        between = max(1, skip // 2)
        self.skip = nn.Conv2d(skip, between, kernel_size=2, stride=2, bias=False)
        self.coarse = nn.Conv2d(coarse, between, kernel_size=1)
        self.psi = nn.Conv2d(between, 1, kernel_size=1)
        # open at first (alpha about 0.95): what a gate closes it has to learn
        nn.init.constant_(self.psi.bias, 3.0)

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        seen = self.skip(skip)
        signal = functional.interpolate(self.coarse(coarse), size=seen.shape[-2:], mode="bilinear", align_corners=False)
        alpha = torch.sigmoid(self.psi(functional.relu(seen + signal)))
        return skip * functional.interpolate(alpha, size=skip.shape[-2:], mode="bilinear", align_corners=False)


class GatedBlock(nn.Module):
    """A block of smp's U-Net decoder whose skip passes a gate first; called like the block itself."""

    def __init__(self, block: nn.Module, gate: AttentionGate):
        super().__init__()
        self.block, self.gate = block, gate

    def forward(self, coarse: Tensor, height: int, width: int, skip_connection: Tensor) -> Tensor:
        return self.block(coarse, height, width, skip_connection=self.gate(skip_connection, coarse))


class AttentionUNet(smp.Unet):
    """Attention U-Net: each skip connection passes an `AttentionGate` that the coarser decoder feature controls."""

    def __init__(self, encoder_name: str = "resnet34", **args: Any):
        super().__init__(encoder_name=encoder_name, **args)
        skips = self.encoder.out_channels[-2:0:-1]
        widths = [self.encoder.out_channels[-1], *(block.conv1[0].out_channels for block in self.decoder.blocks)]
        for index, (skip, coarse) in enumerate(zip(skips, widths, strict=False)):
            # encoders that begin at stride 4 hand over an empty skip at stride 2
            if skip:
                self.decoder.blocks[index] = GatedBlock(self.decoder.blocks[index], AttentionGate(skip, coarse))


class PAN(smp.PAN):
    """smp's PAN, with a sentence instead of a crash for pictures that its pyramid cannot halve three times."""

    def check_input_shape(self, x: Tensor) -> None:
        super().check_input_shape(x)
        smallest = 8 * self.encoder.output_stride
        height, width = x.shape[-2:]
        if min(height, width) < smallest:
            raise BadInput(
                f"image_size: PAN with this encoder needs sides of at least {smallest} (got {[height, width]})"
            )
        if self.training and len(x) == 1 and max(height, width) < 2 * smallest:
            # its smallest feature is one value then, which BatchNorm cannot normalise
            raise BadInput(
                f"image_size: PAN needs a side of {2 * smallest} to learn from one picture at once (got"
                f" {[height, width]}); enlarge it, or micro_batch"
            )


class DPT(smp.DPT):
    """smp's DPT, for any picture size that its patches divide, and with an encoder of a size that trains on one GPU."""

    def __init__(self, encoder_name: str = "tu-vit_small_patch16_224", dynamic_img_size: bool = True, **args: Any):
        if not encoder_name.startswith("tu-"):
            raise ValueError(
                f"DPT needs a vision transformer as encoder_name, e.g. tu-vit_small_patch16_224 (got {encoder_name!r})"
            )
        super().__init__(encoder_name=encoder_name, dynamic_img_size=dynamic_img_size, **args)
