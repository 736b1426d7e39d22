"""Pipe materials: colour, relief, rings, joints and harmless stains of the wall."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.synthetic.geometry import Rays, WallHit, smoothstep, wrapped
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
    bricks: tuple[float, float] | None = None  # length along the pipe and height of a course, radii


MATERIALS: dict[str, Material] = {
    "corrugated": Material((0.36, 0.33, 0.28), (0.52, 0.42, 0.24), 0.16, 0.30, (0.5, 1.0), (0.07, 0.17), 0.6, (2.5, 5)),
    "concrete": Material((0.47, 0.50, 0.51), (0.36, 0.40, 0.43), 0.16, 0.26, (0.0, 0.12), (0.05, 0.3), 0.2, (1.4, 2.6)),
    "plastic": Material((0.62, 0.60, 0.56), (0.55, 0.52, 0.46), 0.07, 0.14, (0.0, 0.35), (0.05, 0.1), 0.7, (2.0, 4.0)),
    "rough": Material((0.40, 0.45, 0.48), (0.27, 0.38, 0.47), 0.3, 0.36, (0.0, 0.0), (0.1, 0.2), 0.3, (1.2, 2.2)),
    "brick": Material(
        (0.30, 0.37, 0.50), (0.36, 0.40, 0.45), 0.16, 0.2, (0.0, 0.0), (0.1, 0.2), 0.3, (40, 60), bricks=(0.5, 0.19)
    ),
}
MATERIAL_SHARES = (0.34, 0.25, 0.17, 0.14, 0.10)
MORTAR = (0.50, 0.54, 0.55)

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
    material = MATERIALS[str(rng.choice(list(MATERIALS), p=MATERIAL_SHARES))]
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

    (g0, g1, g2), (l0, l1, l2) = cv2.split(grain)[:3], cv2.split(lumps)[:3]
    value = 1 + material.mottle * (0.4 * patches + 0.35 * drips + 0.4 * l0 + 0.2 * fine * g0)
    value = np.maximum(value, 0.25)
    mortar = None
    if material.bricks is not None:
        mortar, tone = _bricks(hit.theta, hit.z, footprint, *material.bricks)
        value *= (1 + 0.35 * tone) * (1 - mortar)
        mortar = mortar * (0.75 + 0.2 * patches)

    spread = 1.6 - 2.4 * wall.stain
    stained = smoothstep(spread, spread + 0.7, drips + 0.25 * g0 * fine) * 0.7
    below_tide = smoothstep(wall.tide - 0.05, wall.tide + 0.1, cos + 0.05 * patches)
    joint = _joints(hit.z, footprint, wall)
    over = (1 - 0.35 * below_tide) * joint

    nz = np.zeros_like(hit.z)
    if wall.ring_slope > 0:
        visible = np.clip(1.3 - 3.0 * footprint / wall.ring_period, 0, 1) * wall.ring_slope
        phase = np.float32(2 * np.pi / wall.ring_period) * hit.z + np.float32(wall.spiral) * hit.theta
        nz = -visible * np.sin(phase)
        over *= 1 + 0.16 * visible * np.cos(phase)

    # Droplets on a wet film catch the lamp.
    film = smoothstep(0.1, 1.0, patches - 0.5 * drips) * material.gloss
    droplets = np.clip(g0 - 1.9, 0, 1) * np.clip(0.018 / footprint, 0, 1) * film * joint

    mix = np.clip(0.5 + 0.35 * patches, 0, 1)
    value *= 1 - stained
    channels = []
    for c in range(3):
        one, other = wall.tint[c] * material.colour[c], wall.tint[c] * material.other_colour[c]
        channel = (one + (other - one) * mix) * value + wall.stain_colour[c] * stained
        if mortar is not None:
            channel += MORTAR[c] * mortar * (1 - stained)
        channels.append(np.maximum(channel * over + 1.2 * droplets, 0.02))

    # Coarse bumps stay visible further down the pipe than fine ones.
    coarse = 0.4 * material.relief * np.clip(0.09 / footprint, 0, 1)
    tangent = bump * g1 + coarse * l1
    nz = nz + bump * g2 + coarse * l2
    nx, ny = -sin + tangent * cos, -cos - tangent * sin
    length = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    return Surface(
        t=hit.t.copy(),
        nx=nx * length,
        ny=ny * length,
        nz=nz * length,
        albedo=cv2.merge(channels),
        gloss=material.gloss * (0.25 + 0.8 * stained + 0.6 * below_tide) + 1.2 * film,
        shade=np.ones_like(hit.t),
        instance=np.zeros(hit.t.shape, np.uint8),
    )


def _joints(z: np.ndarray, footprint: np.ndarray, wall: Wall) -> np.ndarray:
    # What a thin dark line and its lip leave of the colour, antialiased by the pixel's footprint.
    distance = np.abs(wrapped(z - wall.joint_phase, wall.joint_spacing))
    soft = np.maximum(footprint, 0.004)
    gap = np.clip((0.011 - distance) / soft + 0.5, 0, 1) * np.clip(0.022 / soft, 0, 1)
    lip = np.clip((0.05 - distance) / soft + 0.5, 0, 1) * np.clip(0.1 / soft, 0, 1)
    return 1 - 0.75 * gap + wall.joint_lip * lip


def _bricks(
    theta: np.ndarray, z: np.ndarray, footprint: np.ndarray, length: float, height: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage by mortar in [0, 1] and the tone of each brick in [-1, 1], both (H, W); courses run along the pipe."""
    courses = round(2 * np.pi / height)
    around = theta * np.float32(courses / (2 * np.pi))
    course = np.floor(around)
    along = z / length + 0.5 * (course % 2)
    brick = np.floor(along)
    soft = np.maximum(footprint, 0.006)
    distance = np.minimum(np.abs(around - np.round(around)) * height, np.abs(along - np.round(along)) * length)
    mortar = np.clip((0.018 - distance) / soft + 0.5, 0, 1)
    # Far courses are finer than a pixel: their mortar is an even veil.
    mortar *= np.clip(0.05 / soft, 0, 1)
    # A hash of the brick's place, the same in every frame.
    tone = np.sin(course * 12.9898 + brick * 78.233) * 43758.5453
    return mortar * 0.8, 2 * (tone - np.floor(tone)) - 1
