"""Batch norms go into the convolutions before them: the same logits in fewer passes over the features."""

from copy import deepcopy

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# of the largest logit: rounding stays far below, a wrong fold far above
TOLERANCE = 1e-4


def folded(model: nn.Module, size: tuple[int, int]) -> nn.Module:
    """Return a network that answers as `model` does, for inference alone; `model` stays as it is and can learn on.

    Which convolution's output a batch norm takes is seen while the network looks at noise, because it does not follow
    from the names and the order of modules. `model` itself is returned where the logits would not stay the same: where
    somebody else takes the convolution's output as well, or one of the two modules has more than one place.

    Args:
        model: float32, in eval mode.
        size: (height, width) of a picture that it can look at.
    """
    copy = deepcopy(model).requires_grad_(False)
    device = next(copy.parameters()).device
    # a generator of its own: what is drawn later does not depend on whether a network was folded
    noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    pairs, before = _observe(copy, noise)
    place_of = {module: name for name, module in copy.named_modules()}
    for norm, convolution in pairs.items():
        copy.set_submodule(place_of[convolution], fuse_conv_bn_eval(convolution, norm))
        copy.set_submodule(place_of[norm], norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
    copy = copy.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        off = (copy(noise) - before).abs().max()
    return copy if off <= TOLERANCE * before.abs().max() else model


def _observe(model: nn.Module, images: Tensor) -> tuple[dict[nn.BatchNorm2d, nn.Conv2d], Tensor]:
    """Return batch norm -> the convolution whose output it takes, and the logits."""
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}
    pairs: dict[nn.BatchNorm2d, nn.Conv2d] = {}

    def see(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            # kept alive, so that no other tensor takes its number
            made[id(output)] = (module, output)
        elif module.running_mean is not None and id(inputs[0]) in made:
            pairs[module] = made[id(inputs[0])][0]

    hooks = [
        module.register_forward_hook(see)
        for module in model.modules()
        if isinstance(module, nn.Conv2d | BatchNormAct2d) or type(module) is nn.BatchNorm2d
    ]
    with torch.inference_mode():
        logits = model(images)
    for hook in hooks:
        hook.remove()
    return pairs, logits
