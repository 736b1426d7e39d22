"""Pascal VOC: boxes in XML, which may come from anybody."""

import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, reasons_of, text


def voc(*objects, filename="a.jpg", size=(HEIGHT, WIDTH)) -> str:
    def element(name, corners):
        sides = "".join(
            f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        )
        return f"<object><name>{name}</name><bndbox>{sides}</bndbox></object>"

    inside = "".join(element(*one) for one in objects)
    sides = f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>{filename}</filename>{sides}{inside}</annotation>"


@pytest.fixture
def folder(tmp_path):
    photo(tmp_path / "JPEGImages" / "a.jpg")
    return tmp_path


def test_boxes(folder):
    text(folder / "Annotations" / "a.xml", voc(("течь", (1, 2, 30, 20)), ("crack", (1.5, 2, 900, 2))))
    source = read(folder)
    assert source.format == "voc" and source.classes == ("crack", "течь") and source.all_problems == []
    # outside and without area: kept for the audit
    assert boxes_of(source) == {"a.jpg": [("течь", (1, 2, 30, 20)), ("crack", (1.5, 2, 900, 2))]}
    assert not source.annotations[0].hand_labelled


@pytest.mark.parametrize(
    ("picture", "file", "filename"),
    [
        ("a.jpg", "a.xml", "a.jpg"),
        ("a.JPG", "xml/a.xml", "a.jpg"),
        ("images/a.png", "labels/a.xml", "a.jpg"),
        ("images/a.jpg", "labels/a.xml", "a"),
        ("images/a.jpg", "labels/a.xml", ""),
        ("images/a.jpg", "labels/a.xml", "C:\\old\\a.jpg"),
        ("images/a.jpg", "labels/other.xml", "a.jpg"),
    ],
)
def test_which_picture(tmp_path, picture, file, filename):
    photo(tmp_path / picture)
    text(tmp_path / file, voc(("x", (1, 2, 3, 4)), filename=filename))
    ((_, boxes),) = boxes_of(read(tmp_path)).items()
    assert boxes == [("x", (1, 2, 3, 4))]


def test_a_name_inside_that_is_another_pictures_is_not_followed(folder):
    photo(folder / "JPEGImages" / "b.jpg")
    text(folder / "Annotations" / "a.xml", voc(("x", (1, 2, 3, 4)), filename="b.jpg"))
    source = read(folder)
    assert boxes_of(source) == {"a.jpg": [], "b.jpg": []} and "paired with neither" in reasons_of(source)


def test_equal_names_in_two_splits(tmp_path):
    for part in ("train", "valid"):
        photo(tmp_path / part / "a.jpg")
        text(tmp_path / part / "a.xml", voc((part, (1, 2, 3, 4))))
    found = boxes_of(read(tmp_path))
    assert found == {"train__a.jpg": [("train", (1, 2, 3, 4))], "valid__a.jpg": [("valid", (1, 2, 3, 4))]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (voc(("x", (1, "nan", 3, 4))), "is not finite"),
        (voc(("x", (1, "", 3, 4))), "is no number"),
        (voc(("", (1, 2, 3, 4))), "object 0 (): no name"),
        ("<annotation><filename>a.jpg</filename><object><name>x</name></object></annotation>", "object 0 (x)"),
        (voc(("x", (1, 2, 3, 4)), size=None), "no size of the picture"),
        (voc(("x", (1, 2, 3, 4)), size=(9, 9)), "annotated at 9x9"),
        ("<annotation>\n<object>\n</annotation>", "line 3: not XML"),
        ("<annotation", "not XML"),
        (voc(("x", (1, 2, 3, 4)), filename="gone.jpg"), "says gone.jpg"),
    ],
)
def test_odd_files_are_named(folder, content, words):
    photo(folder / "JPEGImages" / "b.jpg")
    text(folder / "Annotations" / "b.xml", voc(("y", (1, 2, 3, 4)), filename="b.jpg"))
    text(folder / "Annotations" / "a.xml", content)
    source = read(folder)
    assert boxes_of(source)["b.jpg"] == [("y", (1, 2, 3, 4))]
    if words.startswith("says"):
        # a renamed picture keeps its labels: only one of the names exists
        assert boxes_of(source)["a.jpg"] == [("x", (1, 2, 3, 4))]
    else:
        assert words in reasons_of(source) and ("a.xml" in reasons_of(source) or "a.jpg: ann" in reasons_of(source))


def test_labels_without_picture_and_a_second_file(folder):
    text(folder / "Annotations" / "a.xml", voc(("x", (1, 2, 3, 4))))
    text(folder / "Annotations" / "old" / "a.xml", voc(("y", (1, 2, 3, 4))))
    text(folder / "Annotations" / "gone.xml", voc(("x", (1, 2, 3, 4)), filename="gone.jpg"))
    text(folder / "other.xml", "<project/>")
    source = read(folder)
    assert boxes_of(source) == {"a.jpg": [("x", (1, 2, 3, 4))]}
    assert "gone.xml: labels gone.jpg, but there is no such picture" in reasons_of(source)
    assert "old/a.xml: a second file for JPEGImages/a.jpg" in reasons_of(source)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE annotation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<annotation><filename>&b;</filename></annotation>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<annotation><filename>&x;</filename></annotation>"""


@pytest.mark.parametrize("content", [BOMB, OUTSIDE, BOMB.replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16")])
def test_entities_are_refused(folder, content):
    photo(folder / "JPEGImages" / "b.jpg")
    text(folder / "Annotations" / "b.xml", voc(("y", (1, 2, 3, 4)), filename="b.jpg"))
    text(folder / "Annotations" / "a.xml", content)
    assert "a.xml: declares entities" in reasons_of(read(folder))
