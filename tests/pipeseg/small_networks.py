"""Arguments that make each registered network small enough for a test, with random weights."""

ENCODER = {"encoder_name": "tu-mobilenetv3_small_050", "encoder_weights": None}
UNET = {**ENCODER, "decoder_channels": [16, 16, 8, 8, 8]}
SMALL = {
    "UNet": UNET,
    "UNetAttention": UNET,
    "AttentionUNet": UNET,
    "UNetPlusPlus": UNET,
    "MAnet": {**UNET, "decoder_pab_channels": 8},
    "Linknet": ENCODER,
    "FPN": {**ENCODER, "decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32},
    "PSPNet": {**ENCODER, "psp_out_channels": 32},
    "PAN": {**ENCODER, "decoder_channels": 16},
    "DeepLabV3": {**ENCODER, "decoder_channels": 16},
    "DeepLabV3Plus": {**ENCODER, "decoder_channels": 16},
    "UPerNet": {**ENCODER, "decoder_channels": 16},
    "Segformer": {**ENCODER, "decoder_segmentation_channels": 32},
    "DPT": {
        "encoder_name": "tu-vit_tiny_patch16_224",
        "encoder_weights": None,
        "embed_dim": 48,
        "decoder_intermediate_channels": [8, 16, 32, 32],
        "decoder_fusion_channels": 16,
    },
}
