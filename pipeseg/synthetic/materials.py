"""Pipe materials: colour, relief, rings, joints and harmless stains of the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.geometry import Rays, WallHit, smoothstep
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface


@dataclass(frozen=True, slots=True)
class Material:
    """A family of pipes. Colours are BGR reflectances in [0, 1]; ranges are sampled uniformly."""

    colour: tuple[float, float, float]
    other_colour: tuple[float, float, float]  # what patches of the wall drift towards
    relief: float  # slope of the fine bumps
    mottle: float  # contrast of the patches
    ring_slope: tuple[float, float]  # steepness of the corrugation, 0 for a smooth pipe
    ring_period: tuple[float, float]  # pipe radii
    gloss: float
    joint_spacing: tuple[float, float]


MATERIALS: dict[str, Material] = {
    "corrugated": Material((0.36, 0.33, 0.28), (0.52, 0.42, 0.24), 0.16, 0.30, (0.5, 1.0), (0.07, 0.17), 0.6, (2.5, 5)),
    "concrete": Material((0.47, 0.50, 0.51), (0.36, 0.40, 0.43), 0.16, 0.26, (0.0, 0.12), (0.05, 0.3), 0.2, (1.4, 2.6)),
    "plastic": Material((0.62, 0.60, 0.56), (0.55, 0.52, 0.46), 0.07, 0.14, (0.0, 0.35), (0.05, 0.1), 0.7, (2.0, 4.0)),
    "rough": Material((0.40, 0.45, 0.48), (0.27, 0.38, 0.47), 0.3, 0.36, (0.0, 0.0), (0.1, 0.2), 0.3, (1.2, 2.2)),
}

DARK_STAIN = np.array([0.20, 0.19, 0.17], np.float32)
RUST_STAIN = np.array([0.16, 0.27, 0.42], np.float32)
SALT_STAIN = np.array([0.70, 0.74, 0.75], np.float32)


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall, drawn from a material: everything that the painter needs, and no randomness left."""

    material: Material
    tint: tuple[float, float, float]
    ring_slope: float
    ring_period: float
    spiral: float  # ring turns gained per turn of theta
    joint_spacing: float
    joint_phase: float
    joint_lip: float
    stain: float  # how much of the wall stains cover, in [0, 1]
    stain_colour: tuple[float, float, float]
    tide: float  # height below which years of flow have darkened the wall, y in radii
    offset: tuple[float, float]  # where in the noise this wall lies


def sample_wall(rng: np.random.Generator) -> Wall:
    """Draw a wall: material, rings, joints, stains."""
    material = MATERIALS[str(rng.choice(list(MATERIALS), p=[0.36, 0.26, 0.18, 0.20]))]
    cold = rng.uniform(-1, 1)  # -1 ochre, +1 blue
    tint = (1 + 0.07 * cold + rng.normal(0, 0.01), 1 + rng.normal(0, 0.01), 1 - 0.06 * cold + rng.normal(0, 0.01))
    stain_colour = (DARK_STAIN, RUST_STAIN, SALT_STAIN)[int(rng.choice(3, p=[0.55, 0.25, 0.2]))]
    spacing = rng.uniform(*material.joint_spacing)
    return Wall(
        material=material,
        tint=tint,
        ring_slope=rng.uniform(*material.ring_slope),
        ring_period=rng.uniform(*material.ring_period),
        spiral=float(rng.choice([0, 0, 1])),
        joint_spacing=spacing,
        joint_phase=rng.uniform(0, spacing),
        joint_lip=rng.uniform(0.1, 0.5) * float(rng.choice([-1, 1], p=[0.3, 0.7])),
        stain=rng.uniform(0.0, 0.45),
        stain_colour=tuple(float(c) for c in stain_colour),
        tide=rng.uniform(0.3, 0.85),
        offset=(rng.uniform(), rng.uniform()),
    )


def paint_wall(rays: Rays, hit: WallHit, wall: Wall, tex: Textures) -> Surface:
    """The bare wall as the rays see it: albedo, bumped normal, gloss."""
    material = wall.material
    turn = hit.theta / np.float32(2 * np.pi)
    sin, cos = np.sin(hit.theta), np.cos(hit.theta)
    footprint = hit.footprint(rays.pixel)
    ou, ov = wall.offset

    patches = look_up(tex.soft, turn * 2 + ou, hit.z * 0.12 + ov)
    # Drips run down the wall, so stains are long in theta and short in z.
    drips = look_up(tex.soft, turn + ov, hit.z * 0.45 + ou)
    lumps = look_up(tex.clouds, turn * 5 + ou, hit.z * 0.7 + ov)
    grain = look_up(tex.grain, turn * 4 + ou, hit.z * 0.65 + ov)
    # What is finer than a pixel must fade, or far walls turn into moire.
    fine = np.clip(0.03 / footprint, 0, 1)
    bump = 0.8 * material.relief * fine

    mix = np.clip(0.5 + 0.35 * patches, 0, 1)[..., None]
    colour = np.asarray(material.colour, np.float32) * (1 - mix) + np.asarray(material.other_colour, np.float32) * mix
    value = 1 + material.mottle * (0.4 * patches + 0.35 * drips + 0.4 * lumps[..., 0] + 0.2 * fine * grain[..., 0])
    albedo = colour * (np.maximum(value, 0.25)[..., None] * np.asarray(wall.tint, np.float32))

    spread = 1.6 - 2.4 * wall.stain
    stained = (smoothstep(spread, spread + 0.7, drips + 0.25 * grain[..., 0] * fine) * 0.7)[..., None]
    albedo = albedo * (1 - stained) + np.asarray(wall.stain_colour, np.float32) * stained
    below_tide = smoothstep(wall.tide - 0.05, wall.tide + 0.1, cos + 0.05 * patches)
    albedo *= (1 - 0.35 * below_tide)[..., None]

    ring = np.float32(2 * np.pi / wall.ring_period)
    visible = np.clip(1.3 - 3.0 * footprint / wall.ring_period, 0, 1) * wall.ring_slope
    phase = ring * hit.z + np.float32(wall.spiral) * hit.theta
    nz = -visible * np.sin(phase)
    albedo *= (1 + 0.16 * visible * np.cos(phase))[..., None]

    # Droplets on a wet film catch the lamp.
    film = smoothstep(0.1, 1.0, patches - 0.5 * drips) * material.gloss
    droplets = np.clip(grain[..., 0] - 1.9, 0, 1) * np.clip(0.018 / footprint, 0, 1) * film
    albedo += (1.2 * droplets)[..., None]

    gap, lip = _joints(hit.z, footprint, wall)
    albedo *= (1 - 0.75 * gap + wall.joint_lip * lip)[..., None]

    # Coarse bumps stay visible further down the pipe than fine ones.
    coarse = 0.4 * material.relief * np.clip(0.09 / footprint, 0, 1)
    tangent = bump * grain[..., 1] + coarse * lumps[..., 1]
    nz = nz + bump * grain[..., 2] + coarse * lumps[..., 2]
    nx, ny = -sin + tangent * cos, -cos - tangent * sin
    length = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    gloss = material.gloss * (0.25 + 0.8 * stained[..., 0] + 0.6 * below_tide) + 1.2 * film
    shade = np.ones_like(hit.t)
    return Surface(
        hit.t.copy(),
        nx * length,
        ny * length,
        nz * length,
        np.maximum(albedo, 0.02),
        gloss,
        shade,
        np.zeros(hit.t.shape, np.uint8),
    )


def _joints(z: np.ndarray, footprint: np.ndarray, wall: Wall) -> tuple[np.ndarray, np.ndarray]:
    # Coverage of a thin dark line and of its lip, antialiased by the pixel's footprint.
    distance = np.abs((z - wall.joint_phase + wall.joint_spacing / 2) % wall.joint_spacing - wall.joint_spacing / 2)
    soft = np.maximum(footprint, 0.004)
    gap = np.clip((0.011 - distance) / soft + 0.5, 0, 1) * np.clip(0.022 / soft, 0, 1)
    lip = np.clip((0.05 - distance) / soft + 0.5, 0, 1) * np.clip(0.1 / soft, 0, 1)
    return gap, lip
