"""Names of models, losses and refiners, and where each is built: known without importing torch.

A new one is one line here and one class or function there; the config check, the dashboard's choices and the trainer
all read this table.
"""

from importlib import import_module
from typing import Any

MODELS = {
    "UNet": "pipeseg.models:build_unet",
    "UNetAttention": "pipeseg.models:build_unet_attention",
}
LOSSES = {
    "TverskyLoss": "pipeseg.losses:TverskyLoss",
    "DiceLoss": "pipeseg.losses:DiceLoss",
    "BCELoss": "pipeseg.losses:BCELoss",
    "BCEDiceLoss": "pipeseg.losses:BCEDiceLoss",
}
REFINERS = {
    "original": "pipeseg.refiners:OriginalRefiner",
    "box": "pipeseg.refiners:BoxRefiner",
}


def build(registry: dict[str, str], name: str, **args: Any) -> Any:
    """Import the entry `name` and call it with `args`.

    Raises:
        TypeError: an argument that the entry does not take (the caller knows which key of the config it came from).
    """
    module, attribute = registry[name].split(":")
    return getattr(import_module(module), attribute)(**args)
