"""A whole audit on small real files: every oddity has its name, the reports show it, and progress only grows."""

import json

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.audit.audit import audit
from pipeseg.data.audit.report import finding_rows, headline, markdown
from pipeseg.data.audit.sheet import MOST_GROUPS, draw_sheet
from pipeseg.data.formats import read_source


def write(path, index, height=64, width=64):
    """Write a picture of blocks that depends on `index`: textured enough to be told from any other."""
    coarse = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)


def mask(path, *boxes, size=(64, 64)):
    pixels = np.zeros(size, np.uint8)
    for x_min, y_min, x_max, y_max in boxes:
        pixels[y_min:y_max, x_min:x_max] = 255
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def dataset(tmp_path):
    """Our own layout: seven pictures, whose masks are right, missing, empty, of another size, elsewhere, broken."""
    folder = tmp_path / "own | set"
    names = ["right", "missing", "empty", "resized", "elsewhere", "broken", "clean"]
    for index, name in enumerate(names):
        write(folder / "images" / f"{name}.png", index)
    mask(folder / "masks" / "right.png", (10, 10, 30, 30))
    mask(folder / "masks" / "empty.png")
    mask(folder / "masks" / "resized.png", size=(32, 32))
    mask(folder / "masks" / "elsewhere.png", (40, 40, 60, 60))
    mask(folder / "masks" / "clean.png")
    mask(folder / "masks" / "nobody.png")
    (folder / "masks" / "broken.png").write_bytes(b"no picture")
    rows = [f"{name}.png,leak,10,10,30,30" for name in names if name != "clean"]
    (folder / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *rows, ""]))
    return folder


def test_masks_that_do_not_fit(dataset):
    found = audit(read_source(dataset), content=False)
    notes = {(note.file, note.kind) for note in found.notes if note.kind.startswith("mask")}
    assert notes == {
        ("missing.png", "mask_missing"),
        ("empty.png", "mask_empty"),
        ("resized.png", "mask_size"),
        ("elsewhere.png", "mask_boxes"),
        ("broken.png", "mask_unreadable"),
    }
    assert any("nobody.png" in note.file for note in found.notes)
    assert not found.suspects and not found.unreadable and not found.duplicates.groups


def test_progress_grows_to_the_end(dataset):
    ticks = []
    audit(read_source(dataset), content=False, tick=lambda done, total: ticks.append((done, total)))
    assert ticks == sorted(ticks) and ticks[-1] == (7, 7) and ticks[0][0] >= 1


def test_equal_names_in_two_folders_are_two_pictures(tmp_path):
    for part, index in (("train", 1), ("valid", 2)):
        write(tmp_path / "yolo" / part / "images" / "a.png", index)
        (tmp_path / "yolo" / part / "labels").mkdir()
        (tmp_path / "yolo" / part / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    write(tmp_path / "yolo" / "valid" / "images" / "b.png", 1)
    (tmp_path / "yolo" / "data.yaml").write_text("names: [leak]\n")
    source = read_source(tmp_path / "yolo")
    names = [annotation.name for annotation in source.annotations]
    found = audit(source, content=False)
    (group,) = found.duplicates.groups
    assert len(names) == 3 and set(group) <= set(names) and "b.png" in group
    # a copy that carries no box while the other one does
    assert [conflict.kind for conflict in found.conflicts] == ["classes"]


def test_the_reports_say_the_same_as_the_json(dataset):
    source = read_source(dataset)
    found = audit(source, content=False)
    values = json.loads(json.dumps(found.as_json()))
    assert values["class_counts"] == {"leak": 6} and values["box_counts"] == {"leak": 6} and values["pictures"] == 7
    assert sum(int(row[1]) for row in finding_rows(found)) == len(values["notes"])
    assert headline(found).startswith("own | set: 7 pictures (own, 64x64)")
    page = markdown(found, None)
    # a bar in a name must not break the table, nor a page be claimed that is not there
    assert "# Audit of own \\| set" in page and "](" not in page
    assert draw_sheet(found, {}) is None


def test_the_sheet_is_bounded(tmp_path):
    for index in range(MOST_GROUPS + 4):
        for copy in range(3):
            write(tmp_path / "set" / "images" / f"p{index:02}_{copy}.png", index)
    source = read_source(tmp_path / "set")
    found = audit(source)
    assert len(found.duplicates.groups) == MOST_GROUPS + 4
    images = {annotation.name: annotation.image for annotation in source.annotations}
    sheet = draw_sheet(found, images)
    one = audit(read_source(tmp_path / "set"))
    assert sheet.height <= MOST_GROUPS * 100 and one.as_json() == found.as_json()
    assert f"D{MOST_GROUPS}" in markdown(found, "x.jpg") and f"D{MOST_GROUPS + 1}" not in markdown(found, "x.jpg")
