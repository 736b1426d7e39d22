"""Boxes against what a person drew in the same picture."""

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.audit.polygons import judge_by_polygons
from pipeseg.data.regions import Region


def square(x, y, side, name):
    points = np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], float)
    return Region(points, name)


@pytest.fixture
def images(tmp_path):
    Image.new("RGB", (100, 80)).save(tmp_path / "a.png")
    return {"a.png": tmp_path / "a.png"}


def kinds(images, boxes, regions):
    found = judge_by_polygons(images, {"a.png": boxes}, {"a.png": regions}).suspects
    return [(suspect.defect_class, suspect.kind) for suspect in found]


def test_polygons_decide(images):
    regions = [square(10, 10, 20, "crack"), square(60, 40, 30, "leak")]
    boxes = [
        ("crack", (8, 8, 33, 33)),
        ("leak", (8, 8, 33, 33)),
        ("crack", (58, 5, 80, 25)),
        # a corner of another class's drawing is no reason to call it that
        ("crack", (40, 20, 64, 44)),
        ("leak", (55, 35, 95, 75)),
    ]
    assert kinds(images, boxes, regions) == [("leak", "wrong_class"), ("crack", "false"), ("crack", "false")]


def test_a_class_that_was_not_outlined_is_not_judged(images):
    # only cracks were drawn here: a box of a leak elsewhere is nobody's mistake
    assert kinds(images, [("leak", (60, 40, 90, 70))], [square(10, 10, 20, "crack")]) == []
    # and where leaks often lie over cracks, they were left out rather than confused
    boxes = [("leak", (8, 8, 33, 33)), ("leak", (9, 9, 34, 34)), ("leak", (60, 40, 90, 70))]
    assert kinds(images, boxes, [square(10, 10, 20, "crack")]) == []


def test_looked_at_and_nothing_there(images):
    assert kinds(images, [("crack", (8, 8, 33, 33))], []) == [("crack", "false")]


def test_polygons_without_a_class_are_of_the_only_one(images):
    assert kinds(images, [("crack", (8, 8, 33, 33))], [square(10, 10, 20, None)]) == []


def test_pictures_that_nobody_drew_in_are_not_judged(images):
    assert judge_by_polygons(images, {"a.png": [("crack", (8, 8, 33, 33))]}, {}).suspects == ()


def test_where_every_class_is_outlined_a_box_without_a_drawing_is_false(tmp_path):
    """Leaks are drawn beside cracks in four pictures; in a fifth a leak's box has no drawing."""
    both = [square(10, 10, 20, "crack"), square(60, 40, 30, "leak")]
    boxes = [("crack", (8, 8, 33, 33)), ("leak", (58, 38, 92, 72))]
    images, labelled, drawn = {}, {}, {}
    for name in "abcde":
        Image.new("RGB", (100, 80)).save(tmp_path / f"{name}.png")
        images[name] = tmp_path / f"{name}.png"
        labelled[name], drawn[name] = (boxes[:1], both[:1]) if name == "e" else (boxes, both)
    labelled["e"] = [*boxes[:1], ("leak", (60, 5, 90, 25)), ("dent", (60, 40, 90, 70))]
    found = judge_by_polygons(images, labelled, drawn)
    # a dent was never drawn: nobody knows whether anybody looked for dents
    assert [(one.file, one.defect_class, one.kind) for one in found.suspects] == [("e", "leak", "false")]
    assert len(found.backed) == 9 and ("e", "crack", (8, 8, 33, 33)) in found.backed
    # with two pictures less it could be a habit to draw one class at a time
    few = {name: images[name] for name in "abe"}
    assert not judge_by_polygons(few, labelled, {name: drawn[name] for name in few}).suspects
