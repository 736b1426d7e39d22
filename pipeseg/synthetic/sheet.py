"""Pictures about the sample dataset, for people: what its classes look like, and how its labels differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from pipeseg.synthetic.annotate import fill_polygons, hand_polygons
from pipeseg.synthetic.camera import develop, sample_caption, sample_look
from pipeseg.synthetic.mistakes import draw_boxes
from pipeseg.synthetic.noise import textures
from pipeseg.synthetic.options import Options
from pipeseg.synthetic.picture import instances_of, visible_scenes
from pipeseg.synthetic.plan import Job
from pipeseg.synthetic.render import render

COLOURS = {  # BGR, one a class
    "deposition": (80, 220, 80),
    "obstacle": (80, 80, 255),
    "disconnection": (40, 210, 255),
    "deformation": (255, 160, 60),
    "rupture": (255, 90, 230),
    "misalignment": (255, 255, 90),
}
GUTTER = 4


def contact_sheet(options: Options, columns: int) -> np.ndarray:
    """One row a class of ``columns`` pictures with their exact masks outlined, (H, W, 3) uint8 BGR."""
    rows = []
    for row, key in enumerate(options.classes):
        cells = []
        for column in range(columns):
            image, instances = _picture(options, row * columns + column, key)
            for other, mask in instances:
                contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(image, contours, -1, COLOURS[other], 1, cv2.LINE_AA)
            cells.append(image)
        rows.append(cells)
    return _grid(rows)


def label_sheet(options: Options) -> np.ndarray:
    """One row a class: detection box, the filled box, the hand mask, (H, W, 3) uint8 BGR."""
    rows = []
    for number, key in enumerate(options.classes):
        only = replace(options, classes=(key,))
        image, instances = _picture(only, number, key)
        height, width = image.shape[:2]
        rng = np.random.default_rng([options.seed, 6, number])
        colour = COLOURS[key]
        boxed, filled, hand = image.copy(), image.copy(), image.copy()
        inside = np.zeros((height, width), bool)
        for item in draw_boxes(instances, only.classes, height, width, rng, errors=0.0):
            b = item.box
            inside[b.y_min : b.y_max, b.x_min : b.x_max] = True
            cv2.rectangle(boxed, (b.x_min + 1, b.y_min + 1), (b.x_max - 2, b.y_max - 2), colour, 2)
        polygons = [polygon for _, mask in instances for polygon in hand_polygons(mask, rng)]
        _lay_over(filled, inside, colour)
        _lay_over(hand, fill_polygons(polygons, height, width), colour)
        rows.append([boxed, filled, hand])
    return _grid(rows)


def _picture(options: Options, number: int, key: str) -> tuple[np.ndarray, Sequence[tuple[str, np.ndarray]]]:
    tex = textures(options.seed)
    (scene,) = visible_scenes(Job(number, key, 1, 1, 0), options, tex)
    linear, numbers = render(scene, options.height, options.width, tex)
    rng = np.random.default_rng([options.seed, 5, number])
    image = develop(linear, scene.light, sample_look(rng), sample_caption(rng), rng)
    return image, instances_of(scene, numbers)


def _lay_over(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    image[mask] = (0.5 * image[mask] + 0.5 * np.array(colour)).astype(np.uint8)


def _grid(rows: list[list[np.ndarray]]) -> np.ndarray:
    height, width = rows[0][0].shape[:2]
    sheet = np.full((len(rows) * (height + GUTTER) - GUTTER, len(rows[0]) * (width + GUTTER) - GUTTER, 3), 24, np.uint8)
    for r, cells in enumerate(rows):
        for c, cell in enumerate(cells):
            y, x = r * (height + GUTTER), c * (width + GUTTER)
            sheet[y : y + height, x : x + width] = cell
    return sheet
