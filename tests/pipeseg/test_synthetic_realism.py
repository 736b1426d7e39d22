"""Drawn frames have the statistics of real ones, and defects fill their boxes as real ones do."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from pipeseg.synthetic.annotate import fill_polygons, hand_polygons
from pipeseg.synthetic.camera import develop, sample_caption, sample_look
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.geometry import project
from pipeseg.synthetic.mistakes import tight_box
from pipeseg.synthetic.noise import textures
from pipeseg.synthetic.options import ALL_CLASSES, Options
from pipeseg.synthetic.picture import instances_of, visible_scenes
from pipeseg.synthetic.plan import Job
from pipeseg.synthetic.render import render
from pipeseg.synthetic.scene import sample_scene

HEIGHT, WIDTH = 120, 150
PER_CLASS = 16
# Share of its own box that each class fills, on average over many pictures.
FILLS = {
    "disconnection": (0.05, 0.25),
    "misalignment": (0.2, 0.35),
    "rupture": (0.5, 0.6),
    "obstacle": (0.55, 0.7),
    "deformation": (0.5, 0.65),
    "deposition": (0.6, 0.8),
}


@lru_cache(maxsize=1)
def drawn():
    """(frame, masks of the primary class) of PER_CLASS scenes a class."""
    options = Options(height=HEIGHT, width=WIDTH, classes=ALL_CLASSES, seed=4)
    found = {}
    for row, key in enumerate(ALL_CLASSES):
        found[key] = [picture(options, 1000 * row + number, key) for number in range(PER_CLASS)]
    return found


def picture(options, number, key):
    (scene,) = visible_scenes(Job(number, key, 1, 1, 0), options, textures(0))
    linear, numbers = render(scene, options.height, options.width, textures(0))
    rng = np.random.default_rng(number)
    frame = develop(linear, scene.light, sample_look(rng), sample_caption(rng), rng)
    return frame, [mask for other, mask in instances_of(scene, numbers) if other == key]


def test_every_class_has_an_expected_fill():
    assert set(FILLS) == set(DEFECTS)


@pytest.mark.slow
@pytest.mark.parametrize("key", list(FILLS))
def test_defects_fill_their_boxes_as_their_shape_says(key):
    fills = []
    for _, masks in drawn()[key]:
        for mask in masks:
            box = tight_box(mask)
            fills.append(mask.sum() / ((box.x_max - box.x_min) * (box.y_max - box.y_min)))
    low, high = FILLS[key]
    assert low <= np.mean(fills) <= high, f"{np.mean(fills):.3f}"


def test_hand_polygons_agree_with_the_truth_as_people_do():
    means = {}
    for key, pictures in drawn().items():
        scores = []
        for number, (_, masks) in enumerate(pictures):
            for mask in masks:
                hand = fill_polygons(hand_polygons(mask, np.random.default_rng(number)), HEIGHT, WIDTH)
                scores.append((hand & mask).sum() / (hand | mask).sum())
        means[key] = float(np.mean(scores))
    assert 0.85 <= np.mean(list(means.values())) <= 0.92, means
    assert all(0.82 <= mean <= 0.94 for mean in means.values()), means


def test_frames_have_the_light_and_colour_of_real_ones():
    frames = [frame for pictures in drawn().values() for frame, _ in pictures]
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    luma, contrast = np.array([g.mean() for g in grey]), np.array([g.std() for g in grey])
    colour = np.array([cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)[..., 1].mean() for frame in frames])
    # Mean, and all but the rarest frames, as in inspection videos.
    ranges = (("luma", luma, 95, 130), ("contrast", contrast, 36, 60), ("colour", colour, 14, 60))
    for name, values, low, high in ranges:
        assert low <= values.mean() <= high, (name, values.mean())
        inside = np.mean((values > low * 0.8) & (values < high * 1.2))
        assert inside > 0.85, (name, inside)


@pytest.mark.slow
def test_frames_are_as_sharp_as_real_ones():
    """Laplacian variance at the size of PAL video, which is what the figure of real frames was measured on."""
    sharpness = []
    for number in range(12):
        options = Options(height=576, width=720, classes=ALL_CLASSES, seed=number % 3)
        frame, _ = picture(options, number, ALL_CLASSES[number % 6])
        sharpness.append(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
    assert 1000 < np.mean(sharpness) < 2400


def test_an_axial_view_is_dark_in_the_lumen_brightest_on_the_walls_and_dimmer_in_the_corners():
    """The radial profile of luma, in shares of its mean, as the axial frames of real inspections have it."""
    profiles = []
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for number in range(40):
        rng = np.random.default_rng(number)
        scene = sample_scene(rng, None, [])
        if not scene.axial:
            continue
        linear, _ = render(scene, HEIGHT, WIDTH, textures(0))
        frame = develop(linear, scene.light, sample_look(rng), (), rng)
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(float)
        ((cx, cy),), _ = project(scene.camera, np.array([[0.0, 0.0, 30.0]]), HEIGHT, WIDTH)
        far = np.hypot(x - cx, y - cy) / np.hypot(WIDTH, HEIGHT) * 2
        rings = [(far >= low) & (far < low + 0.1) for low in np.arange(0, 1, 0.1)]
        profiles.append([grey[ring].mean() / grey.mean() if ring.any() else np.nan for ring in rings])
    profile = np.nanmean(profiles, axis=0)
    assert len(profiles) > 20 and profile[0] < 0.5
    assert (np.diff(profile[:5]) > 0).all() and 0.8 < profile[3] < 1.1 and 0.9 < profile[4] < 1.2
    assert 4 <= profile.argmax() <= 8 and profile[-1] < profile.max()
