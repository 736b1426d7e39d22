"""The same picture once more: what archives hold after years of exports, crops and re-compressions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeseg.synthetic.mistakes import Box, Drawn, Instances, other_class

CONFLICT_SHARE = 0.2  # of the copies with a box: another annotator named its class differently
TURNS = ("rotated_90", "rotated_180", "rotated_270")  # counter-clockwise, as np.rot90 turns
FLIPS = ("flipped", "flipped_rotated_180")  # left-right mirrored, and then turned: upside down


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished picture with what is on it: image (H, W, 3) uint8 BGR, exact masks (H, W) bool, drawn boxes."""

    image: np.ndarray
    instances: Instances
    drawn: tuple[Drawn, ...]


def near_copy(taken: Taken, kind: str, rng: np.random.Generator) -> Taken:
    """The picture after a loss that people overlook: ``recompressed``, ``cropped`` or ``gain``."""
    if kind == "recompressed":
        return replace(taken, image=_through_jpeg(taken.image, int(rng.integers(55, 81))))
    if kind == "gain":
        gain = 1 + rng.uniform(0.02, 0.05) * float(rng.choice([-1, 1]))
        return replace(taken, image=np.clip(taken.image * gain + 0.5, 0, 255).astype(np.uint8))
    return _cropped(taken, rng)


def turned_copy(taken: Taken, kind: str, rng: np.random.Generator) -> tuple[Taken, str]:
    """The picture ``flipped`` or ``rotated``, and the name of what was done, one of FLIPS or TURNS."""
    transform = str(rng.choice(FLIPS if kind == "flipped" else TURNS))
    mirror, degrees = transform.startswith("flipped"), transform.rpartition("rotated_")[2]
    turns = int(degrees) // 90 if degrees.isdecimal() else 0
    height, width = taken.image.shape[:2]

    def turn(picture: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(picture[:, ::-1] if mirror else picture, turns))

    def turn_box(box: Box) -> Box:
        if mirror:
            box = Box(width - box.x_max, box.y_min, width - box.x_min, box.y_max)
        side = width
        for _ in range(turns):
            box = Box(box.y_min, side - box.x_max, box.y_max, side - box.x_min)
            side = height if side == width else width
        return box

    return Taken(
        turn(taken.image),
        [(key, turn(mask)) for key, mask in taken.instances],
        tuple(replace(item, box=turn_box(item.box)) for item in taken.drawn),
    ), transform


def conflicting(drawn: tuple[Drawn, ...], classes: tuple[str, ...], rng: np.random.Generator) -> tuple[Drawn, ...]:
    """The boxes of a copy, now and then one of them with another class: the copies' labels then disagree."""
    right = [i for i, item in enumerate(drawn) if item.kind == "true"]
    if not right or rng.uniform() >= CONFLICT_SHARE:
        return drawn
    chosen = right[int(rng.integers(len(right)))]
    item = drawn[chosen]
    wrong = other_class(item.defect_class, classes, rng)
    if wrong is None:
        return drawn
    changed = replace(item, defect_class=wrong, kind="wrong_class", true_class=item.defect_class)
    return (*drawn[:chosen], changed, *drawn[chosen + 1 :])


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def _cropped(taken: Taken, rng: np.random.Generator) -> Taken:
    height, width = taken.image.shape[:2]
    # One to three percent of each dimension, shared out between its two sides.
    across, down = (max(1, round(rng.uniform(0.01, 0.03) * side)) for side in (width, height))
    left, top = int(rng.integers(0, across + 1)), int(rng.integers(0, down + 1))
    rows, columns = slice(top, height - down + top), slice(left, width - across + left)
    stretch_x, stretch_y = width / (width - across), height / (height - down)

    def resized(picture: np.ndarray, how: int) -> np.ndarray:
        return cv2.resize(picture[rows, columns], (width, height), interpolation=how)

    def moved(item: Drawn) -> Drawn:
        box = Box(
            round((item.box.x_min - left) * stretch_x),
            round((item.box.y_min - top) * stretch_y),
            round((item.box.x_max - left) * stretch_x),
            round((item.box.y_max - top) * stretch_y),
        )
        return replace(item, box=box if item.kind == "absurd" else box.clipped(height, width))

    drawn = [moved(item) for item in taken.drawn]
    return Taken(
        resized(taken.image, cv2.INTER_LINEAR),
        [(key, resized(mask.astype(np.uint8), cv2.INTER_NEAREST) > 0) for key, mask in taken.instances],
        # What lay on the rim alone has been cut away.
        tuple(d for d in drawn if d.kind == "absurd" or (d.box.x_min < d.box.x_max and d.box.y_min < d.box.y_max)),
    )
