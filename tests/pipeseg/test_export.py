"""Export: COCO that pycocotools loads with our very pixels, VIA that reads back, YOLO."""

import json
import shutil

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, text
from PIL import Image
from real_pictures import REAL

from pipeseg.data.export import FORMATS, export_dataset
from pipeseg.data.formats import read_source
from pipeseg.data.importing import import_dataset
from pipeseg.data.pictures import read_mask
from pipeseg.data.regions import Region, polygons_of, rasterise
from pipeseg.errors import BadInput

PIPES = REAL.with_name("pipe_yolo")


@pytest.fixture
def dataset(tmp_path):
    """a.jpg: hand masks of two classes with holes; b.jpg: boxes; c.jpg: looked at, nothing there; d.jpg: nothing."""
    raw = tmp_path / "raw"
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[5:25, 5:30], ids[10:15, 10:20], ids[30:38, 3:50], ids[0, 59] = 1, 0, 2, 2
    for name, levels in (("a", ids), ("c", np.zeros_like(ids))):
        (raw / "masks").mkdir(parents=True, exist_ok=True)
        Image.fromarray(levels).save(raw / "masks" / f"{name}.png")
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        photo(raw / "images" / name)
    folder = tmp_path / "трубы"
    import_dataset(raw, folder, classes=["leak", "crack"])
    with (folder / "boxes.csv").open("a", encoding="utf-8") as file:
        file.write("b.jpg,crack,3.5,4,20,30\nb.jpg,leak,0,0,60,40\n")
    return folder


def load(path, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    loaded = coco.COCO(str(path))
    capsys.readouterr()
    return loaded


def test_coco_holds_our_very_pixels(dataset, tmp_path, capsys):
    done = export_dataset(dataset, tmp_path / "out" / "a.json", "coco")
    assert (done.pictures, done.boxes, done.regions) == (4, 2, 3)
    loaded = load(done.path, capsys)
    names = {category["id"]: category["name"] for category in loaded.loadCats(loaded.getCatIds())}
    assert list(names.values()) == ["leak", "crack"]
    source = read_source(dataset)
    by_name = {image["file_name"]: image for image in loaded.imgs.values()}
    assert {(image["height"], image["width"]) for image in by_name.values()} == {(HEIGHT, WIDTH)}
    for one in source.annotations:
        if not one.hand_labelled:
            continue
        annotations = loaded.loadAnns(loaded.getAnnIds(by_name[one.name]["id"]))
        assert len(annotations) == len(one.regions)
        for key in ("leak", "crack"):
            drawn = rasterise([region for region in one.regions if region.defect_class == key], HEIGHT, WIDTH) > 0
            theirs = np.zeros((HEIGHT, WIDTH), bool)
            for annotation in annotations:
                if names[annotation["category_id"]] == key:
                    theirs |= loaded.annToMask(annotation) > 0
                    x, y, width, height = annotation["bbox"]
                    rows, columns = np.nonzero(loaded.annToMask(annotation))
                    assert (x, y) == (columns.min(), rows.min()) and annotation["area"] == len(rows)
                    assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            assert np.array_equal(theirs, drawn)


def test_coco_boxes(dataset, tmp_path, capsys):
    loaded = load(export_dataset(dataset, tmp_path / "a.json", "coco").path, capsys)
    (b,) = (image["id"] for image in loaded.imgs.values() if image["file_name"] == "b.jpg")
    crack, leak = loaded.loadAnns(loaded.getAnnIds(b))
    assert crack["bbox"] == [3.5, 4, 16.5, 26] and leak["bbox"] == [0, 0, 60, 40] and leak["area"] == 2400
    # a reader that wants a mask gets the filled box
    assert loaded.annToMask(leak).all()


def pictures_beside(out, dataset):
    """Put an exported file beside the pictures, as an annotator would hand it back."""
    folder = out.parent / f"back_{out.name}"
    shutil.copytree(dataset / "images", folder / "images")
    shutil.copy(out, folder / out.name)
    return folder


@pytest.mark.parametrize(("format_name", "name"), [("coco", "a.json"), ("via", "a.json"), ("via-csv", "a.csv")])
def test_what_goes_out_comes_back(dataset, tmp_path, format_name, name):
    out = export_dataset(dataset, tmp_path / name, format_name).path
    before = {one.name: one for one in read_source(dataset).annotations}
    back = read(pictures_beside(out, dataset))
    assert sorted(back.classes) == ["crack", "leak"]
    for one in back.annotations:
        for key in ("leak", "crack"):
            drawn, was = (
                rasterise([r for r in regions if r.defect_class == key], HEIGHT, WIDTH)
                for regions in (one.regions, before[one.name].regions)
            )
            assert np.array_equal(drawn, was)
    assert boxes_of(back)["b.jpg"] == [("crack", (3.5, 4, 20, 30)), ("leak", (0, 0, 60, 40))]
    hand = {one.name: one.hand_labelled for one in back.annotations}
    assert hand["a.jpg"] and hand["c.jpg"] and not hand["b.jpg"]


def test_a_via_project_has_what_the_program_asks_for(dataset, tmp_path):
    text(dataset / "dataset.json", json.dumps({"classes": {"leak": "Течь"}}))
    made = json.loads(export_dataset(dataset, tmp_path / "a.json", "via").path.read_text(encoding="utf-8"))
    assert {"_via_settings", "_via_img_metadata", "_via_attributes", "_via_image_id_list"} <= made.keys()
    assert made["_via_data_format_version"].startswith("2.0")
    assert made["_via_image_id_list"] == list(made["_via_img_metadata"])
    options = made["_via_attributes"]["region"]["defect_class"]["options"]
    assert options == {"leak": "Течь", "crack": "crack"}
    key, entry = next(iter(made["_via_img_metadata"].items()))
    assert key == f"a.jpg{entry['size']}" and entry["size"] == (dataset / "images" / "a.jpg").stat().st_size


def test_polygons_for_annotators(dataset, tmp_path, capsys):
    loaded = load(export_dataset(dataset, tmp_path / "a.json", "coco", polygons=True).path, capsys)
    drawn = [a for a in loaded.anns.values() if a["image_id"] == 1]
    assert all(isinstance(a["segmentation"], list) and len(a["segmentation"][0]) >= 6 for a in drawn)


def test_refined_masks(dataset, tmp_path, capsys):
    with pytest.raises(BadInput, match="unites 2 classes"):
        export_dataset(dataset, tmp_path / "a.json", "coco", masks=True)
    rows, columns = np.indices((HEIGHT, WIDTH))
    soft = np.clip(300 - 20 * np.hypot(columns - 30, rows - 20), 0, 255).astype(np.uint8)
    derived = tmp_path / "derived"
    (derived / "masks").mkdir(parents=True)
    shutil.copytree(dataset / "images", derived / "images")
    for picture in (derived / "images").iterdir():
        Image.fromarray(soft).save(derived / "masks" / f"{picture.stem}.png")
    text(derived / "dataset.json", {"defect_class": "leak", "class_label": "Течь"})
    loaded = load(export_dataset(derived, tmp_path / "a.json", "coco", masks=True).path, capsys)
    assert len(loaded.anns) == 4 and loaded.loadCats([1])[0]["name"] == "leak"
    assert np.array_equal(loaded.annToMask(loaded.anns[1]) > 0, read_mask(derived / "masks" / "a.png") >= 128)
    # fewer corners, nearly the same
    out = export_dataset(derived, tmp_path / "a.csv", "via-csv", masks=True, simplify=1.0).path
    points = read(pictures_beside(out, derived)).annotations[0].regions[0].points
    whole = rasterise([Region(points, None)], HEIGHT, WIDTH) > 0
    assert len(points) < len(polygons_of(soft >= 128)[0]) / 2 and (whole != (soft >= 128)).mean() < 0.02
    (derived / "masks" / "b.png").unlink()
    with pytest.raises(BadInput, match=r"b\.jpg: picture without mask"):
        export_dataset(derived, tmp_path / "b.json", "coco", masks=True)
    assert not (tmp_path / "b.json").exists()


def test_yolo(dataset, tmp_path):
    done = export_dataset(dataset, tmp_path / "yolo", "yolo")
    back = read(done.path)
    assert back.format == "yolo" and back.classes == ("leak", "crack") and back.all_problems == []
    assert boxes_of(back)["b.jpg"] == [("crack", (3.5, 4, 20, 30)), ("leak", (0, 0, 60, 40))]
    assert {one.name: one.hand_labelled for one in back.annotations}["a.jpg"]
    with pytest.raises(BadInput, match="exists already"):
        export_dataset(dataset, tmp_path / "yolo", "yolo")


def test_what_cannot_be_exported(dataset, tmp_path):
    with pytest.raises(BadInput, match="format 'voc' is not known"):
        export_dataset(dataset, tmp_path / "a.json", "voc")
    with pytest.raises(BadInput, match="nowhere"):
        export_dataset(tmp_path / "nowhere", tmp_path / "a.json", "coco")
    (dataset / "images" / "a.jpg").write_bytes(b"no picture")
    for format_name in FORMATS:
        with pytest.raises(BadInput, match=r"a\.jpg"):
            export_dataset(dataset, tmp_path / "out" / format_name, format_name)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.skipif(not PIPES.is_dir(), reason="the real pictures are not here")
def test_real_pictures_of_a_pipe(tmp_path, capsys):
    import_dataset(PIPES, tmp_path / "pipes")
    loaded = load(export_dataset(tmp_path / "pipes", tmp_path / "a.json", "coco").path, capsys)
    assert len(loaded.imgs) == 300 and len(loaded.anns) == 376
    counts = {loaded.cats[number]["name"]: len(loaded.getAnnIds(catIds=[number])) for number in loaded.cats}
    assert counts == {"leak": 203, "crack": 173}
