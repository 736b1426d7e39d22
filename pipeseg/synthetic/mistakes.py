"""The boxes that hurried people draw around defects, with the mistakes they make, each of them recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

INWARD, OUTWARD = 0.03, 0.15  # a drawn side lies up to 3 % of the box inside, up to 15 % outside of the object
FALSE_SHARE, MISSED_SHARE, WRONG_SHARE, ABSURD_SHARE, TWICE_SHARE = 0.05, 0.05, 0.03, 0.02, 0.01
# Of the pictures where two things of one class lie: few pictures do, so this makes about 2 % of the boxes.
MERGED_SHARE = 0.2
MISTAKEN_FOR = {
    "rupture": "deformation",
    "deformation": "rupture",
    "disconnection": "misalignment",
    "misalignment": "disconnection",
    "obstacle": "deposition",
    "deposition": "obstacle",
}
PLACES = 24  # tried for a false box, to find one where next to nothing is


@dataclass(frozen=True, slots=True)
class Box:
    """A box in whole pixels, half-open: ``x_min <= x < x_max``; an absurd one may be empty or leave the picture."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    def as_list(self) -> list[int]:
        return [self.x_min, self.y_min, self.x_max, self.y_max]

    def clipped(self, height: int, width: int) -> Box:
        """What of the box lies in the picture; ``x_min >= x_max`` or ``y_min >= y_max`` where nothing does."""
        return Box(max(self.x_min, 0), max(self.y_min, 0), min(self.x_max, width), min(self.y_max, height))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One box with the class that was written on it.

    Attributes:
        kind: ``true``, or what is wrong: ``false`` (nothing is there), ``missed`` (nobody drew it), ``wrong_class``
            (it holds ``true_class``), ``absurd``, ``merged`` (two things in one box), ``twice`` (drawn once more).
    """

    defect_class: str
    box: Box
    kind: str = "true"
    true_class: str | None = None


Instances = Sequence[tuple[str, np.ndarray]]


def tight_box(mask: np.ndarray) -> Box:
    """The smallest box around the set pixels of ``mask`` (H, W) bool."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def loosened(box: Box, height: int, width: int, rng: np.random.Generator) -> Box:
    """The box as a hurried person draws it: each side moved by U(-3 %, +15 %) of its size outwards."""
    left, top, right, bottom = rng.uniform(-INWARD, OUTWARD, 4)
    w, h = box.x_max - box.x_min, box.y_max - box.y_min
    x_min, y_min = max(round(box.x_min - left * w), 0), max(round(box.y_min - top * h), 0)
    x_max, y_max = min(round(box.x_max + right * w), width), min(round(box.y_max + bottom * h), height)
    return Box(x_min, y_min, max(x_max, x_min + 1), max(y_max, y_min + 1))


def draw_boxes(
    instances: Instances,
    classes: Sequence[str],
    height: int,
    width: int,
    rng: np.random.Generator,
    errors: float = 1.0,
) -> list[Drawn]:
    """Boxes of a picture with its annotator's errors.

    Args:
        instances: pairs of a class and an exact mask (H, W) bool.
        classes: what a wrong class is chosen from.
        errors: 1 for the usual error rates, 0 for no error but the loose sides.
    """
    careful = [Drawn(key, loosened(tight_box(mask), height, width, rng)) for key, mask in instances]
    drawn: list[Drawn] = []
    for item in _merged(careful, rng, errors):
        drawn += _mistaken(item, classes, height, width, rng, errors) if item.kind == "true" else [item]
    # A clean picture tempts the annotator as much as one that holds a defect.
    for _ in range(max(len(instances), 1)):
        if rng.uniform() < FALSE_SHARE * errors:
            key = classes[int(rng.integers(len(classes)))]
            drawn.append(Drawn(key, _empty_place(instances, height, width, rng), "false"))
    return drawn


def other_class(key: str, classes: Sequence[str], rng: np.random.Generator) -> str | None:
    """Return what ``key`` is taken for: its look-alike where the dataset has it, else another class; None if alone."""
    if MISTAKEN_FOR.get(key) in classes:
        return MISTAKEN_FOR[key]
    others = [other for other in classes if other != key]
    return others[int(rng.integers(len(others)))] if others else None


def _merged(drawn: list[Drawn], rng: np.random.Generator, errors: float) -> list[Drawn]:
    for i, first in enumerate(drawn):
        for j in range(i + 1, len(drawn)):
            if drawn[j].defect_class == first.defect_class and rng.uniform() < MERGED_SHARE * errors:
                a, b = first.box, drawn[j].box
                both = Box(min(a.x_min, b.x_min), min(a.y_min, b.y_min), max(a.x_max, b.x_max), max(a.y_max, b.y_max))
                rest = [item for k, item in enumerate(drawn) if k not in (i, j)]
                return [*rest, Drawn(first.defect_class, both, "merged")]
    return drawn


def _mistaken(
    item: Drawn, classes: Sequence[str], height: int, width: int, rng: np.random.Generator, errors: float
) -> list[Drawn]:
    """The box as it was really drawn: at most one mistake each."""
    bounds = errors * np.cumsum([MISSED_SHARE, WRONG_SHARE, ABSURD_SHARE, TWICE_SHARE])
    match int(np.searchsorted(bounds, rng.uniform(), side="right")):
        case 0:
            return [replace(item, kind="missed")]
        case 1:
            wrong = other_class(item.defect_class, classes, rng)
            mistaken = replace(item, defect_class=wrong or "", kind="wrong_class", true_class=item.defect_class)
            return [mistaken if wrong else item]
        case 2:
            return _absurd(item, height, width, rng)
        case 3:
            return [item, replace(item, box=_again(item.box, rng).clipped(height, width), kind="twice")]
        case _:
            return [item]


def _again(box: Box, rng: np.random.Generator) -> Box:
    """The same box drawn once more, a few pixels off at most."""
    slack = max(min(box.x_max - box.x_min, box.y_max - box.y_min) // 40, 0)
    return Box(*(side + int(rng.integers(-slack, slack + 1)) for side in box.as_list()))


def _absurd(item: Drawn, height: int, width: int, rng: np.random.Generator) -> list[Drawn]:
    box = item.box
    match int(rng.integers(4)):
        case 0:  # "select all"
            return [replace(item, box=Box(0, 0, width, height), kind="absurd")]
        case 1:  # a click instead of a drag, beside the real box
            x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
            side = int(rng.integers(0, 2)) * int(rng.integers(3, max(width // 6, 4)))
            return [item, replace(item, box=Box(x, y, x + side, y), kind="absurd")]
        case 2:  # dragged beyond the rim
            right, down = int(rng.uniform(0.15, 0.5) * width), int(rng.uniform(0.15, 0.5) * height)
            if rng.uniform() < 0.5:
                return [replace(item, box=Box(box.x_min, box.y_min, width + right, height + down), kind="absurd")]
            return [replace(item, box=Box(-right, -down, box.x_max, box.y_max), kind="absurd")]
        case _:  # of a picture of another size: no part of it lies in this one
            x, y = width + box.x_min + 1, height + box.y_min + 1
            moved = Box(x, y, x + box.x_max - box.x_min, y + box.y_max - box.y_min)
            return [item, replace(item, box=moved, kind="absurd")]


def _empty_place(instances: Instances, height: int, width: int, rng: np.random.Generator) -> Box:
    """A box of ordinary size where no defect is, or as little of one as chance finds."""
    taken = np.zeros((height, width), bool)
    for _, mask in instances:
        taken |= mask
    best, least = None, np.inf
    for _ in range(PLACES):
        w, h = (max(int(rng.uniform(0.1, 0.4) * side), 2) for side in (width, height))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        share = float(taken[y : y + h, x : x + w].mean())
        if share < least:
            best, least = Box(x, y, x + w, y + h), share
        if least < 0.02:
            break
    return best


def box_mask(drawn: Iterable[Drawn], height: int, width: int) -> np.ndarray:
    """The filled boxes that somebody drew, cut off at the picture's rim, (H, W) uint8, 0 or 255."""
    mask = np.zeros((height, width), np.uint8)
    for item in drawn:
        if item.kind != "missed":
            box = item.box.clipped(height, width)
            mask[box.y_min : max(box.y_max, box.y_min), box.x_min : max(box.x_max, box.x_min)] = 255
    return mask
