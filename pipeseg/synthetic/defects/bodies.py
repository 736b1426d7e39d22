"""Solid bodies that rays can hit exactly: convex polyhedra, capped cylinders and strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.geometry import Rays
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface, tinted

Hit = tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
NOTHING = np.float32(1e9)


@dataclass(frozen=True, slots=True)
class Paint:
    """How a part looks: BGR reflectance, contrast of its patches, slope of its bumps, highlight."""

    colour: tuple[float, float, float]
    mottle: float
    relief: float
    gloss: float
    offset: float


@dataclass(frozen=True, slots=True)
class Convex:
    """The points p with ``normals @ p <= limits``: normals (N, 3) unit, limits (N,)."""

    normals: np.ndarray
    limits: np.ndarray
    paint: Paint
    centre: np.ndarray
    reach: float  # radius of a ball around ``centre`` that holds the part

    def hit(self, rays: Rays) -> Hit:
        """Distance (H, W), outward normal and albedo gain where rays enter; NOTHING where they miss."""
        enter = np.full(rays.dx.shape, 1e-3, np.float32)
        leave = np.full(rays.dx.shape, NOTHING, np.float32)
        facing = np.zeros(rays.dx.shape, np.int16)
        for index, ((a, b, c), limit) in enumerate(zip(self.normals.astype(np.float32), self.limits, strict=True)):
            slope = a * rays.dx + b * rays.dy + c * rays.dz
            room = np.float32(limit) - (a * rays.ox + b * rays.oy + c * rays.oz)
            t = room / np.where(np.abs(slope) < 1e-6, np.float32(1e-6), slope)
            later = (slope < 0) & (t > enter)
            enter = np.where(later, t, enter)
            facing = np.where(later, np.int16(index), facing)
            leave = np.where(slope > 0, np.minimum(leave, t), leave)
        t = np.where((enter < leave) & (enter > 2e-3), enter, NOTHING)
        n = self.normals.astype(np.float32)[facing]
        # Neighbouring facets of one stone differ a little in colour.
        gain = (0.72 + 0.56 * ((facing * 7) % 5) / 4).astype(np.float32)
        return t, (n[..., 0], n[..., 1], n[..., 2]), gain


@dataclass(frozen=True, slots=True)
class Tube:
    """A capped cylinder from ``start`` to ``end`` (3,), of ``radius``; ``band`` is the share that a label covers."""

    start: np.ndarray
    end: np.ndarray
    radius: float
    band: float
    paint: Paint

    @property
    def centre(self) -> np.ndarray:
        return (self.start + self.end) / 2

    @property
    def reach(self) -> float:
        return float(np.linalg.norm(self.end - self.start)) / 2 + self.radius

    def hit(self, rays: Rays) -> Hit:
        """As :meth:`Convex.hit`."""
        length = float(np.linalg.norm(self.end - self.start))
        axis = [float(a) for a in (self.end - self.start) / length]
        px, py, pz = (o - float(s) for o, s in zip((rays.ox, rays.oy, rays.oz), self.start, strict=True))
        d_axis = axis[0] * rays.dx + axis[1] * rays.dy + axis[2] * rays.dz
        p_axis = axis[0] * px + axis[1] * py + axis[2] * pz
        dx, dy, dz = rays.dx - d_axis * axis[0], rays.dy - d_axis * axis[1], rays.dz - d_axis * axis[2]
        qx, qy, qz = px - p_axis * axis[0], py - p_axis * axis[1], pz - p_axis * axis[2]
        a = np.maximum(dx * dx + dy * dy + dz * dz, 1e-6)
        b = qx * dx + qy * dy + qz * dz
        c = qx * qx + qy * qy + qz * qz - self.radius**2
        inner = b * b - a * c
        root = np.sqrt(np.maximum(inner, 0))
        safe = np.where(np.abs(d_axis) < 1e-6, np.float32(1e-6), d_axis)
        cap_a, cap_b = -p_axis / safe, (length - p_axis) / safe
        side = (-b - root) / a
        cap = np.minimum(cap_a, cap_b)
        enter = np.maximum(side, cap)
        leave = np.minimum((root - b) / a, np.maximum(cap_a, cap_b))
        t = np.where((inner > 0) & (enter < leave) & (enter > 1e-3), enter, NOTHING).astype(np.float32)
        on_side = side >= cap
        sign = -np.sign(d_axis)
        normal = tuple(
            np.where(on_side, (q + enter * d) / self.radius, sign * w)
            for q, d, w in zip((qx, qy, qz), (dx, dy, dz), axis, strict=True)
        )
        where = (p_axis + enter * d_axis) / length
        gain = np.where(np.abs(where - 0.5) < self.band / 2, 1.7, 1.0).astype(np.float32)
        return t, normal, gain


Part = Convex | Tube


@dataclass(frozen=True, slots=True)
class Body:
    """One thing in the pipe: its parts, and a ball around its foot that its shadow is made from.

    A ``bundle`` is one thing to whoever looks at it: the gaps between its parts, up to ``bundle`` radii, are filled.
    """

    parts: tuple[Part, ...]
    centre: tuple[float, float, float]
    size: float
    bundle: float = 0.0

    def ball(self) -> tuple[np.ndarray, float]:
        """Centre (3,) and radius of a ball that holds every part."""
        middle = np.mean([part.centre for part in self.parts], axis=0)
        return middle, max(float(np.linalg.norm(part.centre - middle)) + part.reach for part in self.parts)


def paint_part(rays: Rays, surface: Surface, part: Part, tex: Textures, instance: int) -> None:
    """Draw one part of the body numbered ``instance`` into ``surface``, where nothing nearer hides it."""
    window = rays.window(part.centre, part.reach)
    if window is None:
        return
    rays, surface = rays.crop(*window), surface.crop(*window)
    t, (nx, ny, nz), albedo_gain = part.hit(rays)
    seen = t < surface.t
    if not seen.any():
        return
    t = np.where(seen, t, 1.0).astype(np.float32)
    x, y, z = rays.at(t)
    # Little light gets under a thing that lies on the floor.
    under = 0.72 - 0.35 * ny + 0.2 * (float(part.centre[1]) - y) / part.reach
    paint = part.paint
    grain = look_up(tex.grain, (x + y) * 0.8 + paint.offset, (z - x) * 0.8 + paint.offset)
    patches = look_up(tex.soft, (x - z) * 0.6 + paint.offset, (y + z) * 0.6)
    value = (1 + paint.mottle * (0.6 * patches + 0.5 * grain[..., 0])).clip(0.25, 1.9) * albedo_gain * under
    albedo = tinted(value, paint.colour)
    bump = paint.relief
    normal = (nx + bump * grain[..., 1], ny + bump * grain[..., 2], nz + bump * grain[..., 1])
    surface.put(seen, t, normal, albedo.astype(np.float32), paint.gloss, instance)


def _floor(x: float) -> float:
    return float(np.sqrt(max(1 - x * x, 0.0)))


def _rotation(rng: np.random.Generator, tilt: float) -> np.ndarray:
    """A turn about the vertical with a slight tilt, (3, 3)."""
    turn, lean = rng.uniform(0, 2 * np.pi), rng.uniform(-tilt, tilt)
    c, s = np.cos(turn), np.sin(turn)
    cl, sl = np.cos(lean), np.sin(lean)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ np.array([[cl, -sl, 0], [sl, cl, 0], [0, 0, 1]])


def stone(rng: np.random.Generator, x: float, z: float) -> Body:
    """A faceted rock: random planes that touch an ellipsoid."""
    size = rng.uniform(0.2, 0.38)
    axes = size * np.array([rng.uniform(0.8, 1.25), rng.uniform(0.6, 0.9), rng.uniform(0.7, 1.1)])
    normals = rng.standard_normal((26, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    centre = np.array([x, _floor(x) - 0.7 * axes[1], z])
    limits = np.linalg.norm(normals * axes, axis=1) * rng.uniform(0.8, 1.0, 26) + normals @ centre
    pale = rng.uniform(0.3, 0.58)
    paint = Paint((pale * 0.8, pale * 0.94, pale), 0.3, 0.28, 0.15, rng.uniform())
    return Body((Convex(normals, limits, paint, centre, 2.2 * size),), tuple(centre), size)


def brick(rng: np.random.Generator, x: float, z: float) -> Body:
    """A brick or a broken half of one."""
    size = rng.uniform(0.2, 0.32)
    half = size * np.array([rng.uniform(0.8, 1.5), rng.uniform(0.5, 0.7), rng.uniform(0.6, 0.8)])
    turn = _rotation(rng, 0.3)
    normals = np.concatenate([turn.T, -turn.T])
    centre = np.array([x, _floor(x) - 0.75 * half[1] - 0.05, z])
    limits = np.concatenate([half, half]) + normals @ centre
    red = rng.uniform(0.45, 0.65)
    colours = ((0.42 * red, 0.55 * red, red), (0.85 * red, 0.92 * red, red))
    paint = Paint(colours[int(rng.uniform() < 0.3)], 0.16, 0.08, 0.08, rng.uniform())
    return Body((Convex(normals, limits, paint, centre, float(np.linalg.norm(half))),), tuple(centre), size)


def bottle(rng: np.random.Generator, x: float, z: float) -> Body:
    """A lying bottle or can: body with a label, and a neck."""
    radius = rng.uniform(0.13, 0.2)
    direction = _rotation(rng, 0.15)[:, 0]
    length = radius * rng.uniform(2.6, 4.0)
    middle = np.array([x, _floor(min(abs(x) + 0.25, 0.9)) - 0.9 * radius, z])
    start, end = middle - direction * length / 2, middle + direction * length / 2
    tints = ((0.62, 0.46, 0.2), (0.3, 0.5, 0.22), (0.62, 0.62, 0.58), (0.2, 0.3, 0.55))  # blue, green, white, red
    colour = tints[int(rng.integers(len(tints)))]
    paint = Paint(colour, 0.12, 0.02, 1.0, rng.uniform())
    parts = [Tube(start, end, radius, rng.uniform(0.2, 0.5), paint)]
    if rng.uniform() < 0.8:
        parts.append(Tube(end, end + direction * radius, radius * 0.62, 0.0, paint))
        parts.append(Tube(end + direction * radius, end + direction * radius * 1.9, radius * 0.34, 1.0, paint))
    return Body(tuple(parts), tuple(middle), 0.5 * length)


def roots(rng: np.random.Generator, x: float, z: float) -> Body:
    """A bundle of strands that hangs from the crown or grows out of a side."""
    z = max(z, 1.3)
    side = rng.uniform(-0.9, 0.9)
    origin = np.array([np.sin(np.pi + side), np.cos(np.pi + side), z])
    reach = rng.uniform(0.6, 1.15)
    inward = -origin * np.array([0.35, 0.35, 0]) + np.array([0, 0.75, 0])
    brown = rng.uniform(0.2, 0.42)
    parts = []
    for _ in range(int(rng.integers(20, 30))):
        length = reach * rng.uniform(0.5, 1.0)
        point = origin + rng.normal(0, 1, 3) * np.array([0.16, 0.05, 0.12])
        heading = inward + rng.normal(0, 0.1, 3)
        thick = 0.01 + 0.032 * rng.uniform() ** 2.5
        tone = brown * rng.uniform(0.7, 1.3)
        paint = Paint((tone * 0.62, tone * 0.82, tone), 0.2, 0.1, 0.1, rng.uniform())
        for step in range(4):
            heading = heading + rng.normal(0, 0.16, 3)
            forward = heading / np.linalg.norm(heading)
            end = point + forward * length / 4
            # Segments overlap by half a thickness, so that bends show no gap.
            parts.append(Tube(point - forward * thick / 2, end, thick * (1 - 0.15 * step), 0.0, paint))
            point = end
    return Body(tuple(parts), tuple(origin + inward * reach * 0.5), 0.3, bundle=0.12)
