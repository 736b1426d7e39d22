"""Disconnection: an axial gap at a joint, a complete or partial ring that shows soil, the end face or darkness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.defects.ground import SOILS, face_albedo, soil_albedo
from pipeseg.synthetic.geometry import Rays, WallHit, wrapped
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface

LIMITS = Limits(area=(0.012, 0.24), fill=(0.08, 0.42))


@dataclass(frozen=True, slots=True)
class Disconnection:
    """A gap centred at ``z`` of full width ``width`` (radii), widest at angle ``middle``, spanning ``span`` radians."""

    z: float
    width: float
    tilt: float
    middle: float
    span: float
    depth: float
    soil: tuple[float, float, float]
    face: float  # brightness of the far pipe's end face
    rag: float  # raggedness of the edges
    offset: float
    instances: int = 1
    layer: int = 0

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        return hit

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        turn = hit.theta / np.float32(2 * np.pi)
        away = np.abs(wrapped(hit.theta - self.middle))
        # A partial gap closes like a wedge; a complete one is wider on one side.
        if self.span < 2 * np.pi:
            opening = np.sqrt(np.clip(1 - (2 * away / self.span) ** 2, 0, 1))
        else:
            opening = 1 + 0.25 * np.cos(away)
        ragged = look_up(tex.soft, turn * 4 + self.offset, np.full_like(turn, self.offset))
        half = 0.5 * self.width * opening * (1 + self.rag * ragged)
        along = hit.z - self.z - self.tilt * np.cos(hit.theta - self.middle)
        gap = (np.abs(along) < half) & (half > 0.006)
        lip = (np.abs(along) < half + 0.035) & ~gap & (half > 0.006)
        surface.albedo[lip] *= 1.25

        # Inside the gap the ray runs on until the end face of the next pipe or the soil behind the ring.
        to_face = (half - np.sign(rays.dz) * along) / np.maximum(np.abs(rays.dz), 1e-3)
        to_soil = self.depth / np.maximum(hit.cosine, 1e-3)
        faces = to_face < to_soil
        inside = np.minimum(to_face, to_soil)
        soil_noise = look_up(tex.grain, turn * 5 + self.offset, (hit.z + inside * rays.dz) * 0.8)
        rust = look_up(tex.soft, turn * 3, hit.z * 0.2 + self.offset)
        soil = soil_albedo(self.soil, soil_noise[..., 0])
        face = face_albedo(wall, self.face, rust, soil_noise[..., 0])
        albedo = np.where(faces[..., None], face, soil)
        sin, cos = np.sin(hit.theta), np.cos(hit.theta)
        normal = (
            np.where(faces, 0, -sin + 0.3 * soil_noise[..., 1]),
            np.where(faces, 0, -cos),
            np.where(faces, -np.sign(rays.dz), 0.3 * soil_noise[..., 2]),
        )
        # The deeper into the gap, the less light gets there.
        shade = 0.25 + 0.65 * np.exp(-np.maximum(inside, 0) * hit.cosine / (0.6 * self.depth))
        surface.put(gap, hit.t + inside, normal, albedo.astype(np.float32), 0.15, first, shade)


def sample(rng: np.random.Generator, view: View) -> Disconnection:
    """A gap wide enough to be seen at its distance: its width is chosen in the picture, then carried to the wall."""
    camera = view.camera
    complete = view.axial and rng.uniform() < 0.6
    ahead = rng.uniform(1.1, 2.6) if view.axial else rng.uniform(0.5, 1.3)
    share = rng.uniform(0.03, 0.065)  # of the picture's width
    width = float(np.clip(share * (ahead**2) / camera.focal, 0.05, 0.5 if view.axial else 0.16))
    return Disconnection(
        z=camera.z + ahead,
        width=width,
        tilt=rng.uniform(-0.06, 0.06),
        # Gaps at the invert drown under water and sediment, so partial ones favour the sides and the crown.
        middle=rng.uniform(0.25 * np.pi, 1.75 * np.pi),
        span=2 * np.pi if complete else rng.uniform(1.9, 4.6),
        depth=rng.uniform(0.06, 0.16),
        soil=SOILS[int(rng.integers(len(SOILS)))],
        face=rng.uniform(0.35, 1.0),
        rag=rng.uniform(0.03, 0.2),
        offset=rng.uniform(),
    )
