"""What a sample dataset is to hold: options, the presets, and how both are written on a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeseg.errors import BadInput, did_you_mean

COMMON_CLASSES = ("deposition", "obstacle", "disconnection")
ALL_CLASSES = (*COMMON_CLASSES, "deformation", "rupture", "misalignment")
# How often the classes come in inspections: sediment leads, broken and offset pipes are rare.
REALISTIC = {"deposition": 1.5, "rupture": 0.3, "misalignment": 0.3}
MIXES: dict[str, dict[str, float]] = {"even": {}, "realistic": REALISTIC}
SMALLEST_SIDE, LARGEST_SIDE = 48, 4096
LARGEST_RATE = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that decides what a dataset looks like.

    Attributes:
        images_per_class, hand_per_class: pictures with a class of weight 1 as the primary one, and how many of these
            carry hand polygons.
        clean: pictures without a defect, a quarter of them looked at by hand.
        height, width: pixels.
        mix: a key of :data:`MIXES`: the classes' weights.
        errors, duplicates: 1 for the usual rate of wrong boxes and of copied pictures, 0 for none.
    """

    images_per_class: int = 120
    hand_per_class: int = 60
    clean: int = 40
    height: int = 256
    width: int = 320
    classes: tuple[str, ...] = COMMON_CLASSES
    seed: int = 0
    mix: str = "even"
    errors: float = 1.0
    duplicates: float = 1.0

    def __post_init__(self) -> None:
        if self.images_per_class < 1:
            raise BadInput(f"--images-per-class {self.images_per_class}: at least 1 picture per class is needed")
        if self.hand_per_class < 0 or self.clean < 0 or self.seed < 0:
            raise BadInput("--hand-per-class, --clean and --seed must not be negative")
        if self.mix not in MIXES:
            raise BadInput(f"--mix {self.mix!r}{did_you_mean(self.mix, list(MIXES))} (known: {', '.join(MIXES)})")
        for name in ("errors", "duplicates"):
            if not 0 <= getattr(self, name) <= LARGEST_RATE:
                raise BadInput(f"--{name} {getattr(self, name)}: must lie between 0 and {LARGEST_RATE:g}")

    def weight(self, key: str) -> float:
        """How frequent a class is, relative to ``images_per_class``."""
        return MIXES[self.mix].get(key, 1.0)

    def pictures_of(self, key: str) -> tuple[int, int]:
        """Pictures with this class as the primary one, and how many of them are labelled by hand."""
        weight = self.weight(key)
        images = max(1, round(self.images_per_class * weight))
        return images, min(images, round(self.hand_per_class * min(weight, 1.0)))

    def parameters(self) -> dict[str, object]:
        """The options as the dataset records them."""
        return {
            "images_per_class": self.images_per_class,
            "hand_per_class": self.hand_per_class,
            "clean": self.clean,
            "size": f"{self.height}x{self.width}",
            "classes": list(self.classes),
            "seed": self.seed,
            "mix": self.mix,
            "errors": self.errors,
            "duplicates": self.duplicates,
        }


PRESETS: dict[str, Options] = {
    "tiny": Options(3, 3, 4, 96, 128, ALL_CLASSES, duplicates=5.0),
    "demo": Options(),
    "full": Options(400, 200, 290, 288, 360, ALL_CLASSES, mix="realistic"),
}


def preset(name: str) -> Options:
    """The options that ``name`` stands for.

    Raises:
        BadInput: no such preset.
    """
    if name not in PRESETS:
        raise BadInput(f"--preset {name!r}{did_you_mean(name, list(PRESETS))} (known: {', '.join(PRESETS)})")
    return PRESETS[name]


def parse_size(text: str) -> tuple[int, int]:
    """``"256x320"`` -> (256, 320): height, width."""
    match = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*", text)
    if not match:
        raise BadInput(f"--size {text!r} is not HEIGHTxWIDTH in pixels; write for example 256x320")
    height, width = int(match[1]), int(match[2])
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (height, width)):
        raise BadInput(f"--size {text!r}: each side must lie between {SMALLEST_SIDE} and {LARGEST_SIDE} pixels")
    return height, width


def parse_classes(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """``"deposition, obstacle"`` -> their keys, each of them in ``known``."""
    keys = [part.strip() for part in text.split(",") if part.strip()]
    if not keys:
        raise BadInput(f"--classes is empty; choose from {', '.join(known)}")
    for key in keys:
        if key not in known:
            raise BadInput(
                f"--classes: unknown class {key!r}{did_you_mean(key, list(known))} (known: {', '.join(known)})"
            )
    return tuple(dict.fromkeys(keys))
