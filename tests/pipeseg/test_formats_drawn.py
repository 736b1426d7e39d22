"""VIA (CSV, JSON, projects) and LabelMe: what people draw, and what they leave behind."""

import csv
import json

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, reasons_of, text

from pipeseg.data.formats import read_source
from pipeseg.data.regions import rasterise
from pipeseg.data.via import COLUMNS
from pipeseg.errors import BadInput

TRIANGLE = {"name": "polygon", "all_points_x": [5, 25, 5], "all_points_y": [5, 5, 25]}
RECT = {"name": "rect", "x": 2, "y": 3, "width": 20, "height": 10}
CIRCLE = {"name": "circle", "cx": 30, "cy": 20, "r": 10}
ELLIPSE = {"name": "ellipse", "cx": 30, "cy": 20, "rx": 15, "ry": 5, "theta": 0}
LINE = {**TRIANGLE, "name": "polyline"}


def table(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, shape, attributes in rows:
            parts = [part if isinstance(part, str) else json.dumps(part) for part in (shape, attributes)]
            writer.writerow([name, 1, "{}", 1, 0, *parts])


def project(*rows, whole=True, old=False) -> dict:
    images: dict = {}
    for name, shape, attributes in rows:
        entry = images.setdefault(f"{name}1", {"filename": name, "size": 1, "regions": [], "file_attributes": {}})
        if shape:
            entry["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    for entry in images.values():
        if old:
            entry["regions"] = {str(number): region for number, region in enumerate(entry["regions"])}
    return {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {}} if whole else images


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "б в.jpg", "c.jpg"):
        photo(tmp_path / "pictures" / name)
    return tmp_path


ROWS = [
    ("a.jpg", TRIANGLE, {"defect_class": "leak"}),
    ("a.jpg", CIRCLE, {"defect_class": "crack"}),
    ("б в.jpg", ELLIPSE, {"defect_class": "leak"}),
    ("б в.jpg", LINE, {"defect_class": "leak"}),
    ("c.jpg", {}, {}),
]


def write(folder, kind, rows):
    match kind:
        case "csv":
            table(folder / "via_export.csv", *rows)
        case "project":
            text(folder / "via_project.json", project(*rows))
        case "json":
            text(folder / "via_export.json", project(*rows, whole=False))
        case "version 1":
            text(folder / "via_export.json", project(*rows, whole=False, old=True))


@pytest.mark.parametrize("kind", ["csv", "project", "json", "version 1"])
def test_every_kind_of_file_says_the_same(folder, kind):
    write(folder, kind, ROWS)
    source = read(folder)
    assert source.format == "via" and source.classes == ("crack", "leak") and source.all_problems == []
    first, last, second = source.annotations
    assert [region.defect_class for region in first.regions] == ["leak", "crack"] and len(second.regions) == 2
    assert all(one.hand_labelled for one in source.annotations) and last.name == "c.jpg" and last.regions == ()
    assert boxes_of(source)["a.jpg"] == [("leak", (5, 5, 26, 26)), ("crack", (20, 10, 41, 31))]
    circle = rasterise(first.regions[1:], HEIGHT, WIDTH) > 0
    rows, columns = np.indices((HEIGHT, WIDTH))
    distance = np.hypot(columns - 30, rows - 20)
    assert circle[distance < 9.5].all() and not circle[distance > 11].any()


def test_shapes_on_one_picture(folder):
    rows = [("a.jpg", shape, {"defect_class": "x"}) for shape in (TRIANGLE, RECT, CIRCLE, ELLIPSE, LINE)]
    write(folder, "csv", rows)
    one = read(folder).annotations[0]
    assert len(one.regions) == 5 and one.boxes[1] == ("x", (2, 3, 22, 13)) and one.hand_labelled


def test_rectangles_alone_are_boxes(folder):
    write(folder, "csv", [("a.jpg", RECT, {"defect_class": "x"}), ("c.jpg", {}, {})])
    first, last, _ = read(folder).annotations
    assert first.boxes == (("x", (2, 3, 22, 13)),) and not first.hand_labelled and not last.hand_labelled
    first = read(folder, masks_are="hand").annotations[0]
    assert first.hand_labelled and len(first.regions) == 1
    # among polygons they are named
    table(folder / "via_export.csv", ("a.jpg", RECT, {}), ("c.jpg", TRIANGLE, {}))
    source = read(folder)
    assert [one.hand_labelled for one in source.annotations] == [False, True, False]
    assert "a.jpg: holds rectangles only" in reasons_of(source)


def test_polygons_meant_as_boxes(folder):
    write(folder, "csv", ROWS)
    source = read(folder, masks_are="box")
    assert not any(one.hand_labelled or one.regions for one in source.annotations)
    assert sum(len(one.boxes) for one in source.annotations) == 4


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"class": "leak"}, "leak"),
        ({"whatever": "leak"}, "leak"),
        ({"name": "leak", "note": "wet"}, "leak"),
        ({"class": {"leak": True, "crack": False}}, "leak"),
        ({"class": 3}, "3"),
        ({"class": ""}, "defect"),
        ({}, "defect"),
    ],
)
def test_where_the_class_stands(folder, attributes, name):
    write(folder, "csv", [("a.jpg", TRIANGLE, attributes)])
    assert read(folder).annotations[0].regions[0].defect_class == name


def test_a_class_that_only_the_person_knows(folder):
    write(folder, "csv", [("a.jpg", TRIANGLE, {})])
    assert read(folder, classes=["leak"]).classes == ("leak",)


def test_two_attributes_that_could_be_the_class(folder):
    write(folder, "csv", [("a.jpg", TRIANGLE, {"kind": "x", "grade": "2"})])
    with pytest.raises(BadInput, match="any of grade, kind could be the class"):
        read_source(folder)


@pytest.mark.parametrize(
    ("shape", "attributes", "words"),
    [
        ({"name": "point", "cx": 1, "cy": 1}, {}, "shape 'point' is not known"),
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, {}, "at least 3 points"),
        ({"name": "polygon", "all_points_x": [1, 2, 3]}, {}, "all_points_y"),
        ({"name": "polygon", "all_points_x": [1, 2, None], "all_points_y": [1, 2, 3]}, {}, "finite"),
        ({"name": "polygon", "all_points_x": [1, 2, 10**400], "all_points_y": [1, 2, 3]}, {}, "numbers"),
        ({"name": "rect", "x": 1}, {}, "a rect without usable numbers"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": "wide"}, {}, "a circle without usable numbers"),
        ({**TRIANGLE, "all_points_x": [905, 925, 905]}, {}, "lies outside of the picture"),
        (TRIANGLE, {"defect_class": {"leak": True, "crack": True}}, "leak and crack are ticked"),
        (TRIANGLE, {"defect_class": [1]}, "which is no text"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "project"])
def test_an_odd_region_is_named_and_the_rest_kept(folder, kind, shape, attributes, words):
    write(folder, kind, [("a.jpg", TRIANGLE, {"defect_class": "x"}), ("a.jpg", shape, attributes)])
    source = read(folder)
    (found,) = boxes_of(source)["a.jpg"]
    assert found == ("x", (5, 5, 26, 26)) and words in reasons_of(source)
    # a picture that holds nothing else was not "looked at, nothing there"
    write(folder, kind, [("c.jpg", shape, attributes), ("a.jpg", TRIANGLE, {"defect_class": "x"})])
    if "outside" not in words:
        assert not {one.name: one.hand_labelled for one in read(folder).annotations}["c.jpg"]


def test_odd_rows_and_entries(folder):
    rows = [("a.jpg", '{"name": "polygon"', {}), ("gone.jpg", TRIANGLE, {}), ("", TRIANGLE, {}), ("c.jpg", {}, {})]
    table(folder / "via.csv", *rows)
    source = read(folder)
    reasons = reasons_of(source)
    assert "via.csv: line 2 (a.jpg): not JSON" in reasons and "gone.jpg: labelled, but there is no such" in reasons
    assert "via.csv: line 4: no file name" in reasons
    # a byte order mark and Windows line ends
    path = folder / "via.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(read(folder).all_problems) == len(source.all_problems)


def test_a_project_that_is_none(folder):
    made = project(("a.jpg", TRIANGLE, {}))
    made["_via_img_metadata"]["x"] = "y"
    text(folder / "via.json", made)
    with pytest.raises(BadInput, match="'x' is no picture's entry"):
        read_source(folder)


def test_two_files_that_list_one_picture(folder):
    table(folder / "one.csv", ("a.jpg", TRIANGLE, {"defect_class": "x"}))
    table(folder / "two.csv", ("a.jpg", CIRCLE, {"defect_class": "x"}))
    source = read(folder)
    assert len(source.annotations[0].regions) == 2 and "listed in two.csv and in another file" in reasons_of(source)
    assert len(read(folder / "two.csv").annotations[0].regions) == 1


def labelme(*shapes, image="a.jpg", **extra) -> dict:
    made = [{"label": label, "points": points, "shape_type": kind} for label, kind, points in shapes]
    return {"version": "5", "shapes": made, "imagePath": image, "imageData": None, **extra}


def test_labelme(folder):
    shapes = [
        ("leak", "polygon", [[5, 5], [25, 5], [5, 25]]),
        ("leak", "rectangle", [[22, 13], [2, 3]]),
        ("crack", "circle", [[30, 20], [30, 30]]),
    ]
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    text(folder / "json" / "a.json", labelme(*shapes, image="..\\pictures\\a.jpg", **size))
    text(folder / "pictures" / "б в.json", labelme(image="б в.jpg"))
    text(folder / "json" / "broken.json", '{"shapes": [],\n "imagePath"')
    source = read(folder)
    first, nothing, listed = source.annotations
    assert source.format == "labelme" and source.classes == ("crack", "leak")
    assert first.boxes[1] == ("leak", (2, 3, 22, 13)) and len(first.regions) == 3 and first.hand_labelled
    assert boxes_of(source)["a.jpg"][2] == ("crack", (20, 10, 41, 31))
    assert listed.hand_labelled and not nothing.hand_labelled
    assert reasons_of(source).startswith("json/broken.json: ") and "line 2" in reasons_of(source)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (("x", "point", [[1, 1]]), "shape 'point' is not known"),
        (("x", "polygon", [[1, 1], [2, 2]]), "a polygon of 2 points"),
        (("x", "rectangle", [[1, 1]]), "a rectangle of 1 points"),
        (("x", "circle", [[1, 1]]), "a circle of 1 points"),
        (("x", "polygon", [[1, 1], [2, float("nan")], [3, 3]]), "is not finite"),
        (("x", "polygon", "zigzag"), "no list of points"),
        ((7, "polygon", [[5, 5], [25, 5], [5, 25]]), "the label is 7"),
    ],
)
def test_odd_shapes_of_labelme(folder, shape, words):
    good = ("x", "polygon", [[5, 5], [25, 5], [5, 25]])
    text(folder / "pictures" / "a.json", labelme(good, shape))
    source = read(folder)
    assert len(source.annotations[0].regions) == 1 and words in reasons_of(source)


def test_odd_files_of_labelme(folder):
    good = ("x", "polygon", [[5, 5], [25, 5], [5, 25]])
    text(folder / "pictures" / "a.json", labelme(good))
    text(folder / "pictures" / "a2.json", labelme(good))
    text(folder / "pictures" / "d.json", labelme(good, image="d.jpg"))
    text(folder / "pictures" / "e.json", {**labelme(image="c.jpg"), "shapes": ["x"]})
    source = read(folder)
    reasons = reasons_of(source)
    assert "d.json: pictures/d.jpg: labelled, but there is no such picture" in reasons
    assert "a2.json: means pictures/a.jpg" in reasons and "e.json: shape 0: no shape" in reasons
