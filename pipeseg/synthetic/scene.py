"""One place in a pipe: wall, water, light, camera and defects, and how a place is drawn from chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeseg.synthetic.defects import DEFECTS, Defect, View
from pipeseg.synthetic.geometry import Camera
from pipeseg.synthetic.materials import Wall, sample_wall

WALL_VIEW_SHARE = 0.2
SECOND_CLASS_SHARE = 0.2
WATER_SHARE = 0.45


@dataclass(frozen=True, slots=True)
class Water:
    """Still or rippled water whose surface lies at ``level`` (y, radii)."""

    level: float
    ripple: float
    colour: tuple[float, float, float]
    offset: float


@dataclass(frozen=True, slots=True)
class Light:
    """The lamp around the lens and what the air makes of it."""

    aside: float  # lamp beside the lens, radii
    height: float  # lamp above the lens, radii
    falloff: float
    cone: float  # half angle at which the beam has faded, radians
    ambient: float  # light that the walls pass on to each other
    haze: float  # extinction per radius
    exposure: float  # mean luma that the camera aims at, 0..255
    balance: tuple[float, float, float]  # white balance, BGR gains


@dataclass(frozen=True, slots=True)
class Scene:
    """A place in a pipe. ``defects`` pairs a class key with what is drawn; the first is the primary one."""

    wall: Wall
    water: Water | None
    light: Light
    camera: Camera
    axial: bool
    defects: tuple[tuple[str, Defect], ...]

    @property
    def instance_classes(self) -> list[str]:
        """Class key of instance number 1, 2, ..."""
        return [key for key, defect in self.defects for _ in range(defect.instances)]

    def advanced(self, rng: np.random.Generator) -> Scene:
        """The next video frame: the camera a few hundredths of a radius further, shaken a little."""
        step = rng.uniform(0.03, 0.08)
        return replace(self, camera=self.camera.advanced(step, rng.normal(0, 0.008), rng.normal(0, 0.008)))


def sample_scene(rng: np.random.Generator, primary: str | None, classes: Sequence[str]) -> Scene:
    """Draw a scene that holds ``primary`` (None: no defect), and now and then a second class of ``classes``."""
    axial = bool(rng.uniform() > WALL_VIEW_SHARE)
    camera = _sample_camera(rng, axial)
    view = View(camera, axial)
    keys = [] if primary is None else [primary]
    others = [key for key in classes if key != primary]
    if primary is not None and others and rng.uniform() < SECOND_CLASS_SHARE:
        keys.append(others[int(rng.integers(len(others)))])
    wall = sample_wall(rng)
    water = _sample_water(rng) if rng.uniform() < WATER_SHARE else None
    light = _sample_light(rng, axial)
    return Scene(wall, water, light, camera, axial, tuple((key, DEFECTS[key].sample(rng, view)) for key in keys))


def _sample_camera(rng: np.random.Generator, axial: bool) -> Camera:
    if axial:
        yaw, pitch = rng.normal(0, 0.09), rng.normal(0.02, 0.06)
        focal = rng.uniform(0.5, 0.78) * (1.0 if rng.uniform() < 0.8 else rng.uniform(1.2, 1.6))
    else:
        yaw, pitch = rng.uniform(0.55, 1.05) * rng.choice([-1, 1]), rng.uniform(-0.1, 0.4)
        focal = rng.uniform(0.55, 0.9)
    x, y = rng.uniform(-0.16, 0.16), rng.uniform(-0.15, 0.25)
    return Camera(float(x), float(y), 0.0, float(yaw), float(pitch), float(rng.normal(0, 0.04)), float(focal))


def _sample_water(rng: np.random.Generator) -> Water:
    colours = ((0.10, 0.11, 0.11), (0.12, 0.17, 0.19), (0.15, 0.15, 0.12))
    still = rng.uniform() < 0.6
    return Water(
        level=rng.uniform(0.72, 0.94),
        ripple=rng.uniform(0.008, 0.03) if still else rng.uniform(0.04, 0.1),
        colour=colours[int(rng.integers(len(colours)))],
        offset=rng.uniform(),
    )


def _sample_light(rng: np.random.Generator, axial: bool) -> Light:
    warm = rng.normal(0, 0.05)
    return Light(
        aside=rng.uniform(-0.25, 0.25),
        height=rng.uniform(-0.1, 0.4),
        falloff=rng.uniform(0.05, 0.3),
        cone=rng.uniform(0.6, 1.0),
        ambient=rng.uniform(0.12, 0.3),
        haze=rng.uniform(0.01, 0.1),
        exposure=rng.uniform(95, 130) if axial else rng.uniform(100, 130),
        balance=(1 + warm, 1.0, 1 - warm),
    )
