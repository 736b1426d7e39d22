"""Masks to polygons and back: not a pixel is lost, whatever the shape."""

import cv2
import numpy as np
import pytest

from pipeseg.data.regions import Region, ellipse_points, polygons_of, rasterise


def drawn(mask: np.ndarray) -> np.ndarray:
    return rasterise([Region(points, None) for points in polygons_of(mask)], *mask.shape)


def assert_lossless(mask: np.ndarray) -> None:
    polygons = polygons_of(mask)
    parts = cv2.connectedComponents((mask != 0).astype(np.uint8), connectivity=8)[0] - 1
    assert len(polygons) == parts and all(len(points) >= 3 for points in polygons)
    assert np.array_equal(drawn(mask), np.where(mask, 255, 0)), mask


def test_noise_of_every_density():
    random = np.random.default_rng(0)
    for _ in range(400):
        height, width = random.integers(1, 24, 2)
        assert_lossless((random.random((height, width)) < random.random()).astype(np.uint8))


def test_blobs_with_holes():
    random = np.random.default_rng(1)
    for _ in range(40):
        height, width = random.integers(20, 120, 2)
        field = cv2.GaussianBlur(random.random((height, width)).astype(np.float32), (0, 0), random.uniform(0.5, 4))
        assert_lossless((field > np.quantile(field, random.random())).astype(np.uint8))


def shapes() -> dict[str, np.ndarray]:
    empty = np.zeros((12, 16), np.uint8)
    found = {"empty": empty, "full": empty + 1}
    found["pixel"] = empty.copy()
    found["pixel"][5, 7] = 1
    found["corner pixel"] = empty.copy()
    found["corner pixel"][11, 15] = 255
    for name, start, end in (("row", (2, 3), (9, 3)), ("column", (4, 1), (4, 9)), ("diagonal", (1, 1), (9, 9))):
        found[name] = cv2.line(empty.copy(), start, end, 1)
    found["shallow line"] = cv2.line(empty.copy(), (1, 2), (14, 5), 1)
    found["ring"] = cv2.circle(empty.copy(), (8, 6), 4, 1)
    # an island in a hole in a ring, and two holes behind one another
    found["target"] = cv2.circle(cv2.circle(empty.copy(), (8, 6), 5, 1), (8, 6), 2, 1)
    found["two holes"] = empty + 1
    found["two holes"][4:7, 3:5] = found["two holes"][3:8, 8:11] = 0
    # the slit of the right hole ends where the left hole touches the outline with a corner
    found["grating"] = np.ones((41, 41), np.uint8)
    found["grating"][1::2, 1::2] = 0
    found["chessboard"] = (np.indices((9, 9)).sum(0) % 2).astype(np.uint8)
    found["soft"] = np.arange(192, dtype=np.uint8).reshape(12, 16)
    return found


@pytest.mark.parametrize("name", shapes())
def test_awkward_shapes(name):
    assert_lossless(shapes()[name])


def test_thousands_of_holes_are_no_recursion():
    mask = np.ones((151, 151), np.uint8)
    mask[1::2, 1::2] = 0
    assert_lossless(mask)


def test_straight_edges_need_few_corners():
    mask = np.zeros((50, 50), np.uint8)
    mask[10:40, 5:45] = 1
    (points,) = polygons_of(mask)
    assert sorted(map(tuple, points.tolist())) == [(5, 10), (5, 39), (44, 10), (44, 39)]


def test_a_region_is_filled_by_the_even_odd_rule_and_regions_are_united():
    square = np.array([[2, 2], [12, 2], [12, 12], [2, 12]], float)
    inner = np.array([[5, 5], [9, 5], [9, 9], [5, 9]], float)
    united = rasterise([Region(square, None), Region(inner, None)], 16, 16)
    assert united[7, 7] and united[3, 3]
    # outline and hole in one polygon, joined by a slit
    keyhole = np.concatenate([square, square[:1], inner, inner[:1], square[:1]])
    mask = rasterise([Region(keyhole, None)], 16, 16)
    assert not mask[7, 7] and mask[3, 10] and mask[5, 7]


def test_corners_far_outside_do_not_overflow():
    far = np.array([[-5e8, 3], [5e8, 3], [5e8, 6], [-5e8, 6]])
    mask = rasterise([Region(far, None)], 10, 10)
    assert mask[3:7].all() and not mask[:3].any() and not mask[7:].any()


def test_an_ellipse_has_its_area_and_its_direction():
    mask = rasterise([Region(ellipse_points(50, 50, 40, 10), None)], 100, 100) > 0
    assert abs(mask.sum() - np.pi * 40.5 * 10.5) < 40 and mask[50, 15] and not mask[15, 50]
    turned = rasterise([Region(ellipse_points(50, 50, 40, 10, np.pi / 2), None)], 100, 100) > 0
    assert turned[15, 50] and not turned[50, 15]
