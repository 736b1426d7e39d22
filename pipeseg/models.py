"""Networks, over segmentation-models-pytorch: RGB float (N, 3, H, W), normalised like ImageNet -> a logit per pixel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn

from pipeseg.errors import BadInput, did_you_mean


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


def build_unet(**args: Any) -> nn.Module:
    """Build a U-Net; `args` as for `_build`."""
    return _build(smp.Unet, args)


def build_unet_attention(**args: Any) -> nn.Module:
    """Build `UNetAttention`; `args` as for `_build`."""
    return _build(UNetAttention, args)


def _build(factory: Callable[..., nn.Module], args: dict[str, Any]) -> nn.Module:
    """Build a network and turn what can go wrong into one sentence that names the key.

    Args:
        args: `encoder_name`; `encoder_weights`: `imagenet` (downloaded once), null (random) or a weights file;
            `freeze_encoder`; everything else goes to the network.
    """
    args = {"in_channels": 3, "classes": 1, **args}
    name = str(args.get("encoder_name", "resnet34"))
    weights = args.pop("encoder_weights", "imagenet")
    frozen = args.pop("freeze_encoder", False)
    if args["in_channels"] != 3:
        raise BadInput("model.args: only in_channels: 3 and classes: 1 are known here; one model learns one class")
    if not isinstance(frozen, bool):
        # YAML 1.2 reads No as a text, and a text is true
        raise BadInput(f"model.args.freeze_encoder: must be true or false (got {frozen!r})")
    known = smp.encoders.get_encoder_names()
    if name not in known and not (name.startswith("tu-") and timm.is_model(name.removeprefix("tu-"))):
        raise BadInput(
            f"model.args.encoder_name: unknown encoder {name!r}{did_you_mean(name, known)} (see smp's encoder list)"
        )
    file = Path(str(weights)).expanduser() if weights and ("/" in str(weights) or "." in str(weights)) else None
    try:
        model = factory(**args, encoder_weights=None if file else weights)
    except TypeError as error:
        raise BadInput(f"model.args: {_unexpected(error)}") from error
    except KeyError as error:
        raise BadInput(f"model.args.encoder_weights: {error.args[0]}") from error
    except (OSError, RuntimeError, ValueError) as error:
        if weights and not file:
            # a wrong argument fails without weights as well, and says so
            _build(factory, {**args, "encoder_weights": None})
            raise BadInput(
                f"model.args.encoder_weights: {weights!r} for {name} could not be downloaded; check the network, name a"
                " local weights file, or set it to null to train from scratch"
            ) from error
        raise BadInput(f"model.args: {str(error).splitlines()[0]}") from error
    if file:
        _load_encoder(model, file)
    if frozen:
        # smp keeps its BatchNorm in eval mode as well, however often train() is called
        model.freeze_encoder()
    return model.to(memory_format=torch.channels_last)


def _load_encoder(model: Any, file: Path) -> None:
    from safetensors.torch import load_file

    try:
        state = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, weights_only=True, map_location="cpu")
        )
        model.encoder.load_state_dict(state)
    except FileNotFoundError:
        raise BadInput(f"model.args.encoder_weights: {file}: no such file") from None
    except Exception as error:  # any malformed file ends here: the formats raise a dozen types
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(f"model.args.encoder_weights: {file}: not weights of this encoder ({reason})") from error


def _unexpected(error: TypeError) -> str:
    text = str(error)
    return f"unknown argument {text.split('argument')[-1].strip()}" if "unexpected keyword" in text else text
