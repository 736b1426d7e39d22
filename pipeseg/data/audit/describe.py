"""What a window looks like, in numbers: edges by direction, and colours, each roughly by place."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeseg.data.audit.windows import MARGINS, SIDE, cut
from pipeseg.data.boxes import Box

CELLS, BINS = 8, 9
# of the colours' spread
COARSE = 4
# a direction that stands out in a cell stands out enough (Dalal & Triggs 2005, section 6.4, cut at 0.2)
HIGHEST = 0.5
NUMBERS = CELLS * CELLS * (BINS + 1) + 3 * CELLS * CELLS + 3 * COARSE * COARSE
PLACES = 7


def describe(picture: np.ndarray, box: Box) -> np.ndarray:
    """Return float16 (len(MARGINS), NUMBERS): the box with each of the margins around it.

    Args:
        picture: uint8 RGB (H, W, 3).
    """
    return np.array([_describe_window(cut(picture, box, margin)) for margin in MARGINS], np.float16)


def _describe_window(window: np.ndarray) -> np.ndarray:
    """Histograms of gradients (Dalal & Triggs 2005), then mean and spread of the colours, in CIELAB."""
    lab = cv2.cvtColor(window, cv2.COLOR_RGB2LAB).astype(np.float32)
    colours = cv2.resize(lab, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    mean = cv2.resize(lab, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    square = cv2.resize(lab * lab, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    edges = _gradient_histograms(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(np.float32))
    # by channel first, so that a mirror image is the same numbers in another order
    return np.concatenate(
        [edges.ravel(), colours.transpose(2, 0, 1).ravel() / 64, spread.transpose(2, 0, 1).ravel() / 32]
    )


def _gradient_histograms(grey: np.ndarray) -> np.ndarray:
    """Return float32 (BINS + 1, CELLS, CELLS): the directions, and last how strong the edges are altogether."""
    # the square root evens out light and shade
    grey = np.sqrt(grey)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=1)
    strength = np.hypot(across, down).ravel()
    direction = (np.arctan2(down, across).ravel() % np.pi) * (BINS / np.pi)
    low = direction.astype(np.int32)
    share = direction - low
    pixel = np.arange(strength.size)
    votes = np.zeros((BINS, strength.size), np.float32)
    votes[low % BINS, pixel] += strength * (1 - share)
    votes[(low + 1) % BINS, pixel] += strength * share
    wide = SIDE // CELLS
    cells = votes.reshape(BINS, CELLS, wide, CELLS, wide).mean((2, 4))
    strong = np.sqrt(cv2.boxFilter((cells * cells).sum(0), -1, (3, 3)) + 0.01)
    return np.concatenate([np.minimum(cells / strong, HIGHEST), strong[None]])


def mirrored() -> np.ndarray:
    """Return int64 (NUMBERS,): `description[..., mirrored()]` describes the window with left and right exchanged."""
    order = np.arange(NUMBERS)
    edges, colours, spread = np.split(order, [(BINS + 1) * CELLS**2, (BINS + 1) * CELLS**2 + 3 * CELLS**2])
    # a direction a becomes pi - a; the last plane has no direction
    planes = [*(-np.arange(BINS) % BINS), BINS]
    return np.concatenate(
        [
            edges.reshape(BINS + 1, CELLS, CELLS)[planes, :, ::-1].ravel(),
            colours.reshape(3, CELLS, CELLS)[:, :, ::-1].ravel(),
            spread.reshape(3, COARSE, COARSE)[:, :, ::-1].ravel(),
        ]
    )


def places(boxes: Sequence[Box], width: int, height: int, mirror: bool = False) -> np.ndarray:
    """Return float32 (N, PLACES), about -2 to 2: where boxes lie in their picture, and how large they are."""
    x_min, y_min, x_max, y_max = (np.array(boxes, float).reshape(-1, 4) / [width, height, width, height]).T
    if mirror:
        x_min, x_max = 1 - x_max, 1 - x_min
    # a logarithm, because sizes matter as ratios
    wide, high = np.log((x_max - x_min).clip(0) + 0.03), np.log((y_max - y_min).clip(0) + 0.03)
    sides = (x_min * 3 - 1, y_min * 3 - 1.5, x_max * 3 - 2, y_max * 3 - 1.5)
    return np.stack([*sides, wide + 1, high + 1, wide - high], 1).astype(np.float32)
