"""Deposition: sediment that rises from the invert, granular, with a fuzzy upper edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.geometry import Rays, WallHit, smoothstep
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import SIZE, Textures, look_up, look_up_table, textures
from pipeseg.synthetic.surface import Surface, spread, tinted

LIMITS = Limits(area=(0.06, 0.55), fill=(0.3, 1.0))
COLOURS = (  # BGR: ochre sand, grey sludge, yellow gravel, brown silt
    (0.34, 0.50, 0.58),
    (0.42, 0.47, 0.48),
    (0.36, 0.58, 0.66),
    (0.26, 0.36, 0.44),
)
COLUMNS, ROWS = 192, 480  # height table over x in [-1, 1] and z in [0, SPAN] from its own start
SPAN = 7.5
STEPS = 28
BISECTIONS = 5


@dataclass(frozen=True, slots=True)
class Deposition:
    """A bed of sediment.

    Attributes:
        start: z of the tables' first row, radii.
        height, slope_x, slope_z: above the invert, in radii, (ROWS, COLUMNS) float32.
        relief: 0 in hollows, 1 on tops, (ROWS, COLUMNS) float32.
        grain: contrast of the granular texture; wet: gloss.
    """

    start: float
    height: np.ndarray
    slope_x: np.ndarray
    slope_z: np.ndarray
    relief: np.ndarray
    colour: tuple[float, float, float]
    grain: float
    wet: float
    instances: int = 1
    layer: int = 2

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        return hit

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        highest = 1.0 - float(self.height.max())
        low = (rays.oy + hit.t * rays.dy > highest) & (rays.dy > -0.2)
        rows = np.flatnonzero(low.any(axis=1))
        if rows.size == 0:
            return
        rows = slice(int(rows[0]), int(rows[-1]) + 1)
        self._paint_rows(rays.crop(rows), surface.crop(rows), tex, first)

    def _paint_rows(self, rays: Rays, surface: Surface, tex: Textures, first: int) -> None:
        t = self._march(rays, surface.t)
        found = np.isfinite(t) & (t < surface.t)
        t = np.where(found, t, 1.0).astype(np.float32)
        x, y, z = rays.at(t)
        column, row = self._cell(x, z)
        slope_x, slope_z = (look_up_table(s, column, row) for s in (self.slope_x, self.slope_z))
        # Thin cover lets the wall through: the edge frays along the grain instead of ending on a line.
        cover = np.sqrt(np.maximum(1 - x * x, 0)) - y
        pebbles = look_up(tex.grain, x * 0.9 + 0.3, (z - y) * 0.9)
        dust = look_up(tex.grain, x * 2.3 + 0.7, (z - y) * 2.3)
        found &= (cover > 0.012 + 0.016 * pebbles[..., 0]) & (np.abs(x) < 1)
        fine = np.clip(0.05 / (t * t * rays.pixel / 0.3), 0, 1)
        patches = look_up(tex.soft, x * 0.5 + 0.1, (z - y) * 0.35)
        value = 1 + 0.14 * patches + self.grain * fine * (0.2 * pebbles[..., 0] + 0.14 * dust[..., 0])
        albedo = tinted(np.maximum(value, 0.2), self.colour)
        # Hollows hold wet, dark mud; tops are washed pale.
        albedo *= spread(0.72 + 0.5 * look_up_table(self.relief, column, row))
        # Single pale stones catch the lamp.
        albedo *= spread(1 + 0.5 * smoothstep(1.3, 2.0, pebbles[..., 0]) * fine)
        bump = 0.5 * self.grain * fine
        normal = (
            -slope_x + bump * (pebbles[..., 1] + 0.5 * dust[..., 1]),
            np.full_like(t, -1.0),
            -slope_z + bump * (pebbles[..., 2] + 0.5 * dust[..., 2]),
        )
        surface.put(found, t, normal, albedo, self.wet, first)

    def _cell(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (x + 1) * ((COLUMNS - 1) / 2), (z - self.start) * ((ROWS - 1) / SPAN)

    def _gap(self, rays: Rays, t: np.ndarray) -> np.ndarray:
        """Height of the rays' points above the sediment, (H, W) float32, radii."""
        x, y, z = rays.at(t)
        return 1.0 - look_up_table(self.height, *self._cell(x, z)) - y

    def _march(self, rays: Rays, stop: np.ndarray) -> np.ndarray:
        """Distance to the first point below the sediment's surface, (H, W), inf where there is none before ``stop``."""
        above = np.zeros(stop.shape, np.float32)
        below = np.full(stop.shape, np.inf, np.float32)
        for t in np.geomspace(0.12, self.start + SPAN + 1.0, STEPS).astype(np.float32):
            reach = np.minimum(t, stop)
            inside = self._gap(rays, reach) < 0
            searching = np.isinf(below)
            below = np.where(searching & inside, reach, below)
            above = np.where(searching & ~inside, reach, above)
        found = np.isfinite(below)
        below = np.where(found, below, 1.0).astype(np.float32)
        for _ in range(BISECTIONS):
            middle = 0.5 * (above + below)
            inside = self._gap(rays, middle) < 0
            below = np.where(inside, middle, below)
            above = np.where(inside, above, middle)
        return np.where(found, below, np.inf)


def sample(rng: np.random.Generator, view: View) -> Deposition:
    """A bed that starts in front of the camera or under it."""
    top = rng.uniform(0.3, 0.72)
    start = view.camera.z + (rng.uniform(-1.2, 1.0) if view.axial else rng.uniform(-1.5, 0.5))
    length = rng.uniform(1.2, 7.0)
    z = np.linspace(0, SPAN, ROWS, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, COLUMNS, dtype=np.float32)[None, :]
    # Beyond its ends the bed dips below the invert, so that its rim is a real crossing with the wall.
    ramp = rng.uniform(0.5, 1.9)
    along = smoothstep(0.0, ramp, z) * smoothstep(length + ramp, length, z)
    shape = rng.choice(3, p=[0.5, 0.25, 0.25])
    if shape == 0:
        across = 1.0 - rng.uniform(0, 0.4) * x * x + rng.uniform(-0.35, 0.35) * x
    elif shape == 1:  # heaped on one side
        lean = rng.uniform(0.4, 0.8) * rng.choice([-1, 1])
        across = 0.85 + lean * x
    else:  # two banks with a channel between them
        middle, half = rng.uniform(-0.2, 0.2), rng.uniform(0.1, 0.28)
        across = 0.15 + 1.0 * smoothstep(half * 0.5, half * 1.6, np.abs(x - middle))
    noise = textures(0)
    u, v = rng.integers(0, SIZE, 2)
    rough = np.roll(noise.clouds[:SIZE, :SIZE, 0], (u, v), (0, 1))[:ROWS, :COLUMNS]
    lumps = np.roll(noise.grain[:SIZE, :SIZE, 0], (v, u), (0, 1))[:ROWS, :COLUMNS]
    height = top * along * across * (1 + 0.16 * rough)
    height = np.where(along > 0, height + along * 0.007 * lumps, 0).astype(np.float32)
    height = np.maximum(height, _cobbles(rng, top, along, across))
    height = cv2.GaussianBlur(height, (3, 3), 0.8)
    dz, dx = np.gradient(height, SPAN / (ROWS - 1), 2 / (COLUMNS - 1))
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    gain = rng.uniform(0.55, 1.1)
    return Deposition(
        start=start,
        height=height,
        slope_x=dx.clip(-1.5, 1.5).astype(np.float32),
        slope_z=dz.clip(-1.5, 1.5).astype(np.float32),
        relief=np.clip(0.5 + (height - cv2.GaussianBlur(height, (0, 0), 5)) * 14, 0, 1).astype(np.float32),
        colour=tuple(gain * c for c in colour),
        grain=rng.uniform(0.5, 1.1),
        wet=rng.uniform(0.05, 0.5),
    )


def _cobbles(rng: np.random.Generator, top: float, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    # Half-buried stones: elliptical caps stamped on the table; its cells are longer in x than they look in z.
    bed = np.broadcast_to(top * along * across, (ROWS, COLUMNS)).astype(np.float32)
    stones = np.zeros((ROWS, COLUMNS), np.float32)
    for _ in range(int(rng.integers(40, 240))):
        radius = 0.02 + 0.12 * rng.uniform() ** 2.5
        r, c = int(rng.integers(ROWS)), int(rng.integers(COLUMNS))
        half_r, half_c = int(radius / SPAN * ROWS) + 1, int(radius / 2 * COLUMNS) + 1
        r0, r1, c0, c1 = max(r - half_r, 0), min(r + half_r, ROWS), max(c - half_c, 0), min(c + half_c, COLUMNS)
        dr = (np.arange(r0, r1)[:, None] - r) / half_r
        dc = (np.arange(c0, c1)[None, :] - c) / half_c
        cap = radius * np.sqrt(np.maximum(1 - dr * dr - dc * dc, 0))
        part = stones[r0:r1, c0:c1]
        np.maximum(part, cap, out=part)
    return np.where((bed > 0.1) & (stones > 0), bed - 0.01 + stones * 0.6, 0).astype(np.float32)
