"""What each ray sees before light falls on it: distance, normal, colour, gloss and which defect it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Vector = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(slots=True)
class Surface:
    """Buffers of one picture; the render owns them, painters write through :meth:`put`.

    Attributes:
        t: distance along the ray, (H, W) float32, pipe radii.
        nx, ny, nz: unit normal towards the free space, (H, W) float32.
        albedo: BGR reflectance, (H, W, 3) float32.
        gloss: strength of the wet highlight, (H, W) float32.
        shade: what contact shadows leave of the light, (H, W) float32 in [0, 1].
        instance: defect instance number, 0 for none, (H, W) uint8.
    """

    t: np.ndarray
    nx: np.ndarray
    ny: np.ndarray
    nz: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    shade: np.ndarray
    instance: np.ndarray

    def put(
        self,
        where: np.ndarray,
        t: np.ndarray,
        normal: Vector,
        albedo: np.ndarray,
        gloss: float | np.ndarray,
        instance: int,
        shade: float | np.ndarray = 1.0,
    ) -> None:
        """Write a painted part at the pixels ``where`` (H, W) bool; the normal need not have unit length."""
        nx, ny, nz = (np.broadcast_to(n, where.shape)[where] for n in normal)
        length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-6
        self.t[where] = t[where]
        self.nx[where], self.ny[where], self.nz[where] = nx / length, ny / length, nz / length
        self.albedo[where] = albedo[where]
        self.gloss[where] = np.broadcast_to(gloss, where.shape)[where]
        self.shade[where] = np.broadcast_to(shade, where.shape)[where]
        self.instance[where] = instance

    def crop(self, rows: slice, columns: slice = slice(None)) -> Surface:
        """A view of a rectangle of the picture; writing to it writes here."""
        return Surface(*(getattr(self, name)[rows, columns] for name in self.__slots__))


def spread(field: np.ndarray) -> np.ndarray:
    """A field (H, W) three times, (H, W, 3): many times quicker to calculate with than a broadcast over BGR."""
    return cv2.merge([np.ascontiguousarray(field, np.float32)] * 3)


def tinted(field: np.ndarray, colour: Sequence[float]) -> np.ndarray:
    """A brightness (H, W) in a BGR colour, (H, W, 3) float32."""
    return cv2.merge([np.ascontiguousarray(field * np.float32(c), np.float32) for c in colour])
