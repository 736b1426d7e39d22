"""Labels of copies are compared where they would lie after the copy's turn or flip."""

import numpy as np
import pytest

from pipeseg.data.audit.conflicts import carry, find_conflicts, rivals, unmatched
from pipeseg.data.duplicates import Pair

TURNS = ("same", "rotated_90", "rotated_180", "rotated_270")
TRANSFORMS = (*TURNS, "flipped", *(f"flipped_{turn}" for turn in TURNS[1:]))
SIZE = (30, 20)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_box_goes_where_its_pixels_go(transform):
    picture = np.zeros((20, 30), bool)
    picture[4:9, 3:17] = True
    turned = picture[:, ::-1] if transform.startswith("flipped") else picture
    degrees = int(transform.rpartition("_")[2]) if "rotated" in transform else 0
    turned = np.rot90(turned, degrees // 90)
    rows, columns = np.flatnonzero(turned.any(1)), np.flatnonzero(turned.any(0))
    expected = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert carry((3, 4, 17, 9), transform, SIZE, turned.shape[::-1]) == pytest.approx(expected)


def test_a_copy_of_another_size_carries_scaled_boxes():
    assert carry((3, 4, 15, 10), "same", SIZE, (60, 10)) == pytest.approx((6, 2, 30, 5))


def test_an_unknown_transform_is_no_guess():
    with pytest.raises(ValueError, match="sheared"):
        carry((0, 0, 1, 1), "sheared", SIZE, SIZE)


def conflicts(first, second, transform="same", kind="exact"):
    pair = Pair("a.png", "b.png", kind, transform, 1.0)
    return find_conflicts([pair], {"a.png": first, "b.png": second}, {"a.png": SIZE, "b.png": SIZE})


LEAK = ("leak", (3, 4, 17, 9))


def test_equal_labels_are_no_conflict():
    assert conflicts([LEAK], [LEAK]) == []
    assert conflicts([LEAK], [("leak", (13, 11, 27, 16))], "rotated_180") == []
    assert conflicts([], []) == []


def test_another_class_is_a_conflict():
    (found,) = conflicts([LEAK], [("crack", LEAK[1])])
    assert (found.first, found.second, found.kind) == ("a.png", "b.png", "classes")
    assert "leak here, crack in its copy b.png" in found.reason


def test_a_label_on_one_copy_only_is_a_conflict():
    (found,) = conflicts([LEAK], [])
    assert "nothing in its copy" in found.reason


def test_a_box_elsewhere_is_a_conflict():
    (found,) = conflicts([LEAK], [LEAK], "rotated_180")
    assert found.kind == "boxes" and "2 of 2 boxes" in found.reason


def test_a_near_copy_may_have_moved_a_little_an_exact_one_not():
    small, moved, far = ("leak", (10, 10, 13, 13)), ("leak", (12, 10, 15, 13)), ("leak", (18, 10, 21, 13))
    assert conflicts([small], [moved]) and not conflicts([small], [moved], kind="near")
    assert conflicts([small], [far], kind="near")
    # moving explains no other size
    assert conflicts([small], [("leak", (10, 10, 17, 17))], kind="near")


def test_pictures_nobody_labelled_are_not_compared():
    pair = Pair("a.png", "b.png", "near", "same", 1.0)
    assert find_conflicts([pair], {"a.png": [LEAK]}, {"a.png": SIZE, "b.png": SIZE}) == []
    assert find_conflicts([pair], {"a.png": [LEAK], "b.png": []}, {"a.png": SIZE}) == []


def test_boxes_are_matched_one_to_one():
    twice = [LEAK, LEAK]
    assert unmatched(twice, twice) == 0
    assert unmatched(twice, [LEAK]) == 1
    assert unmatched([LEAK], [("crack", LEAK[1])]) == 2


def test_rivals_are_other_classes_in_the_same_place_of_a_copy():
    boxes = {
        "a": [("crack", (10, 10, 30, 20)), ("leak", (50, 10, 70, 30))],
        "b": [("leak", (70, 10, 90, 20)), ("leak", (30, 10, 50, 30))],
    }
    sizes = {"a": (100, 40), "b": (100, 40), "c": (100, 40)}
    pairs = [Pair("a", "b", "exact", "flipped", 1.0), Pair("a", "c", "exact", "same", 1.0)]
    assert rivals(pairs, boxes, sizes) == {
        ("a", "crack", (10, 10, 30, 20)): {"leak"},
        ("b", "leak", (70, 10, 90, 20)): {"crack"},
    }
