"""Polygons of the VGG Image Annotator, and detection boxes: read strictly, drawn where they were drawn."""

import csv
import json

import numpy as np
import pytest

from pipeseg.data.boxes import fill_boxes, read_boxes
from pipeseg.data.via import COLUMNS, Region, rasterise, read_via, region_rows
from pipeseg.errors import BadInput

SQUARE = {"name": "polygon", "all_points_x": [2, 6, 6, 2], "all_points_y": [3, 3, 5, 5]}


@pytest.fixture
def labels(tmp_path):
    def write(*rows, columns=COLUMNS):
        with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for name, shape, attributes in rows:
                parts = [part if isinstance(part, str) else json.dumps(part) for part in (shape, attributes)]
                writer.writerow([name, 1, "{}", 1, 0, *parts][: len(columns)])
        return tmp_path / "labels.csv"

    return write


def sentence(path) -> str:
    with pytest.raises(BadInput) as caught:
        read_via(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_polygons_rectangles_and_empty_rows(labels):
    rect = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    found = read_via(
        labels(
            ("b ё.png", SQUARE, {"defect_class": "x"}),
            ("b ё.png", rect, {"defect_class": "y"}),
            ("a.png", {}, {}),
            ("c.png", "", ""),
            ("d.png", SQUARE, {}),
        )
    )
    assert [region.defect_class for region in found["b ё.png"]] == ["x", "y"]
    assert found["b ё.png"][1].points.tolist() == [[1, 2], [4, 2], [4, 6], [1, 6]]
    assert found["a.png"] == found["c.png"] == [] and found["d.png"][0].defect_class is None


def test_every_shape_that_encloses_something(labels):
    circle = {"name": "circle", "cx": 20, "cy": 20, "r": 10}
    ellipse = {"name": "ellipse", "cx": 20, "cy": 20, "rx": 15, "ry": 5, "theta": np.pi / 2}
    line = {**SQUARE, "name": "polyline"}
    found = read_via(labels(("a.png", circle, {}), ("b.png", ellipse, {}), ("c.png", line, {})))
    areas = {name: np.count_nonzero(rasterise(regions, 40, 40)) for name, regions in found.items()}
    # half a pixel around the outline is drawn as well
    assert abs(areas["a.png"] - np.pi * 10.5**2) < 15 and abs(areas["b.png"] - np.pi * 15.5 * 5.5) < 15
    assert areas["c.png"] == 15
    # turned by a right angle
    assert np.ptp(found["b.png"][0].points, 0).round().tolist() == [10, 30]


def test_what_is_written_is_read_back(labels, tmp_path):
    regions = [Region(np.array([[1, 2], [3.25, 4], [5, 6.125]]), "тру"), Region(np.array([[1, 1]] * 3, float), None)]
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(region_rows("a, b.png", regions) + region_rows("c.png", []))
    found = read_via(tmp_path / "labels.csv")
    assert found["c.png"] == [] and [region.defect_class for region in found["a, b.png"]] == ["тру", None]
    for region, written in zip(found["a, b.png"], regions, strict=True):
        assert np.array_equal(region.points, written.points)


def test_a_traced_mask_is_longer_than_csv_allows_by_itself(labels):
    points = list(range(60_000))
    found = read_via(labels(("a.png", {"name": "polygon", "all_points_x": points, "all_points_y": points}, {})))
    assert len(found["a.png"][0].points) == 60_000


def test_a_byte_order_mark_is_no_part_of_the_first_column(labels):
    path = labels(("a.png", SQUARE, {}))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(read_via(path)) == ["a.png"]


@pytest.mark.parametrize(
    ("shape", "attributes", "words"),
    [
        ('{"name": "polygon"', {}, "not JSON"),
        (SQUARE, "{'defect_class': 'x'}", "not JSON"),
        ({"name": "point", "cx": 1, "cy": 1}, {}, "'point'"),
        ({"name": "circle", "cx": 1, "cy": 1}, {}, "circle"),
        ({"all_points_x": [1]}, {}, "None"),
        ({"name": "polygon", "all_points_x": [1, 2, 3]}, {}, "all_points_y"),
        ({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}, {}, "polygon"),
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, {}, "3 points"),
        ({"name": "polygon", "all_points_x": ["a", 2, 3], "all_points_y": [1, 2, 3]}, {}, "numbers"),
        ('{"name": "polygon", "all_points_x": [NaN, 2, 3], "all_points_y": [1, 2, 3]}', {}, "finite"),
        ({"name": "rect", "x": 1, "y": 2, "width": None, "height": 4}, {}, "rect"),
        # what a checkbox attribute of VIA exports
        (SQUARE, {"defect_class": {"deposition": True}}, "defect_class"),
    ],
)
def test_a_broken_row_is_named_by_its_line(labels, shape, attributes, words):
    text = sentence(labels(("a.png", SQUARE, {}), ("b.png", shape, attributes)))
    assert "line 3" in text and words in text


def test_files_that_are_not_via(labels, tmp_path):
    assert "region_attributes" in sentence(labels(("a.png", SQUARE, {}), columns=COLUMNS[:-1]))
    (tmp_path / "labels.csv").write_text("")
    assert "filename" in sentence(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_bytes(",".join(COLUMNS).encode() + "\nтруба.png,".encode("cp1251"))
    assert "UTF-8" in sentence(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").unlink()
    assert "no such file" in sentence(tmp_path / "labels.csv")


def test_a_polygon_covers_its_pixels_and_no_more():
    mask = rasterise([Region(np.array([[2, 3], [6, 3], [6, 5], [2, 5]], float), None)], 10, 12)
    expected = np.zeros((10, 12), np.uint8)
    expected[3:6, 2:7] = 255
    assert np.array_equal(mask, expected)


def test_concave_overlapping_and_outlying_polygons():
    # an L: its notch stays empty
    ell = np.array([[1, 1], [3, 1], [3, 7], [9, 7], [9, 9], [1, 9]], float)
    mask = rasterise([Region(ell, None)], 12, 12)
    assert mask[2, 2] and mask[8, 8] and not mask[3, 6] and set(np.unique(mask)) == {0, 255}
    outside = Region(np.array([[-50, -50], [3, -50], [3, 3], [-50, 3]], float), None)
    union = rasterise([Region(ell, None), outside], 12, 12)
    assert union[0, 0] and union[2, 2] and union[8, 8] and not union[0, 5]
    assert not rasterise([], 4, 4).any()


def test_fractional_corners_move_the_edge_by_less_than_a_pixel():
    circle = np.linspace(0, 2 * np.pi, 200)
    points = np.stack([50.3 + 30.5 * np.cos(circle), 49.8 + 30.5 * np.sin(circle)], 1)
    area = (rasterise([Region(points, None)], 100, 100) > 0).sum()
    # the edge's own pixels belong to the mask
    assert np.pi * 30**2 < area < np.pi * 31.5**2


@pytest.fixture
def boxes_file(tmp_path):
    def write(*rows, header="filename,defect_class,x_min,y_min,x_max,y_max"):
        (tmp_path / "boxes.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return tmp_path / "boxes.csv"

    return write


def test_boxes_of_one_class_or_of_all(boxes_file):
    path = boxes_file("a.png,x,1,2,3,4", "a.png,y,5,6,7,8", "b.png,y,0,0,1,1")
    assert read_boxes(path, "x") == {"a.png": [(1, 2, 3, 4)]}
    assert {name: len(found) for name, found in read_boxes(path, None).items()} == {"a.png": 2, "b.png": 1}


@pytest.mark.parametrize("row", ["a.png,x,1,2,3", "a.png,x,1,2,3,", "a.png,x,one,2,3,4", "a.png,x,nan,2,3,4"])
def test_a_broken_box_is_named_by_its_line(boxes_file, row):
    with pytest.raises(BadInput, match="line 3"):
        read_boxes(boxes_file("a.png,x,1,2,3,4", row), "x")


def test_files_that_are_no_boxes(boxes_file, tmp_path):
    with pytest.raises(BadInput, match="y_max"):
        read_boxes(boxes_file(header="filename,defect_class,x_min,y_min,x_max"), None)
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="UTF-8"):
        read_boxes(tmp_path / "boxes.csv", None)


def test_filled_boxes_are_half_open_and_cut_at_the_edge():
    inside = fill_boxes([(2, 1, 5, 3), (-4, -4, 1, 1), (9, 9, 99, 99), (5, 5, 4, 4)], 10, 10)
    expected = np.zeros((10, 10), bool)
    expected[1:3, 2:5] = expected[0, 0] = expected[9, 9] = True
    assert np.array_equal(inside, expected)
