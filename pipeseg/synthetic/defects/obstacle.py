"""Obstacle: one or two opaque things in the pipe: stone, brick, bottle, hanging roots."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.defects.bodies import Body, bottle, brick, paint_part, roots, stone
from pipeseg.synthetic.geometry import Rays, WallHit
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures
from pipeseg.synthetic.surface import Surface

LIMITS = Limits(area=(0.012, 0.3), fill=(0.25, 1.0))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A few bodies, each an instance of its own."""

    bodies: tuple[Body, ...]
    layer: int = 3

    @property
    def instances(self) -> int:
        return len(self.bodies)

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        return hit

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        for number, body in enumerate(self.bodies):
            self._shadow(rays, surface, body)
            window = rays.window(*body.ball())
            if window is None:
                continue
            near, there = rays.crop(*window), surface.crop(*window)
            for part in body.parts:
                paint_part(near, there, part, tex, first + number)
            if body.bundle:
                _fill_gaps(rays, surface, body, first + number)

    def _shadow(self, rays: Rays, surface: Surface, body: Body) -> None:
        # The lamp sits at the camera, so the shadow falls just behind the body and pools under it.
        x, y, z = rays.at(surface.t)
        cx, cy, cz, size = (float(v) for v in (*body.centre, body.size))
        distance = ((x - cx) / (1.25 * size)) ** 2 + ((z - cz - 0.45 * size) / (1.7 * size)) ** 2
        distance += ((y - cy) / (1.8 * size)) ** 2
        surface.shade *= 1 - 0.72 * np.exp(-distance * np.sqrt(distance))


def _fill_gaps(rays: Rays, surface: Surface, body: Body, instance: int) -> None:
    # Hair roots too fine to draw darken what shows between the strands, and belong to the bundle.
    strands = surface.instance == instance
    if not strands.any():
        return
    gap = round(body.bundle / (float(np.median(surface.t[strands])) * rays.pixel)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))
    # Beyond the picture's rim nothing is known: padding keeps the closing from biting into the rim.
    padded = cv2.copyMakeBorder(strands.astype(np.uint8), gap, gap, gap, gap, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[gap:-gap, gap:-gap].astype(bool)
    between = closed & (surface.instance == 0)
    surface.instance[between] = instance
    surface.shade[between] *= 0.4
    surface.gloss[between] = 0


def sample(rng: np.random.Generator, view: View) -> Obstacle:
    """One or two bodies on the floor of the pipe, or a root bundle that hangs into it."""
    kinds = {"stone": stone, "brick": brick, "bottle": bottle, "roots": roots}
    count = 2 if rng.uniform() < 0.3 else 1
    bodies = []
    for _ in range(count):
        kind = kinds[str(rng.choice(list(kinds), p=[0.36, 0.22, 0.22, 0.20]))]
        ahead = rng.uniform(1.0, 2.3) if view.axial else rng.uniform(0.5, 1.2)
        aside = rng.uniform(-0.45, 0.45) if view.axial else view.side * rng.uniform(0.2, 0.6)
        bodies.append(kind(rng, aside, view.camera.z + ahead))
    return Obstacle(tuple(bodies))
