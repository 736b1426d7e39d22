"""What a person asks for, checked before torch is loaded: a mistake is told at once, and nothing is written."""

import re
from pathlib import Path
from typing import get_args

from pipeseg.errors import BadInput
from pipeseg.prediction.inputs import JOURNAL
from pipeseg.schema import DEVICE, Precision, check_stride

PRECISIONS = get_args(Precision)


def check_threshold(threshold: float | None) -> None:
    """Raise BadInput for a threshold outside (0, 1); None is the network's own."""
    if threshold is not None and not 0 < threshold < 1:
        raise BadInput(f"--threshold {threshold:g}: must lie between 0 and 1")


def parse_tile(text: str | None) -> tuple[int, int] | None:
    """Return `"256"` as (256, 256) and `"256x320"` as (256, 320): height, width.

    Raises:
        BadInput: not of this form, or a side that networks of the U-Net family cannot halve five times.
    """
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
        raise BadInput(f"--tile {text!r}: is not SIZE or HEIGHTxWIDTH in pixels; write for example 256 or 256x320")
    try:
        return check_stride((int(sides[0]), int(sides[-1])))
    except ValueError as error:
        raise BadInput(f"--tile: {error}") from None


def check_overlap(overlap: float) -> None:
    """Raise BadInput for an overlap outside [0, 0.9], a share of the tile."""
    if not 0 <= overlap <= 0.9:
        raise BadInput(f"--overlap {overlap:g}: must lie between 0 and 0.9, a share of the tile")


def check_hardware(device: str, precision: str) -> None:
    """Raise BadInput for a device or number format that no machine has."""
    if not re.fullmatch(DEVICE, device):
        raise BadInput(f"device: {device!r} is not known; choose auto, cpu, cuda, cuda:N or mps")
    if precision not in PRECISIONS:
        raise BadInput(f"precision: {precision!r} is not known; choose {', '.join(PRECISIONS)}")


def check_output(path: Path, *, resume: bool = False, replace: bool = False) -> None:
    """Raise BadInput unless `path` is free, or holds an earlier prediction that is to be resumed or replaced."""
    if resume and replace:
        raise BadInput("--resume and --force: one goes on, the other begins again; choose")
    if path.exists() and not path.is_dir():
        raise BadInput(f"{path}: is a file, where a folder is to be written; name another")
    if not path.exists() or not any(path.iterdir()):
        return
    if not (path / JOURNAL).is_file():
        raise BadInput(f"{path}: exists and holds other things; name a new folder")
    if not (resume or replace):
        raise BadInput(f"{path}: holds an earlier prediction; --resume goes on with it, --force replaces it")
