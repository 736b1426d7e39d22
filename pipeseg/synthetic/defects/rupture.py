"""Rupture: an irregular hole with a broken lip, soil behind it, cracks around it and torn liner that hangs from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeseg.synthetic.defects.base import Limits, View
from pipeseg.synthetic.defects.bodies import Convex, Paint, paint_part
from pipeseg.synthetic.defects.ground import SOILS, face_albedo, soil_albedo
from pipeseg.synthetic.geometry import Rays, WallHit, angle_of, smoothstep, wrapped
from pipeseg.synthetic.materials import Wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.surface import Surface, spread

LIMITS = Limits(area=(0.02, 0.4), fill=(0.3, 0.85))
LINERS = ((0.72, 0.66, 0.60), (0.45, 0.47, 0.48), (0.30, 0.45, 0.60))  # BGR: pale, grey, rusty
OUTLINE = 128  # directions in which the outline is tabulated
CRACKED = 1.6  # hole radii, beyond which hardly a crack reaches
CORNERS = 8  # of the polygon that midpoint displacement frays


@dataclass(frozen=True, slots=True)
class Crack:
    """A crack that leaves the hole in direction ``angle`` (radians) and runs ``length`` hole radii."""

    angle: float
    length: float
    width: float
    bend: float


@dataclass(frozen=True, slots=True)
class Rupture:
    """A hole around wall angle ``middle`` and position ``z``.

    Attributes:
        spread, reach: half sizes around the pipe (radians) and along it (radii); lean: slant
            of the hole across the pipe; turn: of the outline, radians.
        outline, lip: distance of the hole's edge, and how much further the wall is broken, per direction, (OUTLINE,)
            float32, in units of the half sizes.
        wall_depth, depth: thickness of the pipe's wall and how far behind it the soil has fallen away, radii.
        face: brightness of the broken wall.
    """

    z: float
    middle: float
    spread: float
    reach: float
    lean: float
    turn: float
    outline: np.ndarray
    lip: np.ndarray
    wall_depth: float
    depth: float
    soil: tuple[float, float, float]
    face: float
    cracks: tuple[Crack, ...]
    flaps: tuple[Convex, ...]
    offset: float
    instances: int = 1
    layer: int = 1

    def displace(self, rays: Rays, hit: WallHit) -> WallHit:
        return hit

    def paint(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        middle = np.array([np.sin(self.middle), np.cos(self.middle), self.z])
        window = rays.window(middle, CRACKED * float(np.hypot(self.spread * (1 + abs(self.lean)), self.reach)))
        if window is not None:
            self._paint_wall(rays.crop(*window), hit.crop(*window), surface.crop(*window), wall, tex, first)
        for flap in self.flaps:
            # Torn out of this wall, so it is of the wall's colour too.
            mixed = 0.55 * np.array(flap.paint.colour) + 0.45 * np.array(wall.material.other_colour)
            paint_part(rays, surface, replace(flap, paint=replace(flap.paint, colour=tuple(mixed))), tex, first)

    def _paint_wall(self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, first: int) -> None:
        far, angle = self._polar(hit.theta, hit.z)
        edge, rim = _at(self.outline, angle), _at(self.lip, angle)
        # A rupture of a deformed wall lies on the deformed wall: hit has been moved already.
        hole = far < edge
        lip = ~hole & (far < edge + rim)
        self._paint_cracks(hit, rays, surface, far, angle, edge)
        self._paint_lip(hit, surface, wall, tex, lip, (far - edge) / np.maximum(rim, 1e-3), first)
        self._paint_hole(rays, hit, surface, wall, tex, hole, first)

    def _polar(self, theta: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance from the middle in units of the half sizes, and direction in radians, both (H, W)."""
        along = (z - self.z) / self.reach
        across = wrapped(theta - self.middle) / self.spread - self.lean * along
        return np.hypot(across, along), angle_of(across, along) + self.turn

    def _paint_cracks(
        self, hit: WallHit, rays: Rays, surface: Surface, far: np.ndarray, angle: np.ndarray, edge: np.ndarray
    ) -> None:
        footprint = np.maximum(hit.footprint(rays.pixel), 1e-3)
        size = min(self.spread, self.reach)
        for crack in self.cracks:
            run = (far - edge * 0.9) / crack.length
            wander = crack.bend * np.sin(9 * far + 7 * crack.angle) + 0.6 * crack.bend * np.sin(23 * far)
            off = np.abs(wrapped(angle - crack.angle - wander)) * far * size
            half = crack.width * np.clip(1 - run, 0, 1)
            cover = np.clip((half - off) / footprint + 0.5, 0, 1) * ((run > 0) & (run < 1))
            surface.albedo *= spread(1 - 0.8 * cover)

    def _paint_lip(
        self,
        hit: WallHit,
        surface: Surface,
        wall: Wall,
        tex: Textures,
        lip: np.ndarray,
        outwards: np.ndarray,
        first: int,
    ) -> None:
        grain = look_up(tex.grain, hit.theta * 0.9 + self.offset, hit.z * 0.9)
        lumps = look_up(tex.soft, hit.theta * 1.3, hit.z * 1.3 + self.offset)
        broken = face_albedo(wall, 1.25 * self.face, 0.5 * lumps, grain[..., 0])
        sin, cos = np.sin(hit.theta), np.cos(hit.theta)
        # Broken faces slope towards the hole.
        slope = 0.8 * (1 - outwards)
        nx = -sin + 0.5 * grain[..., 1] + slope * lumps * cos
        normal = (nx, -cos + 0.5 * grain[..., 1], 0.5 * grain[..., 2] + slope * np.sign(hit.z - self.z) * -0.6)
        surface.put(lip, hit.t, normal, broken.astype(np.float32), 0.1, first, 0.85)

    def _paint_hole(
        self, rays: Rays, hit: WallHit, surface: Surface, wall: Wall, tex: Textures, hole: np.ndarray, first: int
    ) -> None:
        cosine = np.maximum(hit.cosine, 0.05)
        pits = look_up(tex.soft, hit.theta * 0.6 + self.offset, hit.z * 0.6)
        beyond = np.minimum(self.depth * (1 + 0.35 * pits).clip(0.3, 2) / cosine, 1.5)
        through = np.minimum(self.wall_depth / cosine, beyond)
        x, y, z = rays.at(hit.t + through)
        far, angle = self._polar(angle_of(x, y), z)
        # A ray that has left the hole within the wall's thickness meets the broken section of the wall.
        section = far > _at(self.outline, angle)
        inside = np.where(section, 0.5 * through, beyond).astype(np.float32)
        x, y, z = rays.at(hit.t + inside)
        turn = angle_of(x, y)
        clods = look_up(tex.grain, turn * 0.55 + self.offset, z * 0.55)
        heaps = look_up(tex.clouds, turn * 0.9, z * 0.9 + self.offset)
        soil = soil_albedo(self.soil, 0.6 * clods[..., 0] + 0.7 * heaps[..., 0])
        face = face_albedo(wall, self.face, heaps[..., 0], clods[..., 0])
        albedo = np.where(section[..., None], face, soil).astype(np.float32)
        sin, cos = np.sin(turn), np.cos(turn)
        bump = np.where(section, np.float32(0.3), np.float32(0.9))
        towards = np.where(section, np.float32(0.3), np.float32(1.0))
        normal = (
            -sin * towards + bump * clods[..., 1],
            -cos * towards + bump * heaps[..., 1],
            bump * clods[..., 2] - np.where(section, np.sign(rays.dz), 0),
        )
        # Light comes through the hole alone: the edges of the cavity lie in the dark.
        far, angle = self._polar(turn, z)
        dim = smoothstep(1.25, 0.2, far / np.maximum(_at(self.outline, angle), 0.05))
        shade = np.where(section, 0.8, 0.2 + 0.65 * dim)
        surface.put(hole, hit.t + inside, normal, albedo, 0.1, first, shade.astype(np.float32))


def _at(table: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """A table over the whole turn at ``angle`` (H, W) radians, linear in between."""
    place = (angle / (2 * np.pi)) % 1.0 * len(table)
    low = place.astype(np.int32) % len(table)
    part = (place - np.floor(place)).astype(np.float32)
    return table[low] * (1 - part) + table[(low + 1) % len(table)] * part


def _frayed(rng: np.random.Generator, spread: float, rough: float) -> np.ndarray:
    """A closed outline by midpoint displacement (Fournier et al. 1982) of a polygon, (OUTLINE,) float32, mean 1."""
    points = rng.uniform(1 - spread, 1 + spread, CORNERS)
    while len(points) < OUTLINE:
        middles = (points + np.roll(points, -1)) / 2 + rng.normal(0, rough, len(points))
        points = np.stack([points, middles], axis=1).ravel()
        rough *= 0.6
    return np.maximum(points / points.mean(), 0.25).astype(np.float32)


def sample(rng: np.random.Generator, view: View) -> Rupture:
    """A hole in the crown or a side, ahead; torn liner hangs from the upper ones."""
    ahead = rng.uniform(1.1, 2.1) if view.axial else rng.uniform(0.45, 1.0)
    middle = np.pi + rng.uniform(-1.9, 1.9) if view.axial else np.pi / 2 * view.side + rng.uniform(-0.5, 0.5)
    spread, reach = rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.85)
    if not view.axial:
        spread, reach = 0.7 * spread, 0.7 * reach
    z = view.camera.z + ahead
    cracks = tuple(
        Crack(rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.6), rng.uniform(0.01, 0.024), rng.uniform(0.05, 0.2))
        for _ in range(int(rng.integers(3, 8)))
    )
    hangs = np.cos(middle) < 0.3 and rng.uniform() < 0.6
    hole = Rupture(
        z=z,
        middle=float(middle),
        spread=spread,
        reach=reach,
        lean=rng.uniform(0.2, 0.9) * float(rng.choice([-1, 1])),
        turn=rng.uniform(0, 2 * np.pi),
        outline=0.82 * _frayed(rng, 0.36, 0.14),
        lip=np.maximum(rng.uniform(0.1, 0.22) * _frayed(rng, 0.8, 0.5), 0.02),
        wall_depth=rng.uniform(0.05, 0.12),
        depth=rng.uniform(0.2, 0.5),
        soil=SOILS[int(rng.integers(len(SOILS)))],
        face=rng.uniform(0.8, 1.2),
        cracks=cracks,
        flaps=(),
        offset=rng.uniform(),
    )
    return replace(hole, flaps=_flaps(rng, hole)) if hangs else hole


def _flaps(rng: np.random.Generator, hole: Rupture) -> tuple[Convex, ...]:
    """Torn liner: ragged strips that are still fixed to the hole's edge, and hang over each other."""
    tint = np.array(LINERS[int(rng.integers(len(LINERS)))])
    around = rng.uniform(-0.7, 0.7)
    strips: list[Convex] = []
    for _ in range(int(rng.integers(2, 6))):
        angle = around + rng.normal(0, 0.4)
        edge = float(_at(hole.outline, np.array([[angle + hole.turn]]))[0, 0]) * 1.05
        across, along = edge * (np.sin(angle) + hole.lean * np.cos(angle)), edge * np.cos(angle)
        theta, z = hole.middle + hole.spread * across, hole.z + hole.reach * along
        inward = -np.array([np.sin(theta), np.cos(theta), 0.0])
        # Back over the hole at first, then down by its own weight.
        over = np.array([-np.cos(theta) * np.sin(angle), np.sin(theta) * np.sin(angle), -np.cos(angle)])
        heading = 0.5 * inward + rng.uniform(0.1, 0.7) * over + rng.normal(0, 0.15, 3)
        root, width = -inward + np.array([0, 0, z]), rng.uniform(0.1, 0.3)
        tone = tint * rng.uniform(0.75, 1.15)
        for part in range(2):
            length = rng.uniform(0.12, 0.28)
            sheet, root = _strip(rng, root, heading, np.array([-np.cos(theta), np.sin(theta), 0]), length, width, tone)
            strips.append(sheet)
            heading, width = heading + np.array([0, 0.9, 0]) + rng.normal(0, 0.2, 3), width * rng.uniform(0.6, 0.95)
            if part == 0 and rng.uniform() < 0.3:
                break
    return tuple(strips)


def _strip(
    rng: np.random.Generator,
    root: np.ndarray,
    heading: np.ndarray,
    across: np.ndarray,
    length: float,
    width: float,
    tone: np.ndarray,
) -> tuple[Convex, np.ndarray]:
    """A thin sheet from ``root`` along ``heading``, and the middle of its far end."""
    down = heading / np.linalg.norm(heading)
    side = across + rng.normal(0, 0.25, 3)
    side -= down * (side @ down)
    side /= np.linalg.norm(side)
    facing = np.cross(down, side)
    centre, end = root + down * length / 2, root + down * length
    leans = rng.uniform(-0.25, 0.45, 2)
    sides = [side + leans[0] * down, leans[1] * down - side, down + rng.uniform(-0.7, 0.7) * side, -down]
    normals = np.array([s / np.linalg.norm(s) for s in [*sides, facing, -facing]])
    sizes = np.array([width / 2, width / 2, length * 0.55, length * 0.6, 0.01, 0.01])
    colour = tuple(float(c) for c in tone)
    paint = Paint(colour, 0.35, 0.3, 0.5, rng.uniform())
    return Convex(normals, sizes + normals @ centre, paint, centre, length + width), end
