"""What all formats share: finding out which one it is, which picture a label means, and pictures without any."""

import unicodedata

import pytest
from foreign import boxes_of, photo, read, reasons_of, text

from pipeseg.data.formats import FORMATS, read_source
from pipeseg.data.formats.tree import Tree
from pipeseg.errors import BadInput

VOC = "<annotation><object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
VOC += "</object></annotation>"


def refused(path, *arguments, **options) -> str:
    with pytest.raises(BadInput) as caught:
        read_source(path, *arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bare_pictures_anywhere(tmp_path):
    for name in ("b.jpg", "A.PNG", "deep/er/c.jpeg", ".hidden.jpg", "__MACOSX/._b.jpg", "quarantine/d.png"):
        photo(tmp_path / name)
    source = read(tmp_path)
    assert source.format == "images" and [one.name for one in source.annotations] == ["A.PNG", "b.jpg", "c.jpeg"]
    assert not any(one.boxes or one.hand_labelled or one.problems for one in source.annotations)
    assert source.classes == () and source.all_problems == []


def test_what_looks_like_labels_but_was_not_read_is_named(tmp_path):
    photo(tmp_path / "a.jpg")
    text(tmp_path / "mine.csv", "a,b\n1,2\n")
    assert "mine.csv: not read" in reasons_of(read(tmp_path))


def test_nothing_to_read(tmp_path):
    assert "no such file or folder" in refused(tmp_path / "nowhere")
    assert "no picture" in refused(tmp_path)
    (tmp_path / "a.zip").write_bytes(b"")
    assert "import_dataset.py" in refused(tmp_path / "a.zip")
    photo(tmp_path / "a.jpg")
    assert "did you mean 'yolo'" in refused(tmp_path, "yol")
    assert "hand or box" in refused(tmp_path, masks_are="drawn")


def test_two_formats_at_once_are_not_guessed(tmp_path):
    photo(tmp_path / "a.jpg")
    text(tmp_path / "a.txt", "0 .5 .5 .5 .5\n")
    text(tmp_path / "a.xml", VOC)
    assert "could be yolo or voc; say which with --format" in refused(tmp_path)
    assert read(tmp_path, "voc").classes == ("x",) and read(tmp_path, "yolo").classes == ("class_0",)


def test_broken_json_is_not_taken_for_a_folder_of_bare_pictures(tmp_path):
    photo(tmp_path / "a.jpg")
    text(tmp_path / "instances.json", '{"images": [],\n "annotations": [}')
    assert "instances.json: line 2: not JSON" in refused(tmp_path)
    assert read(tmp_path, "images").format == "images"
    text(tmp_path / "instances.json", '{"images": "тру'.encode("cp1251"))
    assert "UTF-8" in refused(tmp_path)
    text(tmp_path / "instances.json", '{"a":' * 100_000)
    assert "instances.json" in refused(tmp_path)
    text(tmp_path / "instances.json", "1" * 10_000)
    assert "instances.json" in refused(tmp_path)


def test_equal_names_in_two_folders_get_their_folders_in_front(tmp_path):
    for name in ("a/1.jpg", "b/1.png", "b/2.jpg"):
        photo(tmp_path / "img" / name)
        text(tmp_path / "img" / name.replace(".jpg", ".txt").replace(".png", ".txt"), f"0 .5 .5 0.{name[2]} .5\n")
    source = read(tmp_path)
    assert [one.name for one in source.annotations] == ["2.jpg", "img__a__1.jpg", "img__b__1.png"]
    assert [one.image.parent.name for one in source.annotations] == ["b", "a", "b"]
    assert all(len(found) == 1 for found in boxes_of(source).values())


@pytest.mark.parametrize("second", ["p.png", unicodedata.normalize("NFD", "й.jpg")])
def test_equal_stems_in_one_folder_are_both_named_and_not_paired(tmp_path, second):
    first = "p.jpg" if second == "p.png" else "й.jpg"
    for name in (first, second):
        photo(tmp_path / "images" / name)
    if len(list((tmp_path / "images").iterdir())) == 1:
        pytest.skip("this disk keeps one Unicode form")
    text(tmp_path / "labels" / f"{first[0]}.txt", "0 .5 .5 .5 .5\n")
    photo(tmp_path / "images" / "other.jpg")
    text(tmp_path / "labels" / "other.txt", "0 .5 .5 .5 .5\n")
    source = read(tmp_path)
    found = boxes_of(source)
    assert found[first] == found[second] == [] and len(found["other.jpg"]) == 1
    reasons = reasons_of(source)
    assert "could belong to" in reasons and "share one name" in reasons and "images/" + second in reasons


def test_a_name_in_the_other_unicode_form_is_the_same_name(tmp_path):
    name = "тройник 3 й"
    photo(tmp_path / "images" / f"{unicodedata.normalize('NFD', name)}.jpg")
    text(tmp_path / "labels" / f"{unicodedata.normalize('NFC', name)}.txt", "0 .5 .5 .5 .5\n")
    ((_, found),) = boxes_of(read(tmp_path)).items()
    assert len(found) == 1


def test_names_that_are_no_utf_8_are_named(tmp_path):
    import os

    photo(tmp_path / "a.jpg")
    try:
        os.rename(tmp_path / "a.jpg", os.fsencode(tmp_path) + b"/\xff\xfe.jpg")
    except OSError:
        pytest.skip("this disk takes UTF-8 only")
    photo(tmp_path / "b.jpg")
    source = read(tmp_path)
    assert [one.name for one in source.annotations] == ["b.jpg"] and "not UTF-8" in reasons_of(source)
    reasons_of(source).encode()


def resolve(root, pictures, references):
    for name in pictures:
        photo(root / name, 4, 4)
    found, reasons = Tree.scan(root).resolve(references)
    assert found.keys() | reasons.keys() == set(references) and not found.keys() & reasons.keys()
    return {name: path.as_posix() for name, path in found.items()}


@pytest.mark.parametrize(
    ("pictures", "reference", "found"),
    [
        (["images/a.jpg"], "a.jpg", "images/a.jpg"),
        (["images/a.jpg"], "images\\a.jpg", "images/a.jpg"),
        (["images/a.jpg"], ".\\a.jpg", "images/a.jpg"),
        (["images/a.JPG"], "a.jpg", "images/a.JPG"),
        (["images/A b.jpg"], "a B.JPG", "images/A b.jpg"),
        (["images/a.jpg", "images/A.jpg"], "a.jpg", "images/a.jpg"),
        (["images/A.jpg", "images/a.JPG"], "a.jpg", None),
        # another machine's folders say nothing
        (["images/a.jpg"], "C:\\data\\old\\a.jpg", "images/a.jpg"),
        (["x/a.jpg", "y/a.jpg"], "/photos/me/y/a.jpg", "y/a.jpg"),
        (["x/a.jpg", "y/a.jpg"], "/photos/me/z/a.jpg", None),
        # where all pictures lie in one folder, so do the folders of a path
        (["images/a.jpg", "images/b.jpg"], "train2017/a.jpg", "images/a.jpg"),
        (["x/a.jpg", "y/b.jpg"], "z/a.jpg", None),
        (["x/a.jpg", "y/a.jpg"], "a.jpg", None),
        (["x/a.jpg", "y/a.jpg"], "y/a.jpg", "y/a.jpg"),
        (["a.jpg", "y/a.jpg"], "a.jpg", "a.jpg"),
        (["a.png"], "a.jpg", None),
        (["a.jpg"], "", None),
    ],
)
def test_which_picture_a_label_means(tmp_path, pictures, reference, found):
    assert resolve(tmp_path, pictures, [reference]).get(reference) == found


def test_a_picture_that_two_labels_claim_goes_to_neither(tmp_path):
    # the folders of the labels are gone: one of the two pictures is missing, and nobody knows which
    assert resolve(tmp_path, ["images/1.jpg"], ["a/1.jpg", "b/1.jpg"]) == {}


def test_links_are_followed_and_circles_noticed(tmp_path):
    photo(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "set").mkdir()
    try:
        (tmp_path / "set" / "images").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    except OSError:
        pytest.skip("no links here")
    assert [one.name for one in read(tmp_path / "set").annotations] == ["a.jpg"]


def own_layout(root):
    photo(root / "images" / "a.png")
    photo(root / "images" / "b.png")
    text(root / "boxes.csv", "filename,defect_class,x_min,y_min,x_max,y_max\na.png,crack,1,2,30,20\n")
    return root


def test_our_own_layout(tmp_path):
    own_layout(tmp_path)
    square = '"{""name"":""rect"",""x"":2,""y"":3,""width"":5,""height"":4}","{""defect_class"":""leak""}"'
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    text(tmp_path / "labels.csv", f"{header}\nb.png,0,{{}},1,0,{square}\na.png,0,{{}},0,0,{{}},{{}}\n")
    text(tmp_path / "classes.txt", "leak\ncrack\n")
    text(tmp_path / "dataset.json", {"classes": {"leak": "Течь", "crack": "Трещина"}, "groups": {"a.png": 3}})
    photo(tmp_path / "masks" / "a.png")
    # others' labels beside ours are not asked
    text(tmp_path / "labels" / "a.txt", "0 .5 .5 .5 .5\n")
    source = read(tmp_path)
    first, second = source.annotations
    assert source.format == "own" and source.classes == ("leak", "crack") and source.groups == {"a.png": "3"}
    assert source.labels == {"leak": "Течь", "crack": "Трещина"}
    assert first.boxes == (("crack", (1, 2, 30, 20)),) and first.mask == tmp_path / "masks" / "a.png"
    # looked at, nothing there
    assert first.hand_labelled and first.regions == ()
    # a rectangle in labels.csv was drawn as a mask, and boxes have a file of their own
    assert second.hand_labelled and second.boxes == () and second.regions[0].points.tolist()[2] == [7, 7]
    assert source.all_problems == []


def test_odd_rows_of_our_own_layout_are_named_not_fatal(tmp_path):
    own_layout(tmp_path)
    rows = ["filename,defect_class,x_min,y_min,x_max,y_max", "a.png,crack,nan,2,3,4", "a.png,crack,-9,2,2,2"]
    rows += ["c.png,x,1,2,3,4", ",x,1,2,3,4", "b.png,x"]
    text(tmp_path / "boxes.csv", "\ufeff" + "\r\n".join(rows))
    photo(tmp_path / "masks" / "gone.png")
    source = read(tmp_path)
    # absurd boxes stay for an audit to find
    assert boxes_of(source)["a.png"] == [("crack", (-9, 2, 2, 2))]
    reasons = reasons_of(source)
    assert "a.png: boxes.csv: line 2: a corner is not a number" in reasons
    assert "c.png: boxes.csv names it" in reasons and "masks/gone.png: a mask without picture" in reasons
    assert "line 5: no file name" in reasons and "line 6" in reasons


def test_a_broken_description_breaks_the_source(tmp_path):
    own_layout(tmp_path)
    text(tmp_path / "dataset.json", "{")
    assert "dataset.json" in refused(tmp_path)


def test_every_format_says_its_name_and_reads_bare_pictures_or_refuses(tmp_path):
    photo(tmp_path / "a.jpg")
    for name, module in FORMATS.items():
        assert name == module.NAME and module.detect(Tree.scan(tmp_path)) == (name == "images")
