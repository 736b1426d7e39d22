"""Cleaning withdraws and never deletes: what was taken away lies in quarantine with its reason, and can be put back."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.audit.findings import Audit, SuspectBox, Unreadable
from pipeseg.data.boxes import fill_boxes, read_boxes
from pipeseg.data.cleaning import Choices, clean, plan, read_entries
from pipeseg.data.duplicates import Duplicates, Pair
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.formats import read_source
from pipeseg.data.pictures import read_mask
from pipeseg.data.quarantine import Entry, read_cleaned, restore
from pipeseg.data.regions import Region
from pipeseg.data.via import read_via, region_rows
from pipeseg.errors import BadInput

SQUARE = np.array([(4.0, 4.0), (20.0, 4.0), (20.0, 20.0), (4.0, 20.0)])
BOXES = {
    "a.png": [("leak", (4, 4, 20, 20)), ("crack", (30, 30, 50, 40))],
    "b.png": [("leak", (4, 4, 20, 20))],
    "c.png": [("crack", (10, 10, 30, 60))],
    "d e.png": [("leak", (1, 1, 9, 9)), ("leak", (1, 1, 9, 9))],
    "и.png": [("rust", (5, 5, 40, 40))],
}


@pytest.fixture
def source(tmp_path):
    """Six pictures: b is a copy of a, one has no label, two are labelled by hand."""
    folder = tmp_path / "pipes"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for index, name in enumerate([*BOXES, "none.png"]):
        pixels = np.random.default_rng(index).integers(40, 200, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / name)
        mask = fill_boxes([box for _, box in BOXES.get(name, [])], 64, 64)
        # a little soft, to tell it from one that is drawn again
        Image.fromarray(mask.astype(np.uint8) * 250).save(folder / "masks" / name)
    shutil.copyfile(folder / "images" / "a.png", folder / "images" / "b.png")
    with (folder / "boxes.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["filename", "defect_class", "x_min", "y_min", "x_max", "y_max"])
        rows.writerows([name, key, *box] for name, found in BOXES.items() for key, box in found)
    hand = {"b.png": [Region(SQUARE, "leak")], "none.png": []}
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        columns = "filename file_size file_attributes region_count region_id region_shape_attributes region_attributes"
        rows.writerow(columns.split())
        rows.writerows(row for name, found in hand.items() for row in region_rows(name, found))
    facts = {"classes": {"leak": "Течь", "crack": "Трещина"}, "groups": {"c.png": "scene", "d e.png": "scene"}}
    (folder / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")
    return read_source(folder)


def found(source, *, suspects=(), copies=(("a.png", "b.png", "exact"),), unreadable=(), notes=()) -> Audit:
    """An audit of `source` that says so."""
    from pipeseg.data.audit.audit import count_classes

    pairs = tuple(Pair(first, second, kind, "same", 1.0) for first, second, kind in copies)
    groups = tuple((pair.first, pair.second) for pair in pairs)
    return Audit(
        name=source.path.name,
        path=str(source.path),
        format=source.format,
        pictures=len(source.annotations),
        hand_labelled=(),
        sizes={},
        class_counts=count_classes(source),
        duplicates=Duplicates(groups, pairs, {}),
        conflicts=(),
        suspects=tuple(suspects),
        unreadable=tuple(unreadable),
        notes=tuple(notes),
        content=True,
    )


def suspect(name: str, number: int, kind: str) -> SuspectBox:
    key, box = BOXES[name][number]
    return SuspectBox(name, key, tuple(map(float, box)), f"{kind}: a reason")


def planned(source, audit, choices=Choices()) -> set[tuple[str, str, str]]:  # noqa: B008
    return {(item.file, item.what, item.kind) for item in plan(read_entries(source, audit), audit, choices)}


def everything(folder: Path) -> dict[str, object]:
    """Every label and mask of a dataset, however its tables are ordered."""
    boxes = {name: sorted(boxes) for name, boxes in read_boxes(folder / "boxes.csv", None).items()}
    regions = {
        name: [(region.defect_class, region.points.tolist()) for region in drawn]
        for name, drawn in read_via(folder / "labels.csv").items()
    }
    masks = {mask.name: read_mask(mask).tolist() for mask in (folder / "masks").iterdir()}
    images = {image.name: image.read_bytes() for image in (folder / "images").iterdir()}
    return {"boxes": boxes, "regions": regions, "masks": masks, "images": images}


def test_of_two_copies_the_hand_labelled_one_stays(source):
    assert planned(source, found(source)) == {("a.png", "picture", "duplicate")}
    assert planned(source, found(source), Choices(keep_duplicates=True)) == set()
    assert planned(source, found(source), Choices(spare=("a.png",))) == set()


def test_hand_work_goes_only_where_another_has_the_same_pixels(source):
    near = found(source, copies=[("b.png", "none.png", "near")])
    assert planned(source, near) == set()
    exact = found(source, copies=[("b.png", "none.png", "exact")])
    assert planned(source, exact) == {("none.png", "picture", "duplicate")}


def test_a_false_box_leaves_a_clean_picture_a_doubtful_one_does_not(source):
    false = found(source, suspects=[suspect("c.png", 0, "false")], copies=())
    assert planned(source, false) == {("c.png", "box", "false")}
    wrong = found(source, suspects=[suspect("c.png", 0, "wrong_class")], copies=())
    assert planned(source, wrong) == {("c.png", "box", "wrong_class"), ("c.png", "picture", "unlabelled")}
    # a has another label, and b was looked at by hand
    others = found(source, suspects=[suspect("a.png", 0, "wrong_class"), suspect("b.png", 0, "whole")], copies=())
    assert planned(source, others) == {("a.png", "box", "wrong_class"), ("b.png", "box", "whole")}
    assert planned(source, others, Choices(spare=("a.png",))) == {("b.png", "box", "whole")}


def test_a_dropped_class_takes_along_the_pictures_that_show_nothing_else(source):
    audit = found(source, copies=())
    crack = {("a.png", "class", "dropped_class"), ("c.png", "class", "dropped_class")}
    assert planned(source, audit, Choices(drop=("crack",))) == {*crack, ("c.png", "picture", "dropped_class")}
    rust = {("и.png", "class", "dropped_class"), ("и.png", "picture", "dropped_class")}
    assert planned(source, audit, Choices(min_images=2)) == rust
    assert planned(source, audit, Choices(min_images=1)) == set()


def test_small_classes_are_counted_after_the_copies_went(source):
    # leak: a (a copy), b, d
    items = planned(source, found(source), Choices(min_images=3))
    assert ("b.png", "class", "dropped_class") in items


def test_the_cleaned_dataset_is_one_that_trains(source):
    target = source.path.with_name("pipes_CLEAN")
    suspects = [suspect("d e.png", 1, "twice"), suspect("c.png", 0, "false")]
    clean(source, found(source, suspects=suspects), target)
    folder = DatasetFolder.open(target)
    assert [sample.name for sample in folder.samples] == ["b.png", "c.png", "d e.png", "none.png", "и.png"]
    pairs = dict(zip([sample.name for sample in folder.samples], folder.read_all(), strict=True))
    assert not pairs["c.png"][1].any()
    assert (pairs["d e.png"][1] == fill_boxes([(1, 1, 9, 9)], 64, 64) * 255).all()
    assert pairs["b.png"][1].max() == 250  # its own mask, as it was
    assert read_boxes(target / "boxes.csv", None)["d e.png"] == [(1, 1, 9, 9)]
    assert "c.png" not in read_boxes(target / "boxes.csv", None)
    assert read_via(target / "labels.csv").keys() == {"b.png", "none.png"}
    facts = json.loads((target / "dataset.json").read_text(encoding="utf-8"))
    assert facts["source"] == "pipes" and facts["classes"] == {"leak": "Течь", "rust": "rust"}
    assert facts["class_counts"] == {"leak": 2, "rust": 1} and facts["hand_labelled"] == ["b.png", "none.png"]
    assert facts["groups"]["c.png"] == facts["groups"]["d e.png"] != facts["groups"]["b.png"]
    assert facts["fingerprint"] == folder.fingerprint()
    assert (target / "classes.txt").read_text(encoding="utf-8").split() == ["leak", "rust"]


def test_every_item_is_in_quarantine_with_its_reason(source):
    target = source.path.with_name("pipes_CLEAN")
    clean(source, found(source, suspects=[suspect("d e.png", 1, "twice")]), target, Choices(drop=("rust",)))
    quarantine = target / "quarantine"
    with (quarantine / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["item"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"a.png", "d e.png#1", "и.png", "и.png#1"}
    assert rows["a.png"]["reason"] == "the same pixels as b.png"
    assert rows["d e.png#1"]["kind"] == "twice" and rows["d e.png#1"]["x_max"] == "9"
    assert {path.name for path in (quarantine / "images").iterdir()} == {"a.png", "и.png"}
    assert read_boxes(quarantine / "boxes.csv", None).keys() == {"a.png", "d e.png", "и.png"}


def test_everything_can_be_put_back(source):
    target = source.path.with_name("pipes_CLEAN")
    before = everything(source.path)
    suspects = [suspect("d e.png", 1, "twice"), suspect("c.png", 0, "wrong_class")]
    clean(source, found(source, suspects=suspects), target, Choices(drop=("leak",)))
    assert everything(target) != before
    assert {item.item for item in restore(target, ["all"])} >= {"a.png", "c.png", "c.png#1", "d e.png#1"}
    assert everything(target) == before == everything(source.path)
    assert read_cleaned(target).withdrawn == () and restore(target, ["all"]) == []
    assert list(DatasetFolder.open(target).read_all())


def test_one_item_at_a_time(source):
    target = source.path.with_name("pipes_CLEAN")
    suspects = [suspect("d e.png", 1, "twice"), suspect("c.png", 0, "wrong_class")]
    clean(source, found(source, suspects=suspects), target)
    assert [item.item for item in restore(target, ["d e.png#1"])] == ["d e.png#1"]
    assert len(read_boxes(target / "boxes.csv", None)["d e.png"]) == 2
    assert (target / "images" / "d e.png").exists() and not (target / "images" / "c.png").exists()
    # a file's name means all that was on it
    assert {item.item for item in restore(target, ["c.png"])} == {"c.png", "c.png#1"}
    assert read_boxes(target / "boxes.csv", None)["c.png"] == [(10, 10, 30, 60)]
    facts = json.loads((target / "dataset.json").read_text(encoding="utf-8"))
    assert facts["quarantine"]["items"] == {"duplicate": 1} and facts["class_counts"]["crack"] == 1
    # the copy that stays away still belongs to its group when it comes back
    restore(target, ["all"])
    groups = json.loads((target / "dataset.json").read_text(encoding="utf-8"))["groups"]
    assert groups["a.png"] == groups["b.png"]


def test_a_hand_mask_without_its_dropped_class_is_none_of_nothing(source):
    target = source.path.with_name("pipes_CLEAN")
    boxes = dict(zip(["b.png"], [[("leak", (4, 4, 20, 20)), ("rust", (30, 30, 50, 50))]], strict=True))
    with (source.path / "boxes.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(["b.png", *boxes["b.png"][1][:1], *boxes["b.png"][1][1]])
    again = read_source(source.path)
    clean(again, found(again, copies=()), target, Choices(drop=("leak",)))
    assert read_boxes(target / "boxes.csv", None)["b.png"] == [(30, 30, 50, 50)]
    # an empty row would claim that somebody looked and found no rust either
    assert read_via(target / "labels.csv").keys() == {"none.png"}
    restore(target, ["b.png"])
    assert len(read_via(target / "labels.csv")["b.png"]) == 1


def test_what_can_never_be_used_stays_in_quarantine(source):
    target = source.path.with_name("pipes_CLEAN")
    (source.path / "images" / "c.png").write_bytes(b"no picture")
    clean(source, found(source, unreadable=[Unreadable("c.png", "cannot be read as a picture")]), target)
    assert (target / "quarantine" / "images" / "c.png").read_bytes() == b"no picture"
    restore(target, ["all"])
    assert {item.file for item in read_cleaned(target).withdrawn} == {"c.png"}
    with pytest.raises(BadInput, match=r"c\.png cannot be used"):
        restore(target, ["c.png"])


def test_pictures_that_share_a_mask_name_both_go(tmp_path):
    entries = [Entry(name, tmp_path / name, (), (), False, None, name) for name in ("a.png", "a.jpg", "b.png")]
    from pipeseg.data.cleaning import _shared_stems

    assert [item.file for item in _shared_stems(entries)] == ["a.png", "a.jpg"]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (Choices(drop=("lek",)), "did you mean 'leak'?"),
        (Choices(spare=("a.pgn",)), "did you mean 'a.png'?"),
        (Choices(min_images=99), "nothing would be left|none"),
    ],
)
def test_wrong_choices_write_nothing(source, choices, words):
    target = source.path.with_name("pipes_CLEAN")
    audit = found(source)
    if choices.min_images:
        (source.path / "labels.csv").unlink()
        (source.path / "images" / "none.png").unlink()
        (source.path / "masks" / "none.png").unlink()
        source = read_source(source.path)
        audit = found(source)
    with pytest.raises(BadInput, match=words):
        clean(source, audit, target, choices)
    assert [path.name for path in source.path.parent.iterdir()] == ["pipes"]


def test_only_a_cleaned_dataset_is_restored(source):
    with pytest.raises(BadInput, match=r"holds no quarantine/quarantine\.csv"):
        restore(source.path, ["all"])
    target = source.path.with_name("pipes_CLEAN")
    clean(source, found(source), target)
    with pytest.raises(BadInput, match=r"holds no item 'a\.pn'; did you mean 'a\.png'"):
        restore(target, ["a.pn"])
