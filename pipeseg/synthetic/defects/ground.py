"""What lies behind the wall: soil, void, and the broken or sawn faces of the pipe itself."""

from __future__ import annotations

import numpy as np

from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.surface import tinted

Colour = tuple[float, float, float]
SOILS: tuple[Colour, ...] = ((0.10, 0.13, 0.16), (0.14, 0.24, 0.36), (0.05, 0.06, 0.06))  # BGR: earth, clay, void


def soil_albedo(soil: Colour, grain: np.ndarray) -> np.ndarray:
    """Earth with its crumbs, (H, W, 3) float32, from a noise of unit variance (H, W)."""
    return tinted((1 + 0.45 * grain).clip(0.2, 2), soil)


def face_albedo(wall: Wall, brightness: float, rust: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """The section of the pipe's wall, a little warmer than its inside, (H, W, 3) float32, from two noises (H, W)."""
    colour = np.asarray(wall.material.colour) * np.array([0.75, 0.95, 1.12])
    return tinted(brightness * (1 + 0.25 * rust + 0.12 * grain).clip(0.3, 2), colour)
