"""Windows cut from pictures: the drawn boxes, the same boxes drawn a little looser, and places where nobody drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.data.boxes import Box

# of a window as the network sees it, in pixels
SIDE = 48
# around a box, of its longer side: what is next to it tells as much as what is inside, and each blurs the other
MARGINS = (0.0, 0.25)
# copies of a box with other sides, because people draw loosely; each side moves by this share of the box
LOOSE, LOOSER = 3, 0.1
# random windows in each picture
EMPTY = 6
# a random window's sides, relative to the picture
SMALLEST, LARGEST = 0.08, 0.6
# a random window overlaps no drawn box by more (intersection over union)
APART = 0.3
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Window:
    """A place in a picture.

    Attributes:
        label: number of the class that is drawn there, or -1 where nobody drew.
        exact: False for a box with moved sides.
    """

    box: Box
    label: int
    exact: bool = True


def choose_windows(
    boxes: Sequence[tuple[int, Box]],
    taken: Sequence[Box],
    sides: np.ndarray,
    width: int,
    height: int,
    random: np.random.Generator,
) -> list[Window]:
    """Return what is learned from one picture: its boxes in their order, loose copies of them, and empty windows.

    Args:
        boxes: number of the class, and box in pixels.
        taken: where something is drawn, in pixels.
        sides: float (M, 2), M >= 1, width and height of the dataset's boxes relative to their pictures. Half of the
            empty windows have a width and a height of these, half have any: nobody knows how large false boxes are.
    """
    chosen = [Window(box, label) for label, box in boxes]
    for label, box in boxes:
        step = np.array([box[2] - box[0], box[3] - box[1]] * 2)
        for _ in range(LOOSE):
            x_min, y_min, x_max, y_max = np.array(box) + random.uniform(-LOOSER, LOOSER, 4) * step
            chosen.append(Window((x_min, y_min, x_max, y_max), label, exact=False))
    places = np.array(taken, float).reshape(-1, 4)
    for _ in range(EMPTY):
        if box := _empty_place(places, sides, width, height, random):
            chosen.append(Window(box, -1))
    return chosen


def cut(picture: np.ndarray, box: Box, margin: float, side: int = SIDE) -> np.ndarray:
    """Return the box and what is around it as uint8 RGB (side, side, 3), black where the picture ends.

    The margin is as wide beside the short sides as beside the long ones: a thin box is mostly told by its surroundings.

    Args:
        picture: uint8 RGB (H, W, 3).
        margin: of the longer side of the box.
    """
    height, width = picture.shape[:2]
    around = margin * max(box[2] - box[0], box[3] - box[1])
    low = np.floor([box[0] - around, box[1] - around]).astype(int)
    high = np.maximum(np.ceil([box[2] + around, box[3] + around]).astype(int), low + 2)
    scale = side / (high - low)
    shown = np.zeros((side, side, 3), np.uint8)
    inside = np.clip([low, high], 0, [width, height])
    (x_min, y_min), (x_max, y_max) = np.rint((inside - low) * scale).astype(int).tolist()
    if x_max > x_min and y_max > y_min:
        part = picture[inside[0, 1] : inside[1, 1], inside[0, 0] : inside[1, 0]]
        shrinks = part.shape[0] > y_max - y_min or part.shape[1] > x_max - x_min
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        shown[y_min:y_max, x_min:x_max] = cv2.resize(part, (x_max - x_min, y_max - y_min), interpolation=how)
    return shown


def _empty_place(
    taken: np.ndarray, sides: np.ndarray, width: int, height: int, random: np.random.Generator
) -> Box | None:
    """Return a random window away from the boxes `taken` (N, 4), None where the picture seems to have no room."""
    for _ in range(_TRIES):
        if random.uniform() < 0.5:
            w, h = np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST), 2))
        else:
            w, h = np.minimum(sides[random.integers(len(sides), size=2), [0, 1]], 0.95)
        w, h = float(w * width), float(h * height)
        x, y = random.uniform(0, width - w), random.uniform(0, height - h)
        box = (x, y, x + w, y + h)
        if not len(taken) or overlaps(box, taken).max() < APART:
            return box
    return None


def overlaps(box: Box, others: np.ndarray) -> np.ndarray:
    """Return the intersection over union of a box that has an area with each of `others`, float (N, 4) -> (N,)."""
    both = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1)
    return both / (areas + (box[2] - box[0]) * (box[3] - box[1]) - both)
