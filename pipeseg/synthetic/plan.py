"""What a sample dataset is to hold: options, and which scene becomes which pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeseg.errors import BadInput, did_you_mean

VIDEO_SHARE = 0.15  # of the scenes, which come as two or three neighbouring frames
DEFAULT_CLASSES = ("deposition", "obstacle", "disconnection")
SMALLEST_SIDE, LARGEST_SIDE = 48, 4096


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that decides what the pictures look like. ``height`` and ``width`` in pixels."""

    images_per_class: int = 120
    hand_per_class: int = 60
    clean: int = 40
    height: int = 256
    width: int = 320
    classes: tuple[str, ...] = DEFAULT_CLASSES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.images_per_class < 1:
            raise BadInput(f"--images-per-class {self.images_per_class}: at least 1 picture per class is needed")
        if self.hand_per_class < 0 or self.clean < 0 or self.seed < 0:
            raise BadInput("--hand-per-class, --clean and --seed must not be negative")

    def parameters(self) -> dict[str, object]:
        """The options as the dataset records them."""
        return {
            "images_per_class": self.images_per_class,
            "hand_per_class": self.hand_per_class,
            "clean": self.clean,
            "size": f"{self.height}x{self.width}",
            "classes": list(self.classes),
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """One scene to draw: pictures ``first .. first + frames - 1`` (counted from 1) form one group."""

    scene: int
    primary: str | None
    first: int
    frames: int
    hand_frames: int  # how many of the frames a person labelled, the first ones

    @property
    def stems(self) -> list[str]:
        return [f"sample_{number:04d}" for number in range(self.first, self.first + self.frames)]


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


def plan(options: Options) -> list[Job]:
    """The scenes of a dataset in picture order, classes mixed; the same for the same options."""
    rng = np.random.default_rng([options.seed, 0x9A1])
    wanted = [(key, options.images_per_class, options.hand_per_class) for key in options.classes]
    wanted.append((None, options.clean, round(options.clean / 4)))
    scenes: list[tuple[str | None, int, int]] = []
    for key, images, hand in wanted:
        while images > 0:
            frames = int(rng.integers(2, 4)) if rng.uniform() < VIDEO_SHARE else 1
            frames = min(frames, images)
            labelled = min(frames, hand)
            scenes.append((key, frames, labelled))
            images, hand = images - frames, hand - labelled
    jobs, number = [], 1
    for scene, choice in enumerate(rng.permutation(len(scenes))):
        key, frames, labelled = scenes[int(choice)]
        jobs.append(Job(scene, key, number, frames, labelled))
        number += frames
    return jobs
