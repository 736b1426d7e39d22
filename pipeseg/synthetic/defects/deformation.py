"""Deformation: the wall bulges inwards as a sheet with a sharp crease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.geometry import Rays, WallHit, smoothstep
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface

LIMITS = Limits(area=(0.03, 0.5))
STEPS = 26
VISIBLE = 0.05  # a narrowing below five percent of the radius is no defect


@dataclass(frozen=True, slots=True)
class Deformation:
    """A bulge around wall angle ``middle`` and position ``z``.

    Attributes:
        rise: how far the wall comes in, radii.
        spread, reach: half sizes around the pipe (radians) and along it (radii).
        lean: turn of the fold along the pipe; crease: 0 round, 1 sharp; sheet: how pale the stretched wall is.
    """

    z: float
    middle: float
    rise: float
    spread: float
    reach: float
    lean: float
    crease: float
    sheet: float
    instances: int = 1
    layer: int = 1

    def narrowing(self, theta: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How far the wall has moved inwards at (theta, z), (H, W), radii."""
        along = (z - self.z) / self.reach
        around = ((theta - self.middle - self.lean * along + np.pi) % (2 * np.pi) - np.pi) / self.spread
        tent = np.clip(1 - np.abs(around), 0, 1)
        # A fold is steep on the far side, drawn out on the near one.
        fold = smoothstep(-1.0, 0.55, along) * smoothstep(1.0, 0.6, along)
        return self.rise * fold * (self.crease * tent + (1 - self.crease) * tent * tent * (3 - 2 * tent))

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        best = hit.t.copy()
        open_rays = np.ones(hit.t.shape, bool)
        last = np.minimum(hit.t, abs(self.z) + self.reach + 4)
        previous_gap, previous_t = None, None
        for share in np.linspace(0.12, 1.0, STEPS, dtype=np.float32):
            t = last * share
            x, y, z = rays.at(t)
            gap = 1 - self.narrowing(np.arctan2(x, y), z) - np.sqrt(x * x + y * y)
            if previous_gap is not None:
                crossed = open_rays & (gap < 0) & (previous_gap >= 0)
                part = previous_gap / np.maximum(previous_gap - gap, 1e-6)
                best[crossed] = (previous_t + part * (t - previous_t))[crossed]
                open_rays &= ~crossed
            previous_gap, previous_t = gap, t
        x, y, z = rays.at(best)
        cosine = np.where(open_rays, hit.cosine, np.maximum(hit.cosine, 0.25))
        return WallHit(best, np.arctan2(x, y).astype(np.float32), z.astype(np.float32), cosine)

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        narrowing = self.narrowing(hit.theta, hit.z)
        bulge = narrowing > VISIBLE
        step = np.float32(0.015)
        across = (self.narrowing(hit.theta + step, hit.z) - self.narrowing(hit.theta - step, hit.z)) / (2 * step)
        along = (self.narrowing(hit.theta, hit.z + step) - self.narrowing(hit.theta, hit.z - step)) / (2 * step)
        sin, cos = np.sin(hit.theta), np.cos(hit.theta)
        # Inward normal of r = 1 - narrowing(theta, z), on top of the wall's own relief.
        grade = across / np.maximum(1 - narrowing, 0.2)
        relief_z = surface.nz * 0.8
        normal = (-sin - grade * cos, -cos + grade * sin, -along + relief_z)
        wrinkles = look_up(tex.soft, hit.theta * 0.5, hit.z * 0.4)
        pale = self.sheet * (1 + 0.2 * wrinkles)[..., None] * np.array([0.78, 0.74, 0.68], np.float32)
        albedo = 0.45 * surface.albedo + 0.55 * pale
        surface.put(bulge, hit.t, normal, albedo.astype(np.float32), 0.6, first, surface.shade)


def sample(rng: np.random.Generator, view: View) -> Deformation:
    """A bulge at the crown or a side, in front of the camera."""
    ahead = rng.uniform(1.0, 2.0) if view.axial else rng.uniform(0.4, 1.0)
    middle = rng.uniform(0.45, 1.55) * np.pi if view.axial else np.pi / 2 * view.side + rng.uniform(-0.4, 0.4)
    return Deformation(
        z=view.camera.z + ahead,
        middle=float(middle),
        rise=rng.uniform(0.25, 0.55),
        spread=rng.uniform(0.55, 1.1),
        reach=rng.uniform(0.5, 1.1),
        lean=rng.uniform(-0.5, 0.5),
        crease=rng.uniform(0.5, 1.0),
        sheet=rng.uniform(0.5, 1.0),
    )
