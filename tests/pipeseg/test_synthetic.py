"""The synthetic pipe: what is drawn is what is masked, and people's errors stay within their model."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeseg.errors import BadInput
from pipeseg.synthetic import annotate
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.geometry import Camera, angle_of, camera_rays, cylinder_hit, project
from pipeseg.synthetic.noise import look_up, textures
from pipeseg.synthetic.options import ALL_CLASSES, Options, parse_classes, parse_size, preset
from pipeseg.synthetic.picture import draw_scene
from pipeseg.synthetic.plan import Job, plan
from pipeseg.synthetic.render import instance_map, render
from pipeseg.synthetic.scene import sample_scene

HEIGHT, WIDTH = 128, 160
CAMERA = Camera(0.1, -0.05, 0.3, 0.2, -0.1, 0.05, 0.7)


def scene_with(key, seed=0):
    """A scene where ``key`` shows, with its instance map."""
    low = DEFECTS[key].limits.area[0] if key else 0
    for attempt in range(60):
        scene = sample_scene(np.random.default_rng([seed, attempt]), key, [key] if key else [])
        numbers = instance_map(scene, HEIGHT, WIDTH, textures(0))
        if key is None or low < (numbers > 0).mean():
            return scene, numbers
    raise AssertionError(f"no visible {key} in 60 scenes")


def ellipse_ring(height=200, width=240, partial=False):
    """A ring mask, complete or with its lower quarter cut off, (H, W) bool."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot((x - width / 2) / 1.1, y - height / 2)
    ring = (radius > 60) & (radius < 74)
    return ring & (y < 0.7 * height) if partial else ring


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_rays_hit_the_unit_pipe_where_projection_says():
    rays = camera_rays(CAMERA, 40, 60)
    hit = cylinder_hit(rays)
    x, y, z = rays.at(hit.t)
    near = hit.t < 20
    assert np.allclose(np.hypot(x, y)[near], 1, atol=1e-4)
    assert np.allclose(np.sin(hit.theta)[near], x[near], atol=1e-3)
    points = np.stack([x, y, z], -1)[near].astype(np.float64)
    pixels, depth = project(CAMERA, points, 40, 60)
    rows, columns = np.nonzero(near)
    assert (depth > 0).all()
    assert np.allclose(pixels, np.stack([columns + 0.5, rows + 0.5], -1), atol=0.02)


def test_the_quick_angle_agrees_with_the_exact_one():
    y, x = np.random.default_rng(0).normal(0, 1, (2, 40, 50)).astype(np.float32)
    y[0, :4], x[0, :4] = (0, 0, 1, -1), (1, -1, 0, 0)
    quick = angle_of(y, x)
    assert quick.dtype == np.float32 and np.allclose(quick, np.arctan2(y, x), atol=2e-5)


def test_noise_tiles_without_a_seam():
    edge = np.array([[0.0, 1.0, -1.0, 0.25, 1.25]], np.float32)
    value = look_up(textures(0).clouds, edge, np.full_like(edge, 0.4))
    assert np.allclose(value[0, 0], value[0, 1]) and np.allclose(value[0, 0], value[0, 2])
    assert np.allclose(value[0, 3], value[0, 4], atol=1e-4)


@pytest.mark.parametrize("key", list(DEFECTS))
def test_every_class_is_drawn_where_its_mask_is(key):
    """Removing the defect changes the light inside the mask far more than away from it."""
    scene, _ = scene_with(key)
    scene = replace(scene, water=None)
    with_defect, numbers = render(scene, HEIGHT, WIDTH, textures(0))
    without, nothing = render(replace(scene, defects=()), HEIGHT, WIDTH, textures(0))
    assert not nothing.any()
    changed = np.abs(with_defect - without).max(axis=2) / (without.max(axis=2) + 0.02)
    assert np.median(changed[numbers > 0]) > 0.15
    if key == "misalignment":  # all of the pipe beyond the joint has moved
        return
    # Lips of a gap and contact shadows lie beside the mask; most of the rest must not change at all.
    assert np.median(changed[numbers == 0]) < 0.05


def test_rendering_twice_gives_the_same_picture():
    scene, _ = scene_with("deposition")
    first, second = (render(scene, HEIGHT, WIDTH, textures(0)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_picture_depends_on_its_own_job_only():
    options = Options(height=64, width=80)
    job = Job(7, "obstacle", 11, 2, 1)
    first, other = draw_scene(job, options), draw_scene(Job(8, "deposition", 13, 1, 0), options)
    again = draw_scene(job, options)
    assert [p.files for p in first] == [p.files for p in again]
    assert first[0].files["images/sample_0011.jpg"] != other[0].files["images/sample_0013.jpg"]


def test_frames_of_a_video_are_neighbours_not_copies():
    first, second = draw_scene(Job(3, "deposition", 1, 2, 0), Options(height=96, width=128))
    assert first.group == second.group
    a = decode(first.files["images/sample_0001.jpg"]).astype(float).mean(-1)
    b = decode(second.files["images/sample_0002.jpg"]).astype(float).mean(-1)
    stranger = draw_scene(Job(4, "deposition", 3, 1, 0), Options(height=96, width=128))[0]
    c = decode(stranger.files["images/sample_0003.jpg"]).astype(float).mean(-1)
    assert not np.array_equal(a, b)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > np.corrcoef(a.ravel(), c.ravel())[0, 1]


@pytest.mark.parametrize("partial", [False, True])
def test_a_ring_stays_a_ring(partial):
    ring = ellipse_ring(partial=partial)
    polygons = annotate.hand_polygons(ring, np.random.default_rng(0))
    drawn = annotate.fill_polygons(polygons, *ring.shape)
    assert not drawn[100, 120], "the hole was filled"
    assert iou(drawn, ring) > 0.75


def test_polygons_lie_inside_the_picture():
    mask = np.zeros((50, 70), bool)
    mask[30:, :40] = True
    for seed in range(20):
        for polygon in annotate.hand_polygons(mask, np.random.default_rng(seed)):
            assert polygon.min() >= 0 and (polygon < [70, 50]).all()


def test_presets_are_what_their_names_say():
    tiny, demo, full = (preset(name) for name in ("tiny", "demo", "full"))
    assert preset("demo") == Options() and set(tiny.classes) == set(full.classes) == set(DEFECTS) == set(ALL_CLASSES)
    assert sum(job.frames + len(job.copies) for job in plan(tiny)) < 30
    assert sum(job.frames for job in plan(demo)) == 400
    jobs = plan(full)
    pictures = sum(job.frames for job in jobs)
    count = {key: sum(job.frames for job in jobs if job.primary == key) for key in (*ALL_CLASSES, None)}
    hand = {key: sum(job.hand_frames for job in jobs if job.primary == key) for key in ALL_CLASSES}
    assert pictures >= 2000 and (full.height, full.width) == (288, 360)
    assert 0.10 <= count[None] / pictures <= 0.15
    assert count["deposition"] > count["deformation"] == count["disconnection"] == count["obstacle"]
    assert count["obstacle"] > 2 * count["rupture"] == 2 * count["misalignment"]
    assert all(hand[key] == 200 for key in ("deposition", "deformation", "disconnection", "obstacle"))
    with pytest.raises(BadInput, match="did you mean 'demo'"):
        preset("dmo")


@pytest.mark.parametrize("text", ["256", "axb", "0x10", "256x99999", "-5x20", ""])
def test_bad_sizes_are_named(text):
    with pytest.raises(BadInput, match="--size"):
        parse_size(text)


def test_classes_are_checked_against_the_known_ones():
    assert parse_classes(" obstacle,deposition,obstacle ", list(DEFECTS)) == ("obstacle", "deposition")
    with pytest.raises(BadInput, match="did you mean 'deposition'"):
        parse_classes("depositon", list(DEFECTS))
    with pytest.raises(BadInput, match="empty"):
        parse_classes(" , ", list(DEFECTS))
