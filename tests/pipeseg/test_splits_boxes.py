"""Sets drawn from detection boxes: filled boxes as masks, beside the hand-drawn sets and never mixed with them."""

import csv

import numpy as np
import pytest
from PIL import Image

from experiments.preparation import split_dataset
from pipeseg.data.boxes import COLUMNS, fill_boxes
from pipeseg.data.description import read_description
from pipeseg.data.pictures import read_mask
from pipeseg.data.verify import verify
from pipeseg.errors import BadInput

SPLIT = {"stage": "split", "source_dataset": "source", "labels": "boxes", "test": 0.1, "validation": 0.5}


@pytest.fixture
def source(own_tiny):
    """Forty pictures; boxes of two classes, whose sides are no whole pixels; every fourth has none."""
    folder = own_tiny.add_dataset("source", range(40))
    boxes = {}
    for index in range(40):
        if index % 4 != 3:
            left, top = index % 7 - 2.5, index % 5 + 0.5
            boxes[f"p{index:03}.png", ("crack", "leak")[index % 2]] = (left, top, left + 30.2, top + 20.7)
    with open(folder / "boxes.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *((*key, *box) for key, box in boxes.items())])
    return folder, boxes


def split(tiny, **changes) -> None:
    split_dataset(tiny.run({**SPLIT, **changes}))


def test_the_sets_hold_filled_boxes_in_the_wanted_shares(own_tiny, source):
    folder, boxes = source
    split(own_tiny)
    for name in ("crack", "leak"):
        sets = [folder.with_name(f"source_{name}_BOXES{suffix}") for suffix in ("", "_VAL", "_EVAL")]
        pictures = [{path.name for path in (each / "images").iterdir()} for each in sets]
        having = [sum((file, name) in boxes for file in files) for files in pictures]
        assert having == ([7, 6, 2] if sum(having) == 15 else having)
        assert sum(having) == sum(key[1] == name for key in boxes) and not set.intersection(*pictures)
        for each, files in zip(sets, pictures, strict=True):
            assert read_description(each)["labels"] == "boxes"
            for file in files:
                wanted = fill_boxes([boxes[file, name]] if (file, name) in boxes else [], 64, 64)
                assert np.array_equal(read_mask(each / "masks" / file) > 0, wanted)
    # the classes' draws share pictures, as hand-drawn ones do; within a class nothing does
    assert verify([folder], duplicate_search=False, tick=lambda step: lambda done, total: None).violations == []


def test_masks_are_the_boxes_where_there_is_no_list_of_them(own_tiny):
    folder = own_tiny.add_dataset("source", range(12))
    split(own_tiny, defect_class="crack")
    for part in ("BOXES", "BOXES_VAL", "BOXES_EVAL"):
        for mask in (folder.with_name(f"source_crack_{part}") / "masks").iterdir():
            assert np.array_equal(read_mask(mask), read_mask(folder / "masks" / mask.name))


def test_the_same_draw_is_kept_and_another_one_is_refused(own_tiny, source):
    folder, _ = source
    split(own_tiny, defect_class="leak")
    masks = folder.with_name("source_leak_BOXES") / "masks"
    before = masks.stat().st_ino
    split(own_tiny, defect_class="leak")
    assert masks.stat().st_ino == before
    with pytest.raises(BadInput, match="in a run of split replace=true"):
        split(own_tiny, defect_class="leak", seed=1)
    split(own_tiny, defect_class="leak", seed=1, replace=True)
    assert masks.stat().st_ino != before


def test_a_box_without_area_fills_nothing(own_tiny, source):
    folder, _ = source
    with open(folder / "boxes.csv", "a", encoding="utf-8") as file:
        file.write("p003.png,crack,5,5,5,20\n")
    split(own_tiny, defect_class="crack")
    for mask in folder.parent.glob("source_crack_BOXES*/masks/p003.png"):
        assert not np.asarray(Image.open(mask)).any()
