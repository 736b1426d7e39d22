"""What can be told of `model.args` and `criterion.args` without torch; the rest is checked where they are used."""

import math
from typing import Any

from pipeseg.errors import did_you_mean
from pipeseg.registry import ENCODERS, LOSSES


def check_model_args(args: dict[str, Any]) -> dict[str, Any]:
    """Return `args` as they are.

    Raises:
        ValueError: a shape that does not follow from the data, or an encoder that smp does not have.
    """
    # the original's file holds both keys, in the only values that they could have there
    for key, only, why in (
        ("in_channels", 3, "pictures are read as RGB"),
        ("classes", 1, "how many there are follows from what is trained"),
    ):
        if key in args and args[key] != only:
            raise ValueError(f"{key}: must be {only}, or left out: {why} (got {args[key]!r})")
    encoder = args.get("encoder_name", "resnet34")
    if not isinstance(encoder, str) or not (encoder in ENCODERS or encoder.startswith(("tu-", "timm-"))):
        hint = did_you_mean(str(encoder), list(ENCODERS))
        raise ValueError(f"encoder_name: unknown encoder {str(encoder)!r}{hint} (smp's, or tu-<name in timm>)")
    return args


def check_combination(args: dict[str, Any]) -> None:
    """Check `losses` of a `CombinedLoss`: names, weights and keys.

    Raises:
        ValueError: names the part by its place.
    """
    if "losses" not in args:
        return
    parts = args["losses"]
    if not isinstance(parts, list) or not parts:
        raise ValueError("args.losses: must be a list of {name, weight, args}, at least one")
    for index, part in enumerate(parts):
        _check_part(f"args.losses.{index}", part)


def _check_part(key: str, part: Any) -> None:
    keys = ["name", "weight", "args"]
    if not isinstance(part, dict) or "name" not in part:
        raise ValueError(f"{key}: must be {{name, weight, args}} (got {part!r})")
    for unknown in part.keys() - keys:
        raise ValueError(f"{key}: unknown key {str(unknown)!r}{did_you_mean(str(unknown), keys)}")
    known = [name for name in LOSSES if name != "CombinedLoss"]
    if part["name"] not in known:
        name = str(part["name"])
        raise ValueError(f"{key}.name: unknown loss {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})")
    weight = part.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"{key}.weight: must be a number greater than 0 (got {weight!r})")
    if not isinstance(part.get("args") or {}, dict):
        raise ValueError(f"{key}.args: must be a mapping (got {part['args']!r})")
