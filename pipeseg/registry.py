"""Names of models, losses and refiners, and where each is built: known without importing torch.

A new one is one line here, one in the help beside it, and one class or function there; the config check, the
dashboard's choices and the trainer all read these tables.
"""

from importlib import import_module
from typing import Any

MODELS = {
    "UNet": "pipeseg.models:build_unet",
    "UNetAttention": "pipeseg.models:build_unet_attention",
    "AttentionUNet": "pipeseg.models:build_attention_unet",
    "UNetPlusPlus": "pipeseg.models:build_unet_plus_plus",
    "MAnet": "pipeseg.models:build_manet",
    "Linknet": "pipeseg.models:build_linknet",
    "FPN": "pipeseg.models:build_fpn",
    "PSPNet": "pipeseg.models:build_pspnet",
    "PAN": "pipeseg.models:build_pan",
    "DeepLabV3": "pipeseg.models:build_deeplab_v3",
    "DeepLabV3Plus": "pipeseg.models:build_deeplab_v3_plus",
    "UPerNet": "pipeseg.models:build_upernet",
    "Segformer": "pipeseg.models:build_segformer",
    "DPT": "pipeseg.models:build_dpt",
}
MODELS_HELP = {
    "UNet": "encoder, decoder and skips between them; the safe choice for a few hundred pictures",
    "UNetAttention": "the original's: U-Net with one gate and dropout on the deepest feature",
    "AttentionUNet": "U-Net with an attention gate on every skip (Oktay et al. 2018)",
    "UNetPlusPlus": "U-Net with nested skips: finer edges, several times the work",
    "MAnet": "U-Net with attention between positions and between channels; many weights",
    "Linknet": "U-Net that adds its skips instead of joining them: fast and small",
    "FPN": "features of every scale, added up: defects of very different sizes",
    "PSPNet": "pools the whole picture; fastest, coarse edges",
    "PAN": "pyramid attention on a dilated encoder; sides from 128 px",
    "DeepLabV3": "dilated convolutions at stride 8: wide view, slow",
    "DeepLabV3Plus": "DeepLabV3 at stride 16 with a small decoder: faster, finer edges",
    "UPerNet": "pyramid pooling over a feature pyramid; goes well with large encoders",
    "Segformer": "light decoder; made for the encoders mit_b0 to mit_b5",
    "DPT": "for vision transformers (tu-vit_...); wants pretrained weights",
}
# Encoders, with the number of their weights: every one of smp, and some of timm's; any other of timm's convolutional
# ones can be named as well, as tu-<name> (`timm.list_models()`).
ENCODERS = {
    "resnet18": "11 M weights",
    "resnet34": "21 M weights, the original's",
    "resnet50": "24 M weights",
    "efficientnet-lite0": "3.0 M weights, with ImageNet weights from a package, without network",
    "resnet101": "43 M weights",
    "resnet152": "58 M weights",
    "resnext50_32x4d": "23 M weights",
    "resnext101_32x4d": "42 M weights",
    "resnext101_32x8d": "87 M weights",
    "resnext101_32x16d": "192 M weights",
    "resnext101_32x32d": "466 M weights",
    "resnext101_32x48d": "826 M weights",
    "dpn68": "12 M weights",
    "dpn68b": "12 M weights",
    "dpn92": "35 M weights",
    "dpn98": "59 M weights",
    "dpn107": "84 M weights",
    "dpn131": "77 M weights",
    "vgg11": "9.2 M weights",
    "vgg11_bn": "9.2 M weights",
    "vgg13": "9.4 M weights",
    "vgg13_bn": "9.4 M weights",
    "vgg16": "15 M weights",
    "vgg16_bn": "15 M weights",
    "vgg19": "20 M weights",
    "vgg19_bn": "20 M weights",
    "senet154": "113 M weights",
    "se_resnet50": "26 M weights",
    "se_resnet101": "47 M weights",
    "se_resnet152": "65 M weights",
    "se_resnext50_32x4d": "26 M weights",
    "se_resnext101_32x4d": "47 M weights",
    "densenet121": "7.0 M weights",
    "densenet169": "12 M weights",
    "densenet201": "18 M weights",
    "densenet161": "26 M weights",
    "inceptionresnetv2": "54 M weights",
    "inceptionv4": "41 M weights",
    "efficientnet-b0": "4.0 M weights",
    "efficientnet-b1": "6.5 M weights",
    "efficientnet-b2": "7.7 M weights",
    "efficientnet-b3": "11 M weights",
    "efficientnet-b4": "18 M weights",
    "efficientnet-b5": "28 M weights",
    "efficientnet-b6": "41 M weights",
    "efficientnet-b7": "64 M weights",
    "mobilenet_v2": "2.2 M weights, fast on a CPU",
    "xception": "21 M weights",
    "mit_b0": "3.3 M weights, SegFormer's smallest",
    "mit_b1": "13 M weights",
    "mit_b2": "24 M weights",
    "mit_b3": "44 M weights",
    "mit_b4": "61 M weights",
    "mit_b5": "81 M weights",
    "mobileone_s0": "4.3 M weights",
    "mobileone_s1": "3.5 M weights",
    "mobileone_s2": "5.8 M weights",
    "mobileone_s3": "8.1 M weights",
    "mobileone_s4": "13 M weights",
    "tu-mobilenetv3_small_100": "0.9 M weights",
    "tu-mobilenetv3_large_100": "3.0 M weights",
    "tu-tf_efficientnetv2_s": "20 M weights",
    "tu-tf_efficientnetv2_b0": "5.6 M weights",
    "tu-convnext_atto": "3.4 M weights",
    "tu-convnext_tiny": "28 M weights",
    "tu-convnext_small": "49 M weights",
    "tu-resnest50d": "25 M weights",
    "tu-regnety_032": "18 M weights",
    "tu-pvt_v2_b2": "25 M weights",
    "tu-hrnet_w18_small": "2.8 M weights",
    "tu-vit_tiny_patch16_224": "5.7 M weights, for DPT",
    "tu-vit_small_patch16_224": "22 M weights, for DPT",
    "tu-vit_base_patch16_224": "87 M weights, for DPT",
}
LOSSES = {
    "TverskyLoss": "pipeseg.losses:TverskyLoss",
    "FocalTverskyLoss": "pipeseg.losses:FocalTverskyLoss",
    "DiceLoss": "pipeseg.losses:DiceLoss",
    "JaccardLoss": "pipeseg.losses:JaccardLoss",
    "LovaszLoss": "pipeseg.losses:LovaszLoss",
    "BCELoss": "pipeseg.losses:BCELoss",
    "WeightedCrossEntropyLoss": "pipeseg.losses:WeightedCrossEntropyLoss",
    "FocalLoss": "pipeseg.losses:FocalLoss",
    "BBoxAwareLoss": "pipeseg.losses:BBoxAwareLoss",
    "BCEDiceLoss": "pipeseg.losses:BCEDiceLoss",
    "CombinedLoss": "pipeseg.losses:CombinedLoss",
}
LOSSES_HELP = {
    "TverskyLoss": "overlap, with weights for false alarms (alpha) and for misses (beta)",
    "FocalTverskyLoss": "Tversky that cares most for pictures that go badly (gamma)",
    "DiceLoss": "1 - Dice: small defects count as much as large ones",
    "JaccardLoss": "1 - IoU, the measure that is reported",
    "LovaszLoss": "IoU by sorted errors; for hard masks only: soft ones are cut at one half",
    "BCELoss": "cross-entropy: every pixel the same, defect times pos_weight",
    "WeightedCrossEntropyLoss": "cross-entropy with object_weight and background_weight",
    "FocalLoss": "cross-entropy that cares most for pixels that go badly (gamma, alpha)",
    "BBoxAwareLoss": "cross-entropy that trusts the border of box masks least (edge_weight, kernel)",
    "BCEDiceLoss": "cross-entropy and Dice together; the safe choice",
    "CombinedLoss": "any of these, weighted: losses: [{name, weight, args}, ...]",
}
REFINERS = {
    "box": "pipeseg.refiners:BoxRefiner",
    "original": "pipeseg.refiners:OriginalRefiner",
    "grabcut": "pipeseg.refiners:GrabCutRefiner",
    "ensemble": "pipeseg.refiners:EnsembleRefiner",
    "auto": "pipeseg.refiners:AutoRefiner",
}
REFINERS_HELP = {
    "box": "the filled box as it is",
    "original": "the published blend: 0.3 box + 0.7 (p > 0.75) of one teacher, no weights",
    "grabcut": "colours inside the box against those around it; no teacher",
    "ensemble": "mean probability of all teachers, filled as hand masks are; unsure pixels and false boxes count less",
    "auto": "tries each of these on hand-drawn val pictures and takes the best",
}


def build(registry: dict[str, str], name: str, **args: Any) -> Any:
    """Import the entry `name` and call it with `args`.

    Raises:
        TypeError: an argument that the entry does not take (the caller knows which key of the config it came from).
    """
    module, attribute = registry[name].split(":")
    return getattr(import_module(module), attribute)(**args)
