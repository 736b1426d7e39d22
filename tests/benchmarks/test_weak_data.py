"""Coarse labels made from full masks: what is simulated is what is said."""

import numpy as np
import pytest

from benchmarks.weak_data import FALSE, draw_boxes, split
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
