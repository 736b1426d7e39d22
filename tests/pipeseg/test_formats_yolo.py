"""YOLO: boxes and polygons relative to the picture, class names from wherever people keep them."""

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, reasons_of, text

from pipeseg.data.formats import read_source
from pipeseg.errors import BadInput

LINE = "1 0.5 0.5 0.2 0.1\n"
BOX = (0.4 * WIDTH, 0.45 * HEIGHT, 0.6 * WIDTH, 0.55 * HEIGHT)


@pytest.fixture
def folder(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    text(tmp_path / "labels" / "a.txt", LINE)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("classes.txt", "leak\ncrack\n"),
        ("classes.txt", "\ufeffleak\r\ncrack\r\n"),
        ("labels/classes.txt", "leak\ncrack\n"),
        ("obj.names", "leak\ncrack"),
        ("data.yaml", "train: images\nnc: 2\nnames: [leak, crack]\n"),
        ("data.yaml", "names:\n  0: leak\n  1: crack\n"),
        ("dataset.yml", "names: {1: crack, 0: leak}\n"),
    ],
)
def test_class_names(folder, file, content):
    text(folder / file, content)
    source = read(folder)
    assert source.format == "yolo" and set(source.classes) == {"leak", "crack"}
    assert boxes_of(source) == {"a.jpg": [("crack", BOX)]} and source.all_problems == []
    assert not source.annotations[0].hand_labelled


def test_numbers_without_names_and_names_from_outside(folder):
    assert boxes_of(read(folder)) == {"a.jpg": [("class_1", BOX)]}
    assert boxes_of(read(folder, classes=["x", "y"])) == {"a.jpg": [("y", BOX)]}


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.jpg", "a.txt"),
        ("a.jpg", "labels/a.txt"),
        ("images/a.jpg", "labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("obj_train_data/a.JPG", "obj_train_data/a.txt"),
        ("images/п у.jpg", "labels/п у.txt"),
    ],
)
def test_where_labels_lie(tmp_path, image, label):
    photo(tmp_path / image)
    text(tmp_path / label, LINE)
    # a picture of the same name elsewhere, with labels of its own
    photo(tmp_path / "other" / "images" / "val" / "b.jpg")
    text(tmp_path / "other" / "labels" / "val" / "b.txt", "0 .5 .5 1 1\n")
    found = boxes_of(read(tmp_path))
    assert found.pop("b.jpg") == [("class_0", (0, 0, WIDTH, HEIGHT))]
    ((_, boxes),) = found.items()
    assert boxes == [("class_1", BOX)]


def test_train_and_val_with_the_same_names_are_not_mixed(tmp_path):
    for part, number in (("train", 0), ("val", 1)):
        photo(tmp_path / "images" / part / "1.jpg")
        text(tmp_path / "labels" / part / "1.txt", f"{number} .5 .5 .5 .5\n")
    found = boxes_of(read(tmp_path))
    assert {name: boxes[0][0] for name, boxes in found.items()} == {
        "images__train__1.jpg": "class_0",
        "images__val__1.jpg": "class_1",
    }


def test_polygons(folder):
    text(folder / "labels" / "a.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    photo(folder / "images" / "b.jpg")
    text(folder / "labels" / "b.txt", "")
    photo(folder / "images" / "c.jpg")
    first, second, third = read(folder).annotations
    assert first.hand_labelled and np.allclose(first.regions[0].points, [[6, 4], [30, 4], [30, 20]])
    assert first.boxes == (("class_0", (6, 4, 31, 21)),)
    # an empty file among polygons: looked at; no file: nobody knows
    assert second.hand_labelled and not third.hand_labelled


def test_a_picture_with_boxes_and_polygons_has_no_whole_hand_mask(folder):
    text(folder / "labels" / "a.txt", LINE + "0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    (one,) = read(folder).annotations
    assert not one.hand_labelled and one.regions == () and len(one.boxes) == 2
    assert "1 of 2 objects have a polygon" in one.problems[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 nan 0.5 0.1 0.1", "not finite"),
        ("0 0.5 0.5 inf 0.1", "not finite"),
        ("7 0.5 0.5 0.1 0.1", "class 7 is unknown"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is unknown"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5 is unknown"),
        ("leak 0.5 0.5 0.1 0.1", "not numbers"),
        ("0 0.5 0.5", "2 numbers are neither"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "7 numbers are neither"),
        ("0", "0 numbers are neither"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_kept(folder, line, words):
    text(folder / "classes.txt", "leak\ncrack\n")
    text(folder / "labels" / "a.txt", f"{LINE}\n{line}\n")
    source = read(folder)
    assert boxes_of(source) == {"a.jpg": [("crack", BOX)]}
    assert f"a.jpg: a.txt: line 3: {words}" in reasons_of(source)


def test_absurd_boxes_are_kept_for_the_audit(folder):
    text(folder / "labels" / "a.txt", "0 0.5 0.5 0 0\n0 2 2 0.1 0.1\n0 .5 .5 3 3\n0 .5 .5 .1 .1 0.93\n")
    boxes = [box for _, box in boxes_of(read(folder))["a.jpg"]]
    assert boxes[0] == (30, 20, 30, 20) and boxes[1][0] > WIDTH and boxes[2] == (-60, -40, 120, 80) and len(boxes) == 4


def test_labels_without_picture_and_pictures_without_label(folder):
    text(folder / "labels" / "gone.txt", LINE)
    text(folder / "labels" / "notes.txt", b"\xff\xfe")
    photo(folder / "images" / "b.jpg")
    source = read(folder)
    assert boxes_of(source)["b.jpg"] == []
    assert "labels/gone.txt: a label file without picture" in reasons_of(source)
    text(folder / "labels" / "b.txt", b"\xff\xfe")
    assert "b.txt: cannot be read" in reasons_of(read(folder))


def test_an_unreadable_picture_keeps_its_place(folder):
    photo(folder / "images" / "b.jpg")
    (folder / "images" / "a.jpg").write_bytes(b"no picture")
    source = read(folder)
    assert boxes_of(source) == {"a.jpg": [], "b.jpg": []} and "a.jpg: its labels are relative" in reasons_of(source)


def test_a_turned_picture_is_measured_as_one_sees_it(folder):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    photo(folder / "images" / "a.jpg", exif=exif)
    (_, (x_min, y_min, x_max, y_max)) = boxes_of(read(folder))["a.jpg"][0]
    assert (x_max - x_min, y_max - y_min) == (0.2 * HEIGHT, 0.1 * WIDTH)


@pytest.mark.parametrize("content", ["names: [a\n", "names: {x: a}\n", b"names: \xff"])
def test_broken_lists_of_names(folder, content):
    text(folder / "data.yaml", content)
    with pytest.raises(BadInput, match=r"data\.yaml"):
        read_source(folder)


def test_pointing_at_the_yaml_file(folder):
    text(folder / "data.yaml", "names: [leak, crack]\n")
    assert read(folder / "data.yaml").classes == ("leak", "crack")
