"""Coarse labels made from full masks: what is simulated is what is said."""

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from benchmarks import weak_labels
from benchmarks.weak_data import FALSE, draw_boxes, read_masks, split
from pipeseg.data.pictures import write_png
from pipeseg.errors import BadInput
from pipeseg.refiners.source import LOOSENESS


@pytest.fixture(scope="module")
def masks():
    """Eighty pictures, three of four with one block each."""
    random, found = np.random.default_rng(0), {}
    for index in range(80):
        mask = np.zeros((60, 80), bool)
        if index % 4:
            top, left = random.integers(5, 30, 2)
            mask[top : top + 20, left : left + 20] = True
        found[f"{index:02}.png"] = mask
    return found


def test_boxes_are_loose_and_a_few_are_false(masks):
    boxes = draw_boxes(masks, seed=3)
    true, false = 0, 0
    for name, found in boxes.items():
        rows, columns = np.nonzero(masks[name].any(1))[0], np.nonzero(masks[name].any(0))[0]
        for x_min, y_min, x_max, y_max in found:
            if len(rows) and x_min <= columns[0] and y_min <= rows[0] and x_max > columns[-1] and y_max > rows[-1]:
                true += 1
                outside = (columns[0] - x_min, rows[0] - y_min, x_max - columns[-1] - 1, y_max - rows[-1] - 1)
                assert all(0 <= side <= LOOSENESS * 20 for side in outside)
            else:
                false += 1
    assert (true, false) == (60, round(FALSE * 60))
    assert draw_boxes(masks, seed=3) == boxes and draw_boxes(masks, seed=4) != boxes


def test_no_group_is_in_two_parts(masks):
    # three copies of everything that shows the class
    groups = {name: f"g{int(name[:2]) // 4}" if mask.any() else name for name, mask in masks.items()}
    parts = split(masks, groups, hand=4, seed=1)
    held = [{groups[name] for name in part} for part in (parts.hand, parts.val, parts.test)]
    assert sum(map(len, held)) == len(set().union(*held)) == sum(map(len, (parts.hand, parts.val, parts.test)))
    assert sum(masks[name].any() for name in parts.hand) == 4 and len(parts.hand) == 5


def test_too_few_pictures_are_told(masks):
    with pytest.raises(BadInput, match="60 groups of pictures show the class; too few for 30 hand masks"):
        split(masks, {name: name for name in masks}, hand=30, seed=1)


def write_dataset(folder, values):
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for index, value in enumerate(values):
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4, 2:6] = value
        write_png(folder / "images" / f"{index}.png", np.zeros((8, 8, 3), np.uint8))
        write_png(folder / "masks" / f"{index}.png", mask)


@pytest.mark.parametrize(
    ("values", "level", "shown"),
    [
        ((1, 2, 0), 2, [0, 8, 0]),
        ((255, 0), 1, [8, 0]),
        # beside numbers, 255 is what many datasets leave out
        ((1, 255), 1, [8, 0]),
    ],
)
def test_a_class_is_a_grey_value_or_white(tmp_path, values, level, shown):
    write_dataset(tmp_path, values)
    masks = read_masks(tmp_path, level)
    assert [int(masks[name].sum()) for name in sorted(masks)] == shown


def test_a_number_that_no_mask_has_is_told(tmp_path):
    write_dataset(tmp_path, (1, 2))
    with pytest.raises(BadInput, match=r"masks: no pixel has the value 3; name --classes"):
        read_masks(tmp_path, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--classes", "a", "--hand", "30"], "groups of pictures show the class; too few for 30 hand masks"),
        (["--classes", "a,b", "--only", "c"], "--only: c is not among a, b"),
        (["--classes", "a", "--arms", "longer,ful"], "--arms: ful is not among hand, longer"),
        (["--classes", "a,b", "--only", "b"], "no pixel has the value 2"),
    ],
)
def test_what_cannot_be_measured_is_told_first(tmp_path, monkeypatch, capsys, options, words):
    write_dataset(tmp_path, (255,) * 12)
    monkeypatch.setattr(sys, "argv", ["weak_labels.py", "--dataset", str(tmp_path), *options])
    with pytest.raises(SystemExit) as ended:
        weak_labels.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1) and words in said.err


def cell_of(*arms):
    return weak_labels.Cell("dataset", "crack", 1, 20, 0, 200, 600, 200, 64, "tiny", arms)


def test_arms_are_added_to_those_that_are_kept(tmp_path):
    asked = []

    def do(cell):
        asked.append(cell.arms)
        # a picture without the class has no IoU
        scores = {"a.png": 0.5, "b.png": float("nan")}
        return {"scores": dict.fromkeys(cell.arms, scores), "seconds": dict.fromkeys(cell.arms, 1.0), "groups": {}}

    first = weak_labels.do_missing(cell_of("hand", "ours"), None, do)
    kept = tmp_path / "cell.json"
    kept.write_text(json.dumps({"cell": asdict(cell_of("hand", "ours")), **first}))
    more = cell_of("hand", "longer", "ours")
    before = weak_labels.read_kept(kept, more)
    assert set(weak_labels.do_missing(more, before, do)["scores"]) == {"hand", "longer", "ours"}
    assert weak_labels.do_missing(cell_of("hand", "ours"), before, do) is before
    assert asked == [("hand", "ours"), ("hand", "longer")]
    assert weak_labels.read_kept(kept, replace(more, steps=100)) is None


def test_arms_that_began_otherwise_are_done_anew():
    asked = []

    def do(cell):
        asked.append(cell.arms)
        return {"scores": {arm: {"a.png": 0.5} for arm in cell.arms}, "seconds": {}, "groups": {}}

    other = {"scores": {"hand": {"a.png": 0.4}, "ours": {"a.png": 0.6}}, "seconds": {}, "groups": {}}
    found = weak_labels.do_missing(cell_of("hand", "longer", "ours"), other, do)
    assert asked == [("hand", "longer"), ("hand", "longer", "ours")]
    assert found["scores"]["ours"] == {"a.png": 0.5}
