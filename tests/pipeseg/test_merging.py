"""New hand labels join the old ones: none is lost, none is doubled, and no suggestion passes for a hand mask."""

import csv
import json

import numpy as np
import pytest

from pipeseg.data.export import Picture, write_via_project
from pipeseg.data.formats import read_source
from pipeseg.data.merging import merge_labels
from pipeseg.data.regions import Region
from pipeseg.data.via import COLUMNS, read_via, region_rows
from pipeseg.errors import BadInput

TRIANGLE = Region(np.array([(5.0, 5.0), (30.0, 6.0), (12.0, 28.0)]), "crack")
OLD = Region(np.array([(1.0, 1.0), (9.0, 1.0), (9.0, 9.0)]), "crack")


@pytest.fixture
def dataset(own_tiny):
    folder = own_tiny.add_dataset("pipes", range(6), classes={"crack": "Трещина", "leak": "Течь"})
    described = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (folder / "dataset.json").write_text(json.dumps({**described, "hand_labelled": ["p000.png"]}))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        # a column of somebody else's, and a note in a cell: both stay
        table.writerow([*COLUMNS, "note"])
        table.writerows([*row, "by Ann"] for row in region_rows("p000.png", [OLD]))
    return folder


@pytest.fixture
def project(dataset, tmp_path):
    """A VIA project of p000 to p003 as it is handed out: outlines suggested, boxes shown, nothing drawn."""
    pictures = [
        Picture(f"p{index:03}.png", dataset / "images" / f"p{index:03}.png", 64, 64, (("crack", (2, 2, 40, 40)),),
                (TRIANGLE,), suggested=True)
        for index in range(4)
    ]  # fmt: skip
    file = tmp_path / "drawing" / "via_project.json"
    file.parent.mkdir()
    write_via_project("pipes", {"crack": "Трещина"}, pictures, file, images="images/")
    return file


def edited(project, *drawn, change=lambda entry: None):
    """Say of these pictures that they are drawn, as an annotator does."""
    content = json.loads(project.read_text(encoding="utf-8"))
    for entry in content["_via_img_metadata"].values():
        if entry["filename"] in drawn:
            entry["file_attributes"]["drawn"] = "yes"
            change(entry)
    project.write_text(json.dumps(content), encoding="utf-8")


def test_only_what_a_person_has_drawn_is_added(dataset, project):
    def correct(entry):
        entry["regions"][1]["shape_attributes"]["all_points_x"][0] = 7.5

    edited(project, "p001.png", change=correct)
    edited(project, "p002.png", change=lambda entry: entry["regions"].clear())
    merged = merge_labels(project, dataset)
    assert (merged.added, merged.regions, merged.kept) == (("p001.png", "p002.png"), 1, ())
    assert merged.waiting == ("p000.png", "p003.png")
    labels = read_via(dataset / "labels.csv")
    assert sorted(labels) == ["p000.png", "p001.png", "p002.png"]
    assert labels["p000.png"][0].points.tolist() == OLD.points.tolist() and labels["p002.png"] == []
    # the box that shows where to draw is no mask
    [region] = labels["p001.png"]
    assert region.points.tolist() == [[7.5, 5], [30, 6], [12, 28]] and region.defect_class == "crack"
    with (dataset / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == ["by Ann", "", ""]
    described = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    assert described["hand_labelled"] == ["p000.png", "p001.png", "p002.png"] and described["classes"]


def test_what_was_labelled_before_stays(dataset, project):
    edited(project, "p000.png", "p003.png")
    before = (dataset / "labels.csv").read_text(encoding="utf-8")
    merged = merge_labels(project, dataset)
    assert merged.kept == ("p000.png",) and merged.added == ("p003.png",)
    after = (dataset / "labels.csv").read_bytes()
    assert after.decode().replace("\r\n", "\n").startswith(before.replace("\r\n", "\n"))
    again = merge_labels(project, dataset)
    assert again.added == () and again.kept == ("p000.png", "p003.png")
    assert (dataset / "labels.csv").read_bytes() == after


def test_a_dataset_without_labels_gets_its_first(dataset, project):
    (dataset / "labels.csv").unlink()
    edited(project, "p002.png")
    assert merge_labels(project, dataset).added == ("p002.png",)
    assert list(read_via(dataset / "labels.csv")) == ["p002.png"]


def test_what_cannot_be_used_changes_nothing(dataset, project):
    def named(name):
        return lambda entry: entry["regions"][1]["region_attributes"].update(defect_class=name)

    def moved(entry):
        entry["regions"][1]["shape_attributes"].update(all_points_x=[90, 99, 95], all_points_y=[90, 99, 70])

    def spoiled(entry):
        entry["regions"][1]["shape_attributes"]["all_points_x"] = [1, 2]

    def lost(entry):
        entry["filename"] = "other.png"

    cases = (
        (named("crak"), "p001.png: class 'crak'; did you mean 'crack'"),
        (named(""), "p001.png: a region without class"),
        (moved, "outside of the picture"),
        (spoiled, "p001.png: .*mend it in VIA"),
        (lost, "names other.png, which is not in"),
    )
    before, handed_out = (dataset / "labels.csv").read_bytes(), project.read_bytes()
    for change, sentence in cases:
        project.write_bytes(handed_out)
        edited(project, "p001.png", change=change)
        with pytest.raises(BadInput, match=sentence):
            merge_labels(project, dataset)
        assert (dataset / "labels.csv").read_bytes() == before
    with pytest.raises(BadInput, match="no such file; save the project"):
        merge_labels(project.with_name("gone.json"), dataset)


def test_a_project_in_work_is_imported_without_its_suggestions(dataset, project):
    edited(project, "p001.png")
    folder = project.parent
    (folder / "images").mkdir()
    for index in range(4):
        (folder / "images" / f"p{index:03}.png").write_bytes((dataset / "images" / f"p{index:03}.png").read_bytes())
    by_name = {one.name: one for one in read_source(project).annotations}
    assert by_name["p001.png"].hand_labelled and len(by_name["p001.png"].regions) == 1
    assert not by_name["p002.png"].hand_labelled and by_name["p002.png"].regions == ()
    # the detection box stays a box in both, and none is made of a suggestion
    assert ("crack", (2.0, 2.0, 40.0, 40.0)) in by_name["p001.png"].boxes
    assert by_name["p002.png"].boxes == (("crack", (2.0, 2.0, 40.0, 40.0)),)


def test_annotations_exported_as_csv_mean_the_same(dataset, project, tmp_path):
    edited(project, "p001.png")
    content = json.loads(project.read_text(encoding="utf-8"))["_via_img_metadata"]
    table = tmp_path / "via_export.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for entry in content.values():
            for number, region in enumerate(entry["regions"]):
                parts = (region["shape_attributes"], region["region_attributes"])
                of_file = json.dumps(entry["file_attributes"])
                rows.writerow([entry["filename"], 1, of_file, 2, number, *map(json.dumps, parts)])
    assert [len(regions) for regions in read_via(table).values()] == [1]
    merged = merge_labels(table, dataset)
    assert (merged.added, merged.regions) == (("p001.png",), 1) and len(merged.waiting) == 3
