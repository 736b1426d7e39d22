"""Splits by group: the same everywhere, balanced, whole or not at all, with folds and with groups that are found."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image
from real_pictures import REAL

from pipeseg.data.draw import Draw, Group
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.hand import HandLabels
from pipeseg.data.pictures import read_mask
from pipeseg.data.splits import SplitRatios, split_dataset, split_labels
from pipeseg.data.via import COLUMNS
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT

ROTATED = REAL.parent / "neu_rotated"
KNOWN_DRAW = {
    "train": ["g2", "g3", "g6", "g8", "g9"],
    "validation": ["g0"],
    "test": ["g1", "g11", "g4", "g5", "g7"],
}


def make_source(folder, groups: dict[str, str], positives: set[str]):
    """Write a source whose `positives` hold one square of class x; `groups` is file -> group."""
    (folder / "images").mkdir(parents=True)
    shape = json.dumps({"name": "rect", "x": 2, "y": 2, "width": 5, "height": 5})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index, name in enumerate(groups):
            Image.fromarray(np.full((16, 20, 3), index % 256, np.uint8)).save(folder / "images" / name)
            found = (shape, '{"defect_class": "x"}') if name in positives else ("{}", "{}")
            writer.writerow([name, 1, "{}", 1, 0, *found])
    (folder / "dataset.json").write_text(json.dumps({"groups": groups}), encoding="utf-8")
    return folder


def textured(seed: int) -> np.ndarray:
    """Return a picture like no other: uint8 (96, 96, 3), blots of all sizes."""
    random = np.random.default_rng(seed)
    layers = [random.integers(0, 64, (size, size, 3), dtype=np.uint8) for size in (6, 12, 24, 96)]
    return sum(np.kron(layer, np.ones((96 // len(layer), 96 // len(layer), 1), np.uint8)) for layer in layers)


@pytest.fixture
def source(tmp_path):
    """60 pictures in 30 groups of two; 20 groups hold the class, in one of their two pictures."""
    groups = {f"труба {n:02}.png": f"g{n // 2}" for n in range(60)}
    return make_source(tmp_path / "s", groups, {name for n, name in enumerate(groups) if n < 40 and n % 2})


def split(source, seed=0, **ratios):
    return split_dataset(source, "x", ratios=SplitRatios(**ratios), seed=seed)


def test_no_group_straddles_two_sets_and_the_shares_are_kept(source):
    sets = split(source)
    groups = json.loads((source / "dataset.json").read_text())["groups"]
    of = {part: {groups[name] for name in names} for part, names in sets.items()}
    assert not of["train"] & of["validation"] and not of["train"] & of["test"] and not of["validation"] & of["test"]
    # 20 groups with the class: 10 test, 15 % of 10 = 2 val (1.5 rounded), 8 train; 5 clean: 2 test, 1 val or none
    holding = {part: sum(int(group[1:]) < 20 for group in found) for part, found in of.items()}
    assert holding == {"train": 8, "validation": 2, "test": 10}
    assert sum(int(group[1:]) >= 20 for found in of.values() for group in found) == 5
    for part, suffix in (("train", "_BASELINE"), ("validation", "_BASELINE_VAL"), ("test", "_EVAL")):
        folder = DatasetFolder.open(source.with_name(f"s_x{suffix}"))
        assert [sample.name for sample in folder.samples] == sets[part]
        assert {sample.group for sample in folder.samples} == of[part]
        facts = json.loads((folder.path / "dataset.json").read_text())
        assert facts["fingerprint"] == folder.fingerprint() and facts["splits"] == sets and facts["seed"] == 0
        for sample in folder.samples:
            held = int(sample.name[6:8]) < 40 and int(sample.name[6:8]) % 2
            assert read_mask(sample.mask).any() == bool(held)
            assert sample.image.read_bytes() == (source / "images" / sample.name).read_bytes()


def test_the_draw_depends_on_names_and_seed_alone(source):
    program = (
        "import sys, json; from pathlib import Path; from pipeseg.data.splits import *\n"
        "print(json.dumps(split_dataset(Path(sys.argv[1]), 'x', ratios=SplitRatios(), seed=3)))"
    )
    outputs = {
        subprocess.check_output(
            [sys.executable, "-c", program, str(source)], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": number}
        )
        for number in ("1", "2")
    }
    assert len(outputs) == 1
    ours = split(source, seed=3)
    assert json.loads(outputs.pop()) == ours and split(source, seed=4) != ours


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("ratios", [{}, {"test": 0.9}, {"test": 0.05, "validation": 0.9}])
def test_tiny_sets_leave_something_to_learn_from(tmp_path, count, ratios):
    groups = {f"{n}.png": str(n) for n in range(count)}
    sets = split(make_source(tmp_path / "s", groups, set(groups)), **ratios)
    assert all(sets.values()) and sum(map(len, sets.values())) == count


def test_too_few_groups_unknown_classes_and_missing_pictures(tmp_path, source):
    with pytest.raises(BadInput, match="at least 3"):
        split(make_source(tmp_path / "few", {"a.png": "1", "b.png": "1", "c.png": "2"}, {"a.png", "b.png", "c.png"}))
    with pytest.raises(BadInput, match=r"no class 'X'; did you mean 'x'\?"):
        split_dataset(source, "X", ratios=SplitRatios(), seed=0)
    (source / "images" / "труба 07.png").unlink()
    with pytest.raises(BadInput, match=r"names труба 07\.png, which is not in images/"):
        split(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "s"]


def test_a_split_is_written_whole_or_not_at_all(source):
    first = split(source)
    before = {path.name: fingerprint_folder(path) for path in source.parent.iterdir()}
    broken = source / "images" / split(source, seed=1)["test"][-1]
    split(source)
    content = broken.read_bytes()
    broken.unlink()  # the derived sets hold links to the old file
    broken.write_bytes(content[:40])
    with pytest.raises(BadInput):
        split(source, seed=1)
    broken.write_bytes(content)
    assert {path.name: fingerprint_folder(path) for path in source.parent.iterdir()} == before
    assert first == split(source)


def test_two_processes_write_the_same_bytes(tmp_path, source):
    program = (
        "import sys; from pathlib import Path; from pipeseg.data.hand import HandLabels; "
        "from pipeseg.data.splits import *\n"
        "split_labels(HandLabels.open(Path(sys.argv[1])), 'x', ratios=SplitRatios(), seed=0, folds=3)"
    )
    found = []
    for number in ("1", "77"):
        copy = tmp_path / number / "s"
        shutil.copytree(source, copy)
        command = [sys.executable, "-c", program, str(copy)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": number}, check=True, timeout=60)
        files = sorted(path for path in copy.parent.rglob("*") if path.is_file())
        found.append({path.relative_to(copy.parent).as_posix(): path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert {"s_x_EVAL/dataset.json", "s_x_BASELINE_F3_VAL/dataset.json"} <= found[0].keys()
    assert sum(name.startswith("s_x_") and "/masks/" in name for name in found[0]) > 100


def test_known_draw():
    """The same groups on every machine, with every version of every library."""
    groups = [Group(f"g{n}", (f"{n}.png",), 100 * (n < 9), ()) for n in range(12)]
    sets = Draw(0, "x").sets(groups, SplitRatios())
    assert {part: sorted(group.name for group in chosen) for part, chosen in sets.items()} == KNOWN_DRAW


def test_sizes_and_company_are_spread_over_the_sets():
    """Every draw: the sets' mean areas and shares of a second class stay close, where chance alone would not."""
    groups = [Group(f"g{n:03}", (f"{n}.png",), (n + 1) ** 2, ("y",) if n % 3 == 0 else ()) for n in range(120)]
    mean = sum(group.area for group in groups) / len(groups)
    tests = set()
    for seed in range(30):
        sets = Draw(seed, "x").sets(groups, SplitRatios())
        assert [len(sets[part]) for part in ("test", "validation", "train")] == [60, 9, 51]
        for part, error, company in (("test", 0.08, 2), ("train", 0.1, 3), ("validation", 0.5, 2)):
            chosen = sets[part]
            assert abs(sum(group.area for group in chosen) / len(chosen) / mean - 1) < error
            assert abs(sum("y" in group.others for group in chosen) - len(chosen) / 3) <= company
        tests.add(frozenset(group.name for group in sets["test"]))
    assert len(tests) == 30
    assert Draw(0, "x").sets(groups, SplitRatios()) != Draw(0, "z").sets(groups, SplitRatios())


def test_folds_share_the_test_set_and_are_parts_of_the_rest(source):
    sets = split_labels(HandLabels.open(source), "x", ratios=SplitRatios(), seed=0, folds=4)
    plain, folds = sets[0].splits, sets[3:]
    assert plain == split(source)
    rest = {*plain["train"], *plain["validation"]}
    groups = json.loads((source / "dataset.json").read_text())["groups"]
    held = []
    for number in range(1, 5):
        train, validation = (
            DatasetFolder.open(source.with_name(f"s_x_BASELINE_F{number}{suffix}")) for suffix in ("", "_VAL")
        )
        facts = json.loads((validation.path / "dataset.json").read_text())
        names = {
            part: [sample.name for sample in found.samples]
            for part, found in (("train", train), ("validation", validation))
        }
        assert facts["splits"] == {**names, "test": plain["test"]}
        assert (facts["fold"], facts["folds"], facts["set"]) == (number, 4, "validation")
        assert set(names["train"]) | set(names["validation"]) == rest
        assert not {groups[name] for name in names["train"]} & {groups[name] for name in names["validation"]}
        assert facts["class_counts"]["x"] in (2, 3)  # 10 groups with the defect in 4 folds
        held += names["validation"]
    assert sorted(held) == sorted(rest) and len(folds) == 8
    with pytest.raises(BadInput, match="10 groups with x are left beside the test set, too few for 11 folds"):
        split_labels(HandLabels.open(source), "x", ratios=SplitRatios(), seed=0, folds=11)


def test_sets_are_added_only_to_those_of_the_same_draw(source):
    split(source)
    before = {path.name: path.stat().st_mtime_ns for path in source.parent.glob("s_*/dataset.json")}
    keep = {"ratios": SplitRatios(), "folds": 2, "replace": False}
    with pytest.raises(BadInput, match="s_x_BASELINE: exists, and is not what this split would write"):
        split_labels(HandLabels.open(source), "x", seed=1, **keep)
    assert not list(source.parent.glob("*_F1*"))
    split_labels(HandLabels.open(source), "x", seed=0, **keep)
    assert len(list(source.parent.glob("*_F?*"))) == 4
    assert {
        path.name: path.stat().st_mtime_ns for path in source.parent.glob("s_*/dataset.json")
    }.items() >= before.items()
    shutil.rmtree(source.with_name("s_x_EVAL"))
    (source.with_name("s_x_EVAL") / "images").mkdir(parents=True)  # somebody's own
    with pytest.raises(BadInput, match="s_x_EVAL: exists"):
        split_labels(HandLabels.open(source), "x", seed=0, **keep)
    assert [path.name for path in source.with_name("s_x_EVAL").iterdir()] == ["images"]


def test_the_description_says_what_it_was_made_from(source):
    (source / "boxes.csv").write_text("filename,defect_class,x_min,y_min,x_max,y_max\n")
    split(source)
    facts = json.loads((source.with_name("s_x_EVAL") / "dataset.json").read_text())
    assert facts["source_fingerprint"] == fingerprint_folder(source) and facts["groups_from"] == "dataset.json"
    assert facts["labels_sha256"] == hashlib.sha256((source / "labels.csv").read_bytes()).hexdigest()
    assert facts["class_counts"] == {"x": 10} and facts["pictures"] == len(facts["splits"]["test"])
    assert facts["area_share"] == pytest.approx(36 / 320)  # corners 2 to 7, both ends included


def test_a_broken_description_is_not_one_without_groups(source):
    for text in ("{", "[]", '{"groups": ["a"]}', '{"groups": {"a.png": ["g"]}}', '{"splits": {"test": "a"}}'):
        (source / "dataset.json").write_text(text)
        with pytest.raises(BadInput, match=r"s/dataset\.json: "):
            split(source)
    assert [path.name for path in source.parent.iterdir()] == ["s"]


def test_unknown_groups_are_searched_for_and_kept(tmp_path):
    """Three copies under new names, one of them saved again, stay together."""
    groups = {f"{n:02}.png": f"g{n}" for n in range(12)}
    source = make_source(tmp_path / "s", groups, set(groups))
    for name in groups:
        Image.fromarray(textured(int(name[:2]))).save(source / "images" / name)
    shutil.copy(source / "images" / "03.png", source / "images" / "07.png")
    Image.open(source / "images" / "03.png").save(source / "images" / "09.jpg", quality=92)
    (source / "images" / "09.png").unlink()
    (source / "labels.csv").write_text((source / "labels.csv").read_text().replace("09.png", "09.jpg"))
    (source / "dataset.json").write_text('{"classes": {"x": "икс"}}')
    said = []
    without = HandLabels.open(source, search=False, say=said.append)
    assert without.groups_from == "file names" and len(set(without.groups.values())) == 12 and not said
    labels = HandLabels.open(source, say=said.append)
    assert "looking for copies among 12 pictures" in said[0] and "1 groups of copies" in said[1]
    assert len({labels.groups[name] for name in ("03.png", "07.png", "09.jpg")}) == 1
    assert len(set(labels.groups.values())) == 10 and labels.labels == {"x": "икс"}
    # refinement reads the source's own description: it has to know them as well
    again = HandLabels.open(source, say=said.append)
    assert again.groups == labels.groups and again.groups_from == "duplicate search" and len(said) == 2


def test_known_groups_are_united_with_found_ones_on_demand(tmp_path):
    groups = {f"{n:02}.png": f"g{n // 2}" for n in range(8)}
    source = make_source(tmp_path / "s", groups, set(groups))
    for name in groups:
        Image.fromarray(textured(int(name[:2]))).save(source / "images" / name)
    shutil.copy(source / "images" / "01.png", source / "images" / "02.png")
    assert HandLabels.open(source).groups == groups
    labels = HandLabels.open(source, search=True)
    assert len({labels.groups[f"{n:02}.png"] for n in range(4)}) == 1 and len(set(labels.groups.values())) == 3


def test_labels_match_names_in_either_unicode_form(tmp_path):
    groups = {f"й{n}.png": f"g{n}" for n in range(6)}
    source = make_source(tmp_path / "s", groups, set(groups))
    for name in groups:
        (source / "images" / name).rename(source / "images" / unicodedata.normalize("NFD", name))
    sets = split(source)
    assert sum(map(len, sets.values())) == 6
    for sample in DatasetFolder.open(source.with_name("s_x_EVAL")).samples:
        assert read_mask(sample.mask).any() and sample.group.startswith("g")
    # the form of a name changes no draw
    assert {part: {unicodedata.normalize("NFC", name) for name in names} for part, names in sets.items()} == {
        part: set(names) for part, names in split(make_source(tmp_path / "composed" / "s", groups, set(groups))).items()
    }


def test_a_box_without_its_polygon_is_no_picture_without_the_defect(tmp_path):
    groups = {f"{n}.png": str(n) for n in range(12)}
    source = make_source(tmp_path / "s", groups, {f"{n}.png" for n in range(8)})
    rows = (source / "labels.csv").read_text()
    other = ',"{""name"": ""rect"", ""x"": 2, ""y"": 2, ""width"": 5, ""height"": 5}","{""defect_class"": ""y""}"'
    lines = rows.splitlines()
    for index in (8, 9):  # the other two were looked at, and nothing is there
        lines[index + 1] = lines[index + 1].removesuffix(",{},{}") + other
    (source / "labels.csv").write_text("\n".join(lines) + "\n")
    boxes = [f"{n}.png,x,1,1,9,9" for n in (8, 10)]
    (source / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *boxes]) + "\n")
    said = []
    sets = split_labels(HandLabels.open(source), "x", ratios=SplitRatios(clean=1), seed=0, say=said.append)
    drawn = {name for names in sets[0].splits.values() for name in names}
    assert drawn == groups.keys() - {"8.png"}
    assert (
        "1 hand-labelled pictures are in no set" in said[0] and "3 hand-labelled groups without it, 8 wanted" in said[1]
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('""x""}"', '""../x""}"', "cannot be part of a file name"),
        ('"{""defect_class"": ""x""}"', "{}", "has no defect_class, others have one"),
    ],
)
def test_classes_that_cannot_be_used(source, old, new, words):
    text = (source / "labels.csv").read_text()
    (source / "labels.csv").write_text(text.replace(old, new) if "../" in new else text.replace(old, new, 1))
    with pytest.raises(BadInput, match=words):
        split(source)
    assert [path.name for path in source.parent.iterdir()] == ["s"]


def test_two_pictures_of_one_stem_are_refused_before_anything_is_written(source):
    Image.open(source / "images" / "труба 07.png").save(source / "images" / "труба 07.jpg")
    with pytest.raises(BadInput, match=r"труба 07\.jpg and труба 07\.png share one mask name"):
        split(source)


def test_names_that_differ_in_case_are_noted(source):
    shutil.copy(source / "images" / "труба 07.png", source / "images" / "Труба 07.png")
    said = []
    HandLabels.open(source, say=said.append)
    assert "Труба 07.png and труба 07.png are one file on Windows and macOS" in said[0]


def test_turned_copies_of_real_pictures_stay_together(tmp_path):
    """Files in groups of up to four, each turned by 0, 90, 180 and 270 degrees under unrelated names."""
    if not ROTATED.is_dir():
        pytest.skip("the real pictures are not beside this checkout")
    with (ROTATED / "groups.csv").open(newline="") as file:
        truth = {row["file"]: row["group"] for row in csv.DictReader(file) if int(row["group"]) < 60}
    source = make_source(tmp_path / "s", truth, {name for name in truth if int(truth[name]) % 3})
    (source / "dataset.json").unlink()
    for name in truth:
        (source / "images" / name).unlink()
        os.link(ROTATED / "images" / name, source / "images" / name)
    sets = split(source, clean=1)
    part_of = {name: part for part, names in sets.items() for name in names}
    parts: dict[str, set[str]] = {}
    for name, part in part_of.items():
        parts.setdefault(truth[name], set()).add(part)
    assert len(part_of) == len(truth) > 100 and all(len(found) == 1 for found in parts.values())
