"""Windows of pictures, and what they look like in numbers."""

import numpy as np
import pytest

from pipeseg.data.audit.describe import NUMBERS, describe, mirrored, places
from pipeseg.data.audit.windows import APART, EMPTY, LOOSE, MARGINS, SIDE, choose_windows, cut, overlaps

SIDES = np.array([[0.2, 0.3], [0.4, 0.1]])


def blocks(seed, height=96, width=128):
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, height // 12, 0), width // 16, 1)


def test_a_window_is_the_box_and_a_margin_of_its_longer_side():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[40:60, 80:120] = 200
    assert (cut(picture, (80, 40, 120, 60), 0) == 200).all()
    # 10 pixels on each side: 40 of 60 columns, 20 of 40 rows
    shown = cut(picture, (80, 40, 120, 60), 0.25)[..., 0] == 200
    assert shown.any(0).sum() == SIDE * 40 // 60 and shown.any(1).sum() == SIDE * 20 // 40


def test_what_lies_outside_the_picture_is_black():
    picture = np.full((50, 50, 3), 255, np.uint8)
    shown = cut(picture, (-50, 0, 50, 50), 0)
    assert not shown[:, : SIDE // 2].any() and (shown[:, SIDE // 2 :] == 255).all()
    assert not cut(picture, (200, 200, 220, 220), 0.25).any()


def test_the_drawn_boxes_come_first_and_empty_windows_keep_away_from_what_is_drawn():
    boxes = [(1, (10.0, 10.0, 40.0, 30.0)), (0, (60.0, 20.0, 90.0, 80.0))]
    taken = [box for _, box in boxes] + [(0.0, 60.0, 50.0, 96.0)]
    chosen = choose_windows(boxes, taken, SIDES, 128, 96, np.random.default_rng(3))
    assert [(window.label, window.box) for window in chosen[:2]] == boxes
    assert [window.label for window in chosen[2:] if not window.exact] == [1] * LOOSE + [0] * LOOSE
    empty = [window.box for window in chosen if window.label < 0]
    assert 0 < len(empty) <= EMPTY
    assert all(overlaps(box, np.array(taken)).max() < APART for box in empty)
    assert all(0 <= box[0] < box[2] <= 128 and 0 <= box[1] < box[3] <= 96 for box in empty)
    assert chosen == choose_windows(boxes, taken, SIDES, 128, 96, np.random.default_rng(3))


def test_a_picture_without_boxes_shows_nothing_and_a_full_one_has_no_room():
    assert [window.label for window in choose_windows([], [], SIDES, 128, 96, np.random.default_rng(0))] == [-1] * EMPTY
    grid = [(x, y, x + 8, y + 8) for x in range(0, 32, 2) for y in range(0, 32, 2)]
    small = np.array([[0.25, 0.25]])
    random = np.random.default_rng(0)
    found = choose_windows([], [*grid, (0, 0, 32, 32), (0, 0, 16, 32), (16, 0, 32, 32)], small, 32, 32, random)
    assert len(found) < EMPTY


def test_a_mirrored_picture_is_described_by_the_same_numbers_in_another_order():
    picture = blocks(1)
    box, other = (20, 10, 68, 58), (128 - 68, 10, 128 - 20, 58)
    ours = describe(picture, box).astype(float)
    theirs = describe(np.ascontiguousarray(picture[:, ::-1]), other).astype(float)
    assert ours.shape == (len(MARGINS), NUMBERS)
    assert sorted(mirrored()) == list(range(NUMBERS)) and (mirrored()[mirrored()] == np.arange(NUMBERS)).all()
    # a colour next to a rounding edge may be one level off
    assert np.abs(ours[0][mirrored()] - theirs[0]).mean() < 0.01 < np.abs(ours[0] - theirs[0]).mean()
    assert places([box], 128, 96, mirror=True) == pytest.approx(places([other], 128, 96))


def test_brightness_changes_the_edges_little():
    picture = blocks(2)
    edges = slice(0, NUMBERS // 2)
    bright, dark = (describe(image, (10, 10, 90, 80))[0, edges].astype(float) for image in (picture, picture // 2))
    other = describe(blocks(3), (10, 10, 90, 80))[0, edges].astype(float)
    assert np.abs(bright - dark).mean() < 0.3 * np.abs(bright - other).mean()
