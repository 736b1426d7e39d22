"""Rays through the pixels of a camera inside a unit pipe, and where they meet the wall.

Axes: x right, y down, z along the pipe; the pipe is x^2 + y^2 = 1, so one unit is one pipe radius.
The wall angle theta is 0 at the invert (bottom) and grows towards +x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FAR = 40.0  # radii; beyond this nothing of the wall is lit


@dataclass(frozen=True, slots=True)
class Camera:
    """Pose and lens. Position in pipe radii, angles in radians, focal length in picture widths."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    roll: float
    focal: float

    def advanced(self, dz: float, dyaw: float = 0.0, dpitch: float = 0.0) -> Camera:
        """The same camera a little further down the pipe."""
        return replace(self, z=self.z + dz, yaw=self.yaw + dyaw, pitch=self.pitch + dpitch)

    def rotation(self) -> np.ndarray:
        """Camera-to-pipe rotation, (3, 3) float64."""
        cy, sy = np.cos(self.yaw), np.sin(self.yaw)
        cp, sp = np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return yaw @ pitch @ roll


@dataclass(frozen=True, slots=True)
class Rays:
    """One ray per pixel: origins and unit directions, each component (H, W) float32 (origins may be scalars)."""

    ox: np.ndarray | float
    oy: np.ndarray | float
    oz: np.ndarray | float
    dx: np.ndarray
    dy: np.ndarray
    dz: np.ndarray
    pixel: float  # angle that one pixel spans, radians

    def at(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points at distance ``t`` (H, W) along the rays."""
        return self.ox + t * self.dx, self.oy + t * self.dy, self.oz + t * self.dz

    def crop(self, rows: slice, columns: slice = slice(None)) -> Rays:
        """The rays of a rectangle of the picture."""
        cut = [a[rows, columns] if isinstance(a, np.ndarray) else a for a in (self.ox, self.oy, self.oz)]
        return Rays(*cut, self.dx[rows, columns], self.dy[rows, columns], self.dz[rows, columns], self.pixel)

    def window(self, centre: np.ndarray, reach: float) -> tuple[slice, slice] | None:
        """The rectangle of rays that touch a ball, or None: what lies in the ball need not be sought elsewhere."""
        px, py, pz = (np.float32(c) - o for c, o in zip(centre, (self.ox, self.oy, self.oz), strict=True))
        forward = px * self.dx + py * self.dy + pz * self.dz
        near = (px * px + py * py + pz * pz - forward * forward < reach * reach) & (forward > -reach)
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if rows.size == 0:
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True, slots=True)
class WallHit:
    """Where rays meet the wall: distance, wall angle, axial position; ``cosine`` of incidence. All (H, W) float32."""

    t: np.ndarray
    theta: np.ndarray
    z: np.ndarray
    cosine: np.ndarray

    def crop(self, rows: slice, columns: slice = slice(None)) -> WallHit:
        """The hits of a rectangle of the picture."""
        return WallHit(*(a[rows, columns] for a in (self.t, self.theta, self.z, self.cosine)))

    def footprint(self, pixel: float) -> np.ndarray:
        """Length of wall that one pixel covers along its steepest direction, in radii."""
        return np.maximum(self.t, 1e-3) * pixel / np.maximum(self.cosine, 0.02)


def angle_of(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The angle of the points (x, y), radians in [-pi, pi], to 1e-5: a tenth of the time of ``np.arctan2``.

    Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 4.4.49.
    """
    wide, high = np.abs(x), np.abs(y)
    part = np.minimum(wide, high) / np.maximum(np.maximum(wide, high), np.float32(1e-12))
    square = part * part
    angle = 0.0208351 * square - 0.0851330
    for factor in (0.1801410, -0.3302995, 0.9998660):
        angle *= square
        angle += factor
    angle *= part
    # The octants: mirrored at the diagonal, at the y axis and at the x axis.
    angle += (high > wide) * (np.float32(np.pi / 2) - 2 * angle)
    angle += (x < 0) * (np.float32(np.pi) - 2 * angle)
    return np.copysign(angle, y)


def wrapped(angle: np.ndarray, period: float = 2 * np.pi) -> np.ndarray:
    """``angle`` moved by whole periods into [-period / 2, period / 2]: a fifth of the time of a remainder."""
    return angle - np.float32(period) * np.rint(angle * np.float32(1 / period))


def camera_rays(camera: Camera, height: int, width: int) -> Rays:
    """Rays through the pixel centres of a ``height`` x ``width`` picture."""
    focal = camera.focal * width
    u = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / focal)[None, :]
    v = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / focal)[:, None]
    inverse = 1.0 / np.sqrt(u * u + v * v + 1.0, dtype=np.float32)
    r = camera.rotation().astype(np.float32)
    dx, dy, dz = ((r[i, 0] * u + r[i, 1] * v + r[i, 2]) * inverse for i in range(3))
    return Rays(camera.x, camera.y, camera.z, dx, dy, dz, 1.0 / focal)


def cylinder_hit(rays: Rays) -> WallHit:
    """Exact intersection of the rays with the unit pipe, from inside."""
    a = np.maximum(rays.dx**2 + rays.dy**2, np.float32(1e-6))
    b = rays.ox * rays.dx + rays.oy * rays.dy
    c = rays.ox**2 + rays.oy**2 - 1.0
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    t = np.minimum((root - b) / a, np.float32(FAR)).astype(np.float32)
    x, y, z = rays.at(t)
    # The outward normal is (x, y), so its product with the direction is a*t + b = root.
    return WallHit(t, angle_of(x, y), z.astype(np.float32), root.astype(np.float32))


def project(camera: Camera, points: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates (N, 2) and depth along the optical axis (N,) of ``points`` (N, 3) in pipe coordinates."""
    local = (points - np.array([camera.x, camera.y, camera.z])) @ camera.rotation()
    depth = np.maximum(local[:, 2], 1e-3)
    focal = camera.focal * width
    return local[:, :2] / depth[:, None] * focal + np.array([width / 2, height / 2]), local[:, 2]


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, a cubic in between."""
    s = np.clip((value - low) / (high - low), 0.0, 1.0)
    return s * s * (3.0 - 2.0 * s)
