"""From a scene to light: trace the rays, paint what they meet, light it, lay water over it."""

from __future__ import annotations

import numpy as np

from pipeseg.synthetic.geometry import Rays, angle_of, camera_rays, cylinder_hit
from pipeseg.synthetic.materials import paint_wall
from pipeseg.synthetic.noise import Textures, look_up
from pipeseg.synthetic.scene import Light, Scene, Water
from pipeseg.synthetic.surface import Surface, spread, tinted

Vector = tuple[float, float, float]


def trace(scene: Scene, rays: Rays, tex: Textures) -> Surface:
    """What the rays meet in the scene, water left out."""
    hit = cylinder_hit(rays)
    numbered, first = [], 1
    for _, defect in scene.defects:
        numbered.append((defect, first))
        first += defect.instances
    numbered.sort(key=lambda pair: pair[0].layer)
    for defect, _ in numbered:
        hit = defect.displace(rays, hit)
    surface = paint_wall(rays, hit, scene.wall, tex)
    for defect, number in numbered:
        defect.paint(rays, hit, surface, scene.wall, tex, number)
    return surface


def render(scene: Scene, height: int, width: int, tex: Textures) -> tuple[np.ndarray, np.ndarray]:
    """Linear light (H, W, 3) float32 BGR, unexposed, and the instance map (H, W) uint8 of the visible defects."""
    rays = camera_rays(scene.camera, height, width)
    surface = trace(scene, rays, tex)
    lamp = (scene.camera.x + scene.light.aside, scene.camera.y - scene.light.height, scene.camera.z - 0.05)
    axis = tuple(scene.camera.rotation()[:, 2].tolist())
    colour = illuminate(rays, surface, scene.light, lamp, axis)
    if scene.water is not None:
        _lay_water(scene, scene.water, rays, surface, colour, lamp, axis, tex)
    return colour, surface.instance


def instance_map(scene: Scene, height: int, width: int, tex: Textures) -> np.ndarray:
    """Only the instance map (H, W) uint8: cheap enough to look before rendering."""
    rays = camera_rays(scene.camera, height, width)
    surface = trace(scene, rays, tex)
    if scene.water is not None:
        surface.instance[_water_distance(scene.water, rays) < surface.t] = 0
    return surface.instance


def illuminate(rays: Rays, surface: Surface, light: Light, lamp: Vector, axis: Vector) -> np.ndarray:
    """Light that leaves the surface towards the rays' origins, (H, W, 3) float32 BGR."""
    x, y, z = rays.at(surface.t)
    lx, ly, lz = lamp[0] - x, lamp[1] - y, lamp[2] - z
    distance = np.sqrt(lx * lx + ly * ly + lz * lz) + 1e-4
    lx, ly, lz = lx / distance, ly / distance, lz / distance
    facing = np.maximum(surface.nx * lx + surface.ny * ly + surface.nz * lz, 0)
    straight = np.clip(-(lx * axis[0] + ly * axis[1] + lz * axis[2]), -1, 1)
    off_axis = angle_of(np.sqrt(1 - straight * straight), straight)
    beam = 0.18 + 0.82 * np.exp(-((off_axis / light.cone) ** 2))
    reach = beam / (1 + light.falloff * distance * distance)
    # Light that bounces off the walls comes from all over, a little more from the lit floor and sides.
    diffuse = reach * (light.ambient * (1 - 0.3 * surface.ny) + (1 - light.ambient) * facing * 1.5) * surface.shade
    hx, hy, hz = lx - rays.dx, ly - rays.dy, lz - rays.dz
    half = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-4
    shine = np.maximum((surface.nx * hx + surface.ny * hy + surface.nz * hz) / half, 0)
    square = shine * shine
    shine16 = (square * square) ** 4
    shine = (0.35 * shine16 + 1.4 * shine16 * shine16 * shine16) * surface.gloss * reach * surface.shade
    clear = np.exp(-light.haze * surface.t)
    veil = 0.022 * (1 - clear) * (light.haze / 0.1)
    return surface.albedo * spread(diffuse * clear) + spread(0.6 * shine * clear + veil)


def _water_distance(water: Water, rays: Rays) -> np.ndarray:
    down = rays.dy > 1e-3
    return np.where(down, (water.level - rays.oy) / np.where(down, rays.dy, 1), np.inf).astype(np.float32)


def _lay_water(
    scene: Scene,
    water: Water,
    rays: Rays,
    surface: Surface,
    colour: np.ndarray,
    lamp: Vector,
    axis: Vector,
    tex: Textures,
) -> None:
    distance = _water_distance(water, rays)
    wet = distance < surface.t
    rows = np.flatnonzero(wet.any(axis=1))
    if rows.size == 0:
        return
    rows = slice(int(rows[0]), int(rows[-1]) + 1)
    part, wet = rays.crop(rows), wet[rows]
    t = np.where(wet, distance[rows], 1.0).astype(np.float32)
    x, _, z = part.at(t)
    waves = look_up(tex.clouds, x * 0.7 + water.offset, z * 0.35 + 3 * water.offset)
    fade = water.ripple * np.clip(2.0 / t, 0.2, 1)
    nx, nz = fade * waves[..., 1], fade * waves[..., 2]
    # Mirror the ray on the rippled surface, whose normal is (nx, -1, nz) up to second order.
    along = part.dx * nx - part.dy + part.dz * nz
    dx, dy, dz = part.dx - 2 * along * nx, part.dy + 2 * along, part.dz - 2 * along * nz
    dy = np.minimum(dy, -0.01)
    length = 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz)
    level = np.full_like(t, water.level - 1e-3)
    mirrored = Rays(x, level, z, dx * length, dy * length, dz * length, rays.pixel)
    seen = trace(scene, mirrored, tex)
    reflection = illuminate(mirrored, seen, scene.light, lamp, axis)
    # More mirror than clean water would be: the lamp never reaches the bottom of a sewer.
    glancing = 1 - np.clip(part.dy, 0, 1)
    mirror = spread(0.6 + 0.4 * glancing * glancing * glancing)
    body = tinted(1 / (1 + scene.light.falloff * t * t), water.colour)
    specks = look_up(tex.grain, x * 1.3 + water.offset, z * 1.3)[..., 0]
    scum = spread(np.clip(specks - 2.2, 0, 0.5) * 0.3 / (1 + t * t))
    # The lamp itself, broken up by the ripples.
    glint = spread(np.clip(np.abs(waves[..., 1]) + np.abs(waves[..., 2]) - 3.4, 0, 1) * (6 * water.ripple))
    colour[rows][wet] = (reflection * mirror * 0.95 + body * (1 - mirror) + scum + glint * body * 8)[wet]
    surface.instance[rows][wet] = 0
