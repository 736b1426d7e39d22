"""What every synthetic defect class has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeseg.synthetic.geometry import Camera, Rays, WallHit
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures
from pipeseg.synthetic.surface import Surface


@dataclass(frozen=True, slots=True)
class View:
    """Where a defect has to lie to be seen: the camera, and how it looks (``axial`` or at the wall)."""

    camera: Camera
    axial: bool

    @property
    def side(self) -> float:
        """Wall side that the camera looks at: +1 right, -1 left."""
        return 1.0 if self.camera.yaw >= 0 else -1.0


class Defect(Protocol):
    """A defect in a scene. Its randomness is spent when it is sampled: painting it twice gives the same pixels.

    Attributes:
        instances: how many separately boxed things it consists of.
        layer: painters run in this order, so that what lies on top is painted last.
    """

    instances: int
    layer: int

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        """Move the wall itself; most defects return ``hit`` unchanged."""
        ...

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        """Draw the defect into ``surface``; its instances are numbered from ``first``."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """When a drawn defect counts as clearly visible: share of the picture, and share of its own box."""

    area: tuple[float, float]
    fill: tuple[float, float] = (0.0, 1.0)
