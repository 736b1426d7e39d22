"""Deformation: the wall bulges inwards as a sheet with a sharp crease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.geometry import Rays, WallHit, angle_of, smoothstep, wrapped
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface, spread, tinted

LIMITS = Limits(area=(0.03, 0.5))
STEPS = 10
BISECTIONS = 3
VISIBLE = 0.05  # a narrowing below five percent of the radius is no defect


@dataclass(frozen=True, slots=True)
class Deformation:
    """A bulge around wall angle ``middle`` and position ``z``.

    Attributes:
        rise: how far the wall comes in, radii.
        spread, reach: half sizes around the pipe (radians) and along it (radii).
        lean: turn of the fold along the pipe; crease: 0 round, 1 sharp; sheet: how pale the stretched wall is.
    """

    z: float
    middle: float
    rise: float
    spread: float
    reach: float
    lean: float
    crease: float
    sheet: float
    instances: int = 1
    layer: int = 1

    def narrowing(self, theta: np.ndarray, z: np.ndarray) -> np.ndarray:
        """How far the wall has moved inwards at (theta, z), (H, W), radii."""
        along = (z - self.z) / self.reach
        # The bulge tapers off towards its ends.
        spread = self.spread * np.sqrt(np.clip(1 - along * along, 0.04, 1))
        around = wrapped(theta - self.middle - self.lean * along) / spread
        tent = np.clip(1 - np.abs(around), 0, 1)
        # A fold is steep on the far side, drawn out on the near one.
        fold = smoothstep(-1.0, 0.55, along) * smoothstep(1.0, 0.6, along)
        return self.rise * fold * (self.crease * tent + (1 - self.crease) * tent * tent * (3 - 2 * tent))

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        start, stop = self._stretch(rays, hit)
        near = (start < stop) & self._faces(rays, start, stop)
        # Only the rays that come near the bulge are marched, as flat lists.
        origin = [np.broadcast_to(np.float32(o), near.shape)[near] for o in (rays.ox, rays.oy, rays.oz)]
        part = Rays(*origin, rays.dx[near], rays.dy[near], rays.dz[near], rays.pixel)
        free, inside = start[near], np.full(int(near.sum()), np.inf, np.float32)
        length = stop[near] - free
        for step in range(1, STEPS + 1):
            t = start[near] + length * np.float32(step / STEPS)
            within = self._gap(part, t) < 0
            searching = np.isinf(inside)
            inside = np.where(searching & within, t, inside)
            free = np.where(searching & ~within, t, free)
        found = np.isfinite(inside)
        inside = np.where(found, inside, free)
        for _ in range(BISECTIONS):
            middle = 0.5 * (free + inside)
            within = self._gap(part, middle) < 0
            inside, free = np.where(within, middle, inside), np.where(within, free, middle)
        met = near.copy()
        met[near] = found
        t = hit.t.copy()
        t[met] = inside[found]
        x, y, z = rays.at(t)
        theta = np.where(met, angle_of(x, y), hit.theta)
        cosine = np.where(met, np.maximum(hit.cosine, 0.25), hit.cosine)
        return WallHit(t, theta.astype(np.float32), np.where(met, z, hit.z).astype(np.float32), cosine)

    def _stretch(self, rays: Rays, hit: WallHit) -> tuple[np.ndarray, np.ndarray]:
        """Distances between which a ray can meet the bulge, two (H, W); the first is larger where it cannot."""
        dz = np.where(np.abs(rays.dz) < 1e-5, np.float32(1e-5), rays.dz)
        ends = (self.z - self.reach - rays.oz) / dz, (self.z + self.reach - rays.oz) / dz
        # Nothing comes further in than a cylinder of this radius.
        a = np.maximum(rays.dx**2 + rays.dy**2, np.float32(1e-6))
        b = rays.ox * rays.dx + rays.oy * rays.dy
        c = rays.ox**2 + rays.oy**2 - (1 - self.rise) ** 2
        core = np.where(c < 0, (np.sqrt(np.maximum(b * b - a * c, 0)) - b) / a, 0)
        start = np.maximum(np.maximum(core, np.minimum(*ends)), 0)
        return start.astype(np.float32), np.minimum(hit.t, np.maximum(*ends)).astype(np.float32)

    def _faces(self, rays: Rays, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Whether a stretch of ray passes the bulge's side of the pipe, (H, W) bool."""
        reach = self.spread + abs(self.lean) + 0.3  # a third of a stretch turns by less than that
        sin, cos, rim = (float(v) for v in (np.sin(self.middle), np.cos(self.middle), np.cos(min(reach, np.pi))))
        passes = np.zeros(start.shape, bool)
        for share in (0.0, 0.33, 0.67, 1.0):
            x, y, _ = rays.at(start + np.float32(share) * (stop - start))
            passes |= x * sin + y * cos > rim * np.sqrt(x * x + y * y)
        return passes

    def _gap(self, rays: Rays, t: np.ndarray) -> np.ndarray:
        """How far the rays' points are from the wall, towards the axis, radii."""
        x, y, z = rays.at(t)
        return 1 - self.narrowing(angle_of(x, y), z) - np.sqrt(x * x + y * y)

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        narrowing = self.narrowing(hit.theta, hit.z)
        bulge = narrowing > VISIBLE
        step = np.float32(0.015)
        across = (self.narrowing(hit.theta + step, hit.z) - self.narrowing(hit.theta - step, hit.z)) / (2 * step)
        along = (self.narrowing(hit.theta, hit.z + step) - self.narrowing(hit.theta, hit.z - step)) / (2 * step)
        sin, cos = np.sin(hit.theta), np.cos(hit.theta)
        # Inward normal of r = 1 - narrowing(theta, z), on top of the wall's own relief.
        grade = across / np.maximum(1 - narrowing, 0.2)
        # The wall's own relief rides on the bulge.
        relief = (surface.nx + sin, surface.ny + cos, surface.nz)
        normal = (-sin - grade * cos + relief[0], -cos + grade * sin + relief[1], -along + relief[2])
        wrinkles = look_up(tex.soft, hit.theta * 0.5, hit.z * 0.4)
        folds = look_up(tex.soft, hit.theta * 0.25 + 0.3, hit.z * 1.1)
        # Stretched wall turns pale, most where it has come furthest.
        stretched = self.sheet * smoothstep(VISIBLE, 0.6 * self.rise, narrowing) * (1 + 0.25 * wrinkles)
        worn = 1 + 0.18 * folds + 0.12 * np.sign(across)
        pale = tinted(worn * (0.62 + 0.1 * wrinkles), (1.05, 1.0, 0.93))
        mix = spread(np.clip(stretched, 0, 0.75))
        albedo = surface.albedo * (1 - mix) + pale * mix
        # The hollow between the bulge and the wall behind it is dark, and so is the sharp crease along its top.
        foot = smoothstep(3 * VISIBLE, VISIBLE, narrowing) * bulge
        albedo *= spread(1 - 0.35 * foot)
        gloss = np.maximum(surface.gloss, 0.5 * self.sheet)
        surface.put(bulge, hit.t, normal, albedo.astype(np.float32), gloss, first, surface.shade)


def sample(rng: np.random.Generator, view: View) -> Deformation:
    """A bulge at the crown or a side, in front of the camera."""
    ahead = rng.uniform(1.1, 2.2) if view.axial else rng.uniform(0.4, 1.0)
    middle = rng.uniform(0.45, 1.55) * np.pi if view.axial else np.pi / 2 * view.side + rng.uniform(-0.4, 0.4)
    return Deformation(
        z=view.camera.z + ahead,
        middle=float(middle),
        rise=rng.uniform(0.25, 0.55),
        spread=rng.uniform(0.55, 1.1),
        reach=rng.uniform(0.5, 1.1),
        lean=rng.uniform(0.3, 0.9) * float(rng.choice([-1, 1])),
        crease=rng.uniform(0.5, 1.0),
        sheet=rng.uniform(0.1, 0.9),
    )
