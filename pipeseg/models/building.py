"""From `model.args` to a network, with one sentence for whatever is wrong with them."""

import inspect
from collections.abc import Callable
from typing import Any

import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder_names
from torch import Tensor, nn
from torch.func import functional_call

from pipeseg.errors import BadInput, did_you_mean, first_line
from pipeseg.models.architectures import DPT
from pipeseg.models.weights import (
    PACKAGED,
    download_failed,
    hub_or_cache,
    load_file,
    load_packaged,
    pretrained_name,
    weights_file,
)
from pipeseg.training.device import MEAN, STD


def build_network(factory: Callable[..., nn.Module], **args: Any) -> nn.Module:
    """Build a network with its encoder; on the CPU, in training mode, channels last.

    Args:
        factory: class of the network.
        args: `encoder_name`; `encoder_weights`: `imagenet` (downloaded once), null (random) or a weights file;
            `freeze_encoder`; `classes`: channels of the logits; everything else goes to the network.

    Raises:
        BadInput: an argument that network or encoder cannot use, or weights that cannot be had.
    """
    args = {"in_channels": 3, "classes": 1, **args}
    name = args.setdefault("encoder_name", _default(factory, "encoder_name"))
    weights, frozen = args.pop("encoder_weights", "imagenet"), args.pop("freeze_encoder", False)
    _check(factory, args, frozen)
    file = weights_file(weights)
    # the network is told the name that smp and timm know, e.g. for an encoder whose weights come from a package
    args["encoder_name"] = PACKAGED[name].encoder if name in PACKAGED else name
    hub = None if file or name in PACKAGED else pretrained_name(name, weights)
    try:
        if hub is None:
            model = _make(factory, args)
        else:
            with hub_or_cache():
                model = _make(factory, args, hub)
    except BadInput:
        raise
    except KeyError as error:
        raise BadInput(f"model.args.encoder_weights: {error.args[0]}") from error
    except (OSError, RuntimeError, ValueError) as error:
        # a wrong argument fails without weights as well, and says so
        _make(factory, args)
        raise download_failed(name, weights) from error
    if file:
        load_file(model.encoder, file)
    elif weights and name in PACKAGED:
        load_packaged(model.encoder, name, weights)
    _rescale_for(model.encoder, args["encoder_name"])
    _norm_after_pooling(model.decoder)
    if frozen:
        model.freeze_encoder()
        # smp leaves a frozen encoder out of train() and of eval() alike: its dropout would stay on, in scoring as well
        model.encoder.eval()
    return model.to(memory_format=torch.channels_last)


def check_size(model: nn.Module, size: tuple[int, int]) -> None:
    """Run one picture of `size` (height, width) through shapes alone: no pixel is computed, nothing is allocated.

    Raises:
        BadInput: the network cannot take pictures of this size.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: tensor.to("meta") for name, tensor in tensors.items()}
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.inference_mode():
            logits = functional_call(model, shapes, (torch.empty(1, 3, *size, device="meta"),))
    except (AssertionError, RuntimeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"image_size: {type(model).__name__} with this encoder cannot take {list(size)} ({first_line(error)})"
        ) from error
    finally:
        for module, mode in training.items():
            module.training = mode
    if logits.shape[-2:] != size:
        raise BadInput(
            f"image_size: {type(model).__name__} with these model.args turns {list(size)} into"
            f" {list(logits.shape[-2:])}; set model.args.upsampling so that they agree, or remove it"
        )


def _check(factory: Callable[..., nn.Module], args: dict[str, Any], frozen: Any) -> None:
    name, classes = args["encoder_name"], args["classes"]
    if args["in_channels"] != 3:
        raise BadInput("model.args.in_channels: must be 3, or left out; pictures are read as RGB")
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise BadInput(f"model.args.classes: must be a whole number from 1 (got {classes!r})")
    if not isinstance(frozen, bool):
        # YAML 1.2 reads No as a text, and a text is true
        raise BadInput(f"model.args.freeze_encoder: must be true or false (got {frozen!r})")
    for key, reason in (("activation", "losses and scores work on logits"), ("aux_params", "there is no second head")):
        if args.get(key) is not None:
            raise BadInput(f"model.args.{key}: must be null, or left out; {reason}")
    known = [*get_encoder_names(), *PACKAGED]
    timm_name = str(name).startswith("tu-")
    if not isinstance(name, str) or not (name in known or (timm_name and timm.is_model(name.removeprefix("tu-")))):
        more = [f"tu-{model}" for model in timm.list_models()] if timm_name else known
        raise BadInput(
            f"model.args.encoder_name: unknown encoder {str(name)!r}{did_you_mean(str(name), more)}"
            " (smp's encoders, or tu- and a name of timm.list_models())"
        )
    # arguments that a network does not know go on to timm, which checks them; smp's own encoders would swallow them
    keys = _parameters(factory)
    unknown = [key for key in args if key not in keys]
    if unknown and not timm_name:
        raise BadInput(
            f"model.args: unknown argument {unknown[0]!r}{did_you_mean(unknown[0], keys)} (known: {', '.join(keys)})"
        )


def _make(factory: Callable[..., nn.Module], args: dict[str, Any], weights: str | bool | None = None) -> nn.Module:
    name = args["encoder_name"]
    try:
        return factory(**args, encoder_weights=weights)
    except (TypeError, AssertionError, NotImplementedError) as error:
        text = first_line(error)
        if factory is DPT and "dynamic_img_size" in text:
            raise BadInput(
                f"model.args.encoder_name: {name!r} is no vision transformer, which DPT needs;"
                " take e.g. tu-vit_small_patch16_224"
            ) from error
        if "output_stride" in text or isinstance(error, AssertionError):
            raise BadInput(
                f"model.args.encoder_name: {name!r} cannot be dilated, which this network needs; take a ResNet,"
                " an EfficientNet or mit_b0, or another network"
            ) from error
        raise BadInput(f"model.args: {_unexpected(text, factory)}") from error
    except (ValueError, RuntimeError) as error:
        if weights:
            raise
        raise BadInput(f"model.args: with encoder {name}: {first_line(error)}") from error


def _parameters(factory: Callable[..., nn.Module]) -> list[str]:
    """Return the arguments that a network class takes by name, its base classes' included."""
    names = {}
    for kind in inspect.getmro(factory):  # type: ignore[arg-type]
        if kind.__module__.startswith(("torch.", "segmentation_models_pytorch.base")) or "__init__" not in vars(kind):
            continue
        for name, parameter in inspect.signature(kind.__init__).parameters.items():
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                names[name] = parameter
    return list(names)


def _default(factory: Callable[..., nn.Module], name: str) -> Any:
    return inspect.signature(factory.__init__).parameters[name].default


def _unexpected(text: str, factory: Callable[..., nn.Module]) -> str:
    if "unexpected keyword" not in text:
        return text
    name = text.split("argument")[-1].strip(" ():[]'")
    return f"unknown argument {name!r}{did_you_mean(name, _parameters(factory))}"


class Rescale(nn.Module):
    """Turns pictures normalised like ImageNet into what an encoder of timm learned with, e.g. [-1, 1]."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        ours, theirs = (torch.tensor(MEAN), torch.tensor(STD)), (torch.tensor(mean), torch.tensor(std))
        # a property of the encoder's name: no checkpoint needs to hold it
        self.register_buffer("factor", (ours[1] / theirs[1]).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", ((ours[0] - theirs[0]) / theirs[1]).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor.to(x.dtype) + self.shift.to(x.dtype)


def _rescale_for(encoder: nn.Module, name: str) -> None:
    if not name.startswith("tu-"):
        return
    learned = timm.get_pretrained_cfg(name.removeprefix("tu-"))
    if learned and len(learned.mean) == 3 and (learned.mean, learned.std) != (MEAN, STD):
        encoder.rescale = Rescale(learned.mean, learned.std)
        encoder.register_forward_pre_hook(_rescale_input)


def _rescale_input(encoder: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (encoder.rescale(inputs[0]), *inputs[1:])


def _norm_after_pooling(decoder: nn.Module) -> None:
    """Norm over the channels where a picture was pooled to one value.

    BatchNorm would see as many values as there are pictures: torch refuses one, and of two it leaves the sign only.
    """
    for block in decoder.modules():
        if not isinstance(block, nn.Sequential) or not len(block):
            continue
        if isinstance(block[0], nn.AdaptiveAvgPool2d) and block[0].output_size in (1, (1, 1)):
            for parent in list(block.modules()):
                for key, norm in list(parent.named_children()):
                    if isinstance(norm, nn.BatchNorm2d):
                        setattr(parent, key, nn.GroupNorm(1, norm.num_features))
