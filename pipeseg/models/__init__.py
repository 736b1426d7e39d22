"""Networks, over segmentation-models-pytorch: RGB float (N, 3, H, W), normalised like ImageNet -> logits (N, K, H, W).

Each `build_...` takes `encoder_name`, `encoder_weights`, `freeze_encoder`, `classes` and what its network takes beside
them, and raises `BadInput` as `pipeseg.models.building.build_network` says.
"""

from functools import partial

import segmentation_models_pytorch as smp

from pipeseg.models.architectures import DPT, PAN, AttentionUNet, UNetAttention
from pipeseg.models.building import build_network, check_size

build_unet = partial(build_network, smp.Unet)
build_unet_attention = partial(build_network, UNetAttention)
build_attention_unet = partial(build_network, AttentionUNet)
build_unet_plus_plus = partial(build_network, smp.UnetPlusPlus)
build_manet = partial(build_network, smp.MAnet)
build_linknet = partial(build_network, smp.Linknet)
build_fpn = partial(build_network, smp.FPN)
build_pspnet = partial(build_network, smp.PSPNet)
build_pan = partial(build_network, PAN)
build_deeplab_v3 = partial(build_network, smp.DeepLabV3)
build_deeplab_v3_plus = partial(build_network, smp.DeepLabV3Plus)
build_upernet = partial(build_network, smp.UPerNet)
build_segformer = partial(build_network, smp.Segformer)
build_dpt = partial(build_network, DPT)

__all__ = ["AttentionUNet", "UNetAttention", "build_network", "check_size"]
