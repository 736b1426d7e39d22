"""A defect reaches from side to side of its box: logits of a box are raised until it does, but not by anything."""

import numpy as np
import pytest

from pipeseg.refiners import BoxPicture, Calibration, EnsembleRefiner
from pipeseg.refiners.tightness import LARGEST_SHIFT, tight_shift, well_inside

WHOLE = (slice(0, 20), slice(0, 20))


def band(right: float) -> np.ndarray:
    """A row of defect through the middle of a box, whose right half the teachers see with this probability."""
    probability = np.full((20, 20), 0.02, np.float32)
    probability[:, 9:11] = 0.9
    probability[9:11, :10] = 0.9
    probability[9:11, 10:] = right
    return probability


@pytest.mark.parametrize(("length", "certain"), [(20, range(3, 17)), (7, range(2, 5)), (2, range(0)), (1, range(0))])
def test_rows_near_the_edge_of_a_box_may_hold_nothing(length, certain):
    assert list(range(length))[well_inside(length)] == list(certain)


@pytest.mark.parametrize("right", [0.45, 0.3])
def test_the_defect_is_raised_until_it_reaches_across(right):
    probability = band(right)
    shift = tight_shift(probability, [WHOLE], 0.5)
    assert shift.dtype == np.float32 and np.unique(shift).tolist() == pytest.approx([np.log((1 - right) / right)])
    picture = BoxPicture(np.ones((20, 20), bool), (WHOLE,), probability)
    found = EnsembleRefiner(tight=True, target="hard")(picture).target > 0
    assert found[3:17].any(1).all() and found[:, 3:17].any(0).all()
    # what the teachers take for background stays it, and what was raised is not certain
    assert found.mean() < 0.2
    assert (EnsembleRefiner(tight=True)(picture).weight[9:11, 12:] == 0).all()
    assert not (EnsembleRefiner(target="hard")(picture).target[9:11, 12:] > 0).any()


def test_a_defect_that_reaches_across_is_left_alone():
    assert not tight_shift(band(0.6), [WHOLE], 0.5).any()
    # nothing is asked of the outermost rows and columns, nor of a box that has no others
    probability = band(0.9)
    probability[:3], probability[:, :3] = 0, 0
    assert not tight_shift(probability, [WHOLE], 0.5).any()
    assert not tight_shift(np.zeros((20, 20), np.float32), [(slice(4, 5), slice(4, 6))], 0.5).any()


def test_teachers_that_hardly_see_anything_are_not_believed_to():
    probability = band(0.0)
    assert np.unique(tight_shift(probability, [WHOLE], 0.5)).tolist() == [LARGEST_SHIFT]
    picture = BoxPicture(np.ones((20, 20), bool), (WHOLE,), probability)
    assert not (EnsembleRefiner(tight=True, target="hard")(picture).target[:, 11:] > 0).any()


def test_each_box_is_raised_by_its_own():
    probability = np.hstack([band(0.9), band(0.4), np.full((20, 5), 0.45, np.float32)])
    left, right = WHOLE, (slice(0, 20), slice(20, 40))
    shift = tight_shift(probability, [left, right], 0.5)
    assert not shift[:, :20].any() and (shift[:, 20:40] > 0).all() and not shift[:, 40:].any()
    over_both = tight_shift(probability, [right, (slice(0, 20), slice(0, 40))], 0.5)
    assert np.allclose(over_both[:, 20:40], shift[:, 20:40]) and (over_both[:, :20] > 0).all()


def test_a_false_box_is_not_filled_up():
    probability = np.full((20, 20), 0.4, np.float32)
    picture = BoxPicture(np.ones((20, 20), bool), (WHOLE,), probability)
    refined = EnsembleRefiner(tight=True, target="hard")(picture, Calibration(lowest=0.1))
    assert refined.verdicts[0].decision == "ignored" and refined.verdicts[0].fill == 0 and not refined.weight.any()
    believed = EnsembleRefiner(tight=True, target="hard")(picture)
    assert believed.verdicts[0].fill == 1 and (believed.target == 255).all()
