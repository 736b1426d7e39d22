"""The synthetic pipe: what is drawn is what is masked, and people's errors stay within their model."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeseg.errors import BadInput
from pipeseg.synthetic import annotate
from pipeseg.synthetic.camera import develop
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.geometry import Camera, camera_rays, cylinder_hit, project
from pipeseg.synthetic.noise import look_up, textures
from pipeseg.synthetic.picture import draw_scene
from pipeseg.synthetic.plan import Job, Options, parse_classes, parse_size, plan
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
    # Lips of a gap and contact shadows lie beside the mask; most of the rest must not change at all.
    assert np.median(changed[numbers == 0]) < 0.05


def test_rendering_twice_gives_the_same_picture():
    scene, _ = scene_with("deposition")
    first, second = (render(scene, HEIGHT, WIDTH, textures(0)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_frames_look_exposed_like_the_real_ones():
    lumas, saturations = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng, None, [])
        linear, _ = render(scene, HEIGHT, WIDTH, textures(0))
        frame = develop(linear, scene.light, rng).astype(float)
        lumas.append((frame @ [0.114, 0.587, 0.299]).mean())
        saturations.append((255 * (1 - frame.min(-1) / np.maximum(frame.max(-1), 1))).mean())
    assert 90 <= np.mean(lumas) <= 135 and min(lumas) > 70 and max(lumas) < 150
    assert 8 < np.mean(saturations) < 75


def test_an_axial_view_ends_in_a_dark_lumen():
    shares = []
    for seed in range(12):
        scene = sample_scene(np.random.default_rng(seed), None, [])
        if scene.axial:
            linear, _ = render(scene, HEIGHT, WIDTH, textures(0))
            (pixel,), _ = project(scene.camera, np.array([[0.0, 0.0, 30.0]]), HEIGHT, WIDTH)
            x, y = (int(v) for v in pixel)
            shares.append(linear[y - 3 : y + 4, x - 3 : x + 4].mean() / linear.mean())
    assert len(shares) > 5 and np.mean(shares) < 0.5 and max(shares) < 0.9


def test_a_gap_is_a_thin_ring():
    fills = []
    options = Options(images_per_class=1, hand_per_class=0, clean=0, height=96, width=128, classes=("disconnection",))
    for number in range(6):
        (picture,) = draw_scene(Job(number, "disconnection", 1, 1, 0), options)
        truth = decode(picture.files["truth/disconnection/sample_0001.png"]) > 0
        box = annotate.tight_box(truth)
        fills.append(truth.sum() / ((box.x_max - box.x_min) * (box.y_max - box.y_min)))
    assert 0.08 < np.mean(fills) < 0.4


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


def test_loosened_boxes_stay_within_the_error_model():
    rng = np.random.default_rng(1)
    box = annotate.Box(100, 60, 180, 110)
    for _ in range(300):
        loose = annotate.loosened(box, 256, 320, rng)
        for side, outwards, size in (
            (loose.x_min, box.x_min - loose.x_min, 80),
            (loose.y_min, box.y_min - loose.y_min, 50),
            (loose.x_max, loose.x_max - box.x_max, 80),
            (loose.y_max, loose.y_max - box.y_max, 50),
        ):
            assert side >= 0 and -0.03 * size - 1 <= outwards <= 0.15 * size + 1


def test_false_and_missed_boxes_are_as_frequent_as_promised():
    rng = np.random.default_rng(2)
    mask = np.zeros((60, 80), bool)
    mask[20:40, 20:50] = True
    kinds = [d.kind for _ in range(3000) for d in annotate.draw_boxes([("obstacle", mask)], ["obstacle"], 60, 80, rng)]
    assert 0.035 < kinds.count("false") / 3000 < 0.065
    assert 0.02 < kinds.count("missed") / 3000 < 0.04


def test_hand_polygons_agree_with_the_truth_like_a_careful_person():
    scores = []
    for key in ("deposition", "obstacle", "disconnection"):
        for seed in range(5):
            scene, _ = scene_with(key, seed)
            numbers = instance_map(scene, 256, 320, textures(0))
            mask = numbers == np.argmax(np.bincount(numbers.ravel(), minlength=2)[1:]) + 1
            polygons = annotate.hand_polygons(mask, np.random.default_rng(seed))
            scores.append(iou(annotate.fill_polygons(polygons, 256, 320), mask))
    assert 0.8 < np.mean(scores) < 0.98
    assert min(scores) > 0.6


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


def test_the_plan_counts_primaries_hand_labels_and_videos():
    options = Options(images_per_class=60, hand_per_class=25, clean=12)
    jobs = plan(options)
    for key, images, hand in [*((k, 60, 25) for k in options.classes), (None, 12, 3)]:
        mine = [job for job in jobs if job.primary == key]
        assert (sum(j.frames for j in mine), sum(j.hand_frames for j in mine)) == (images, hand)
    stems = [stem for job in jobs for stem in job.stems]
    assert stems == [f"sample_{i:04d}" for i in range(1, 193)]
    assert {job.frames for job in jobs} == {1, 2, 3}
    assert plan(options) == jobs and plan(Options(60, 25, 12, seed=1)) != jobs


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
