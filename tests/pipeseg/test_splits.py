"""Splits by group, the same everywhere; derived datasets appear whole or not at all."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.build import building
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.data.splits import SplitRatios, split_dataset
from pipeseg.data.via import COLUMNS
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT


def make_source(folder, groups: dict[str, str], positives: set[str]):
    """Write a source whose `positives` hold one square of class x; `groups` is file -> group."""
    (folder / "images").mkdir(parents=True)
    shape = json.dumps({"name": "rect", "x": 2, "y": 2, "width": 5, "height": 5})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index, name in enumerate(groups):
            Image.fromarray(np.full((16, 20, 3), index, np.uint8)).save(folder / "images" / name)
            found = (shape, '{"defect_class": "x"}') if name in positives else ("{}", "{}")
            writer.writerow([name, 1, "{}", 1, 0, *found])
    (folder / "dataset.json").write_text(json.dumps({"groups": groups}), encoding="utf-8")
    return folder


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


def test_a_builder_replaces_only_what_is_whole(tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(image)
    target = tmp_path / "set"
    for value in (10, 20):
        with building(target) as writer:
            writer.add(image, np.full((4, 4), value, np.uint8))
            assert not target.exists() or read_mask(target / "masks" / "a.png")[0, 0] == 10
    assert read_mask(target / "masks" / "a.png")[0, 0] == 20
    for failure in (KeyboardInterrupt, ValueError):
        with pytest.raises(failure), building(target) as writer:
            writer.add(image, np.full((4, 4), 30, np.uint8))
            raise failure
    assert read_mask(target / "masks" / "a.png")[0, 0] == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "set"]


def test_a_second_picture_of_a_name_never_writes_into_the_source(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((4, 4, 3), len(name), np.uint8)).save(tmp_path / name / "a.png")
    Image.fromarray(np.full((4, 4, 3), 99, np.uint8)).save(tmp_path / "two" / "a.png")
    before = (tmp_path / "one" / "a.png").read_bytes()
    with pytest.raises(BadInput, match=r"a\.png"), building(tmp_path / "set") as writer:
        writer.add(tmp_path / "one" / "a.png", np.zeros((4, 4), np.uint8))
        writer.add(tmp_path / "two" / "a.png", np.zeros((4, 4), np.uint8))
    assert (tmp_path / "one" / "a.png").read_bytes() == before and not (tmp_path / "set").exists()
    assert read_image(tmp_path / "two" / "a.png")[0, 0, 0] == 99


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"), building(tmp_path / "file" / "set"):
        pass
