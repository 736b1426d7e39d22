"""Boxes judged by their numbers: each mistake has its word, honest boxes have none."""

import math

import pytest

from pipeseg.data.audit.boxes import check_boxes, iou, large_classes, size_outliers

SIZE = (320, 240)


def kinds(*boxes, size=SIZE):
    suspects, notes = check_boxes("p.png", [("leak", box) for box in boxes], *size)
    return [suspect.kind for suspect in suspects], [note.kind for note in notes]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((400, 10, 450, 60), "outside"),
        ((-60, 10, -1, 60), "outside"),
        ((200, 10, 480, 60), "outside"),
        ((10, 10, 10, 60), "tiny"),
        ((10, 10, 60, 10), "tiny"),
        ((60, 60, 10, 10), "tiny"),
        ((10, 10, 12.5, 60), "tiny"),
        ((318.5, 10, 321, 60), "outside"),
        ((0, 0, 320, 240), "whole"),
        ((2, 2, 319, 239), "whole"),
        ((-9, -9, 330, 250), "whole"),
        ((math.nan, 0, 10, 10), "outside"),
    ],
)
def test_a_box_that_cannot_be_right(box, kind):
    assert kinds(box) == ([kind], [])


@pytest.mark.parametrize(
    "box", [(10, 10, 60, 60), (-3, 10, 60, 60), (290, 200, 324, 243), (10, 10, 13, 13), (0, 0, 320, 220)]
)
def test_an_honest_box_passes(box):
    assert kinds(box) == ([], [])


def test_the_later_of_two_equal_boxes_is_the_suspect():
    boxes = [("leak", (10, 10, 110, 60)), ("crack", (150, 10, 190, 90)), ("leak", (11, 10, 110, 61))]
    suspects, _ = check_boxes("p.png", boxes, *SIZE)
    assert [(s.kind, s.box) for s in suspects] == [("twice", (11, 10, 110, 61))]
    assert suspects[0].reason.startswith("twice: ") and suspects[0].defect_class == "leak"


def test_a_third_drawing_is_a_suspect_too_but_not_of_the_second():
    assert kinds((10, 10, 60, 60), (10, 10, 60, 60), (10, 10, 60, 60)) == (["twice", "twice"], [])


def test_two_classes_in_one_place_are_a_note():
    boxes = [("leak", (10, 10, 60, 60)), ("crack", (10, 10, 60, 60))]
    suspects, notes = check_boxes("p.png", boxes, *SIZE)
    assert not suspects and [note.kind for note in notes] == ["two_classes"]


def test_neighbours_that_overlap_by_half_are_two_things():
    assert kinds((10, 10, 60, 60), (35, 10, 85, 60)) == ([], [])


def test_a_very_long_box_is_a_note():
    assert kinds((0, 100, 300, 110)) == ([], ["aspect"])


def test_a_class_that_fills_pictures_may_fill_one_entirely():
    sizes = {f"p{i}": SIZE for i in range(20)}
    boxes = {name: [("ring", (0, 0, 320, 180)), ("leak", (0, 0, 30, 30))] for name in list(sizes)[:4]}
    boxes |= {name: [("ring", (0, 0, 50, 50)), ("leak", (0, 0, 320, 240))] for name in list(sizes)[4:]}
    assert large_classes(boxes, sizes) == {"ring"}
    suspects, notes = check_boxes("p.png", [("ring", (0, 0, 320, 240))], *SIZE, large={"ring"})
    assert not suspects and [note.kind for note in notes] == ["whole"]


def test_sizes_far_from_their_class_are_notes():
    boxes = {f"p{i}": [("leak", (0, 0, 40 + i % 7, 40 + i % 5))] for i in range(30)}
    assert size_outliers(boxes) == []
    boxes["odd"] = [("leak", (0, 0, 4, 4))]
    assert [note.file for note in size_outliers(boxes)] == ["odd"]
    # of another class there is one box only: it has no usual size
    boxes["odd"] = [("crack", (0, 0, 4, 4))]
    assert size_outliers(boxes) == []


def test_iou():
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 2, 2), (2, 0, 3, 2)) == 0
    assert iou((0, 0, 0, 2), (0, 0, 2, 2)) == 0
