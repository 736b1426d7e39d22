"""Tileable noise textures with their slopes, and how to look them up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

SIZE = 512


@dataclass(frozen=True, slots=True)
class Textures:
    """Noise shared by all pictures of a dataset; every channel has mean 0 and standard deviation 1.

    Attributes:
        clouds, grain: coarse and fine, (SIZE + 1, SIZE + 1, 4) float32: value, d/du, d/dv, and nothing: OpenCV looks up
            four channels twice as quickly as three.
        soft: the value channel of ``clouds`` alone, (SIZE + 1, SIZE + 1) float32, three times as quick to look up.
    """

    clouds: np.ndarray
    grain: np.ndarray
    soft: np.ndarray


@lru_cache(maxsize=2)
def textures(seed: int) -> Textures:
    """The textures of a dataset seed; made once per process, the same in each of them."""
    rng = np.random.default_rng([seed, 0x7E97])
    clouds = _fractal(rng, 1.75, 1.0)
    return Textures(clouds=clouds, grain=_fractal(rng, 0.9, 10.0), soft=np.ascontiguousarray(clouds[..., 0]))


def _fractal(rng: np.random.Generator, slope: float, lowest: float) -> np.ndarray:
    # Filtering white noise in the Fourier domain makes it tile without a seam.
    fy, fx = np.meshgrid(np.fft.fftfreq(SIZE) * SIZE, np.fft.rfftfreq(SIZE) * SIZE, indexing="ij")
    frequency = np.hypot(fx, fy)
    gain = np.where(frequency >= lowest, np.maximum(frequency, 1.0) ** -slope, 0.0)
    gain *= np.exp(-((frequency / (SIZE * 0.3)) ** 2))
    value = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * gain, s=(SIZE, SIZE))
    du = np.roll(value, -1, 1) - np.roll(value, 1, 1)
    dv = np.roll(value, -1, 0) - np.roll(value, 1, 0)
    channels = [c / c.std() for c in (value - value.mean(), du, dv)]
    stack = np.stack([*channels, np.zeros_like(value)], axis=-1).astype(np.float32)
    return np.ascontiguousarray(np.pad(stack, ((0, 1), (0, 1), (0, 0)), mode="wrap"))


def look_up(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Sample a texture at ``u``, ``v`` (H, W), in tiles (1.0 is one period).

    Returns (H, W, 4) float32, or (H, W) for a texture of one channel.
    """
    map_u = ((u - np.floor(u)) * SIZE).astype(np.float32)
    map_v = ((v - np.floor(v)) * SIZE).astype(np.float32)
    return cv2.remap(texture, map_u, map_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def look_up_table(table: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Sample a table at fractional ``column``, ``row`` (H, W); beyond its rim the rim's value holds."""
    return cv2.remap(
        table, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
