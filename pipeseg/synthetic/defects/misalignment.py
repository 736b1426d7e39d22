"""Misalignment: the next segment lies off the axis; a crescent of its end and of the soil shows at the joint."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.defects.ground import SOILS, face_albedo, soil_albedo
from pipeseg.synthetic.geometry import Rays, WallHit, angle_of, cylinder_hit
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface

LIMITS = Limits(area=(0.012, 0.3), fill=(0.1, 0.6))
ON_PLANE = 2e-3  # radii


@dataclass(frozen=True, slots=True)
class Misalignment:
    """All of the pipe beyond ``z`` is moved aside by (``x``, ``y``), radii.

    Attributes:
        thickness: of the pipe's wall, radii; what of the crescent is wider shows the soil behind it.
        face: brightness of the exposed end; chips: how far its rim is broken back, radii.
    """

    z: float
    x: float
    y: float
    thickness: float
    soil: tuple[float, float, float]
    face: float
    chips: float
    offset: float
    instances: int = 1
    layer: int = 0

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        aside = cylinder_hit(replace(rays, ox=rays.ox - np.float32(self.x), oy=rays.oy - np.float32(self.y)))
        forward = np.where(np.abs(rays.dz) < 1e-4, np.float32(1e-4), rays.dz)
        plane = (self.z - rays.oz) / forward
        x, y, _ = rays.at(plane)
        # Rays that start beyond the joint (reflections) only know the moved pipe.
        crosses = (plane > 0) & (plane < hit.t) & (rays.dz > 0)
        end = crosses & self._blocked(x, y)
        through = (crosses & ~end) | ((rays.oz > self.z) & (aside.z > self.z))
        t = np.where(through, aside.t, np.where(end, plane, hit.t)).astype(np.float32)
        theta = np.where(through, aside.theta, np.where(end, angle_of(x, y), hit.theta)).astype(np.float32)
        z = np.where(through, aside.z, np.where(end, np.float32(self.z), hit.z)).astype(np.float32)
        cosine = np.where(through, aside.cosine, np.where(end, np.abs(rays.dz), hit.cosine)).astype(np.float32)
        return WallHit(t, theta, z, cosine)

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        x, y, z = rays.at(hit.t)
        end = (np.abs(z - self.z) < ON_PLANE) & self._blocked(x, y)
        grain = look_up(tex.grain, x * 0.9 + self.offset, y * 0.9)
        patches = look_up(tex.soft, x * 0.5, y * 0.5 + self.offset)
        earth = np.hypot(x - self.x, y - self.y) > 1 + self.thickness * (1 + 0.12 * patches)
        face = face_albedo(wall, self.face, patches, grain[..., 0])
        albedo = np.where(earth[..., None], soil_albedo(self.soil, grain[..., 0]), face).astype(np.float32)
        relief = np.where(earth, np.float32(0.5), np.float32(0.12))
        normal = (relief * grain[..., 1], relief * grain[..., 2], np.full_like(x, -1.0))
        from_axis = np.hypot(x, y)
        # The near wall keeps light from the corner that it makes with the end.
        corner = np.clip((1 - from_axis) / 0.12, 0, 1)
        surface.put(end, hit.t, normal, albedo, 0.15, first, 0.4 + 0.6 * corner)
        # On the other side the near rim hides the start of the wall beyond.
        behind = np.clip((from_axis - 1) / 0.1, 0, 1) * (z > self.z + ON_PLANE)
        surface.shade *= 1 - 0.75 * behind * np.exp(-np.maximum(z - self.z, 0) / 0.35)
        lip = (np.abs(z - self.z + 0.02) < 0.02) & ~end
        surface.albedo[lip] *= 1.2

    def _blocked(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether points of the joint's plane (H, W) lie outside the bore of the next segment."""
        dx, dy = x - self.x, y - self.y
        turn = angle_of(dx, dy) + np.float32(6 * self.offset)
        ragged = np.abs(np.sin(3 * turn) + np.sin(8 * turn + 1) + 0.7 * np.sin(19 * turn + 2)) / 2.7
        return np.hypot(dx, dy) > 1 + self.chips * ragged


def sample(rng: np.random.Generator, view: View) -> Misalignment:
    """An offset of 3 to 20 % of the diameter at a joint ahead; in a side view, towards the other side."""
    shift = rng.uniform(0.06, 0.4)
    ahead = rng.uniform(0.9, 2.0) if view.axial else rng.uniform(0.5, 1.1)
    way = rng.uniform(0, 2 * np.pi) if view.axial else -np.pi / 2 * view.side + rng.uniform(-0.6, 0.6)
    return Misalignment(
        z=view.camera.z + ahead,
        x=float(shift * np.sin(way)),
        y=float(shift * np.cos(way)),
        thickness=rng.uniform(0.07, 0.16),
        soil=SOILS[int(rng.integers(len(SOILS)))],
        face=rng.uniform(0.5, 1.15),
        chips=rng.uniform(0.0, 0.03),
        offset=rng.uniform(),
    )
