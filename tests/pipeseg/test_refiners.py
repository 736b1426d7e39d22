"""What each refiner makes of a picture with boxes: targets inside, nothing outside, weights that say what is sure."""

import numpy as np
import pytest

from pipeseg.errors import BadInput
from pipeseg.refiners import BoxPicture, Calibration, EnsembleRefiner, GrabCutRefiner, OriginalRefiner, candidates_of
from pipeseg.refiners.calibration import EDGES, HandFills, count_logits, find_shift
from pipeseg.registry import REFINERS, REFINERS_HELP

LEFT, RIGHT = (slice(2, 12), slice(2, 12)), (slice(2, 12), slice(14, 24))


def boxed(*places, probability=None, image=None) -> BoxPicture:
    inside = np.zeros((16, 26), bool)
    for place in places:
        inside[place] = True
    return BoxPicture(inside, places, probability, image)


def half_sure() -> np.ndarray:
    """A teacher that is sure of the upper half of the left box, unsure everywhere else in it, and sees no other."""
    probability = np.full((16, 26), 0.02, np.float32)
    probability[:, :13] = 0.4
    probability[2:7, 2:12] = 0.95
    return probability


def test_every_refiner_says_what_it_does():
    assert REFINERS.keys() == REFINERS_HELP.keys()
    for name in REFINERS:
        assert candidates_of(name, {})


def test_the_ensemble_keeps_its_confidence():
    refined = EnsembleRefiner()(boxed(LEFT, probability=half_sure()))
    assert (refined.target[2:7, 2:12] == round(255 * 0.95)).all() and (refined.target[7:12, 2:12] == 102).all()
    assert (refined.weight[2:7, 2:12] == round(255 * 0.9)).all() and (refined.weight[7:12, 2:12] == 51).all()
    outside = ~boxed(LEFT).inside
    assert not refined.target[outside].any() and (refined.weight[outside] == 255).all()
    (verdict,) = refined.verdicts
    assert verdict.fill == pytest.approx(0.5) and verdict.decision == "kept"


def test_a_band_is_ignored_and_a_hard_target_is_hard():
    refined = EnsembleRefiner(target="hard", weight="band", band=(0.3, 0.7))(boxed(LEFT, probability=half_sure()))
    assert set(np.unique(refined.target)) == {0, 255} and (refined.weight[7:12, 2:12] == 0).all()
    assert (refined.weight[2:7, 2:12] == 255).all()
    assert EnsembleRefiner(weight="none")(boxed(LEFT, probability=half_sure())).weight is None


def test_a_false_box_counts_nothing_where_no_other_box_lies():
    overlapping = (slice(2, 12), slice(8, 24))
    picture = boxed(LEFT, overlapping, probability=half_sure())
    refined = EnsembleRefiner()(picture, Calibration(lowest=0.25))
    assert [verdict.decision for verdict in refined.verdicts] == ["kept", "ignored"]
    assert not refined.weight[2:12, 12:24].any()
    assert refined.weight[LEFT].all() and refined.weight[0].all()
    switched_off = EnsembleRefiner(false_boxes=False)(picture, Calibration(lowest=0.25))
    assert [verdict.decision for verdict in switched_off.verdicts] == ["kept", "kept"]


def test_a_box_that_keeps_little_can_be_reset():
    refined = EnsembleRefiner(reset_below=0.6)(boxed(LEFT, probability=half_sure()))
    assert refined.verdicts[0].decision == "reset" and (refined.target[LEFT] == 255).all()
    assert refined.weight is None


def test_a_picture_without_boxes_is_background_of_full_weight():
    refined = EnsembleRefiner()(boxed(probability=half_sure()))
    assert not refined.target.any() and refined.weight is None and not refined.verdicts


def test_a_shift_moves_the_threshold_and_keeps_extremes_finite():
    probability = np.array([[0.0, 0.2, 0.8, 1.0]], np.float32)
    picture = BoxPicture(np.ones((1, 4), bool), ((slice(0, 1), slice(0, 4)),), probability)
    raised = EnsembleRefiner()(picture, Calibration(shift=float(np.log(4))))
    assert raised.target.tolist() == [[0, 128, 240, 255]]
    assert OriginalRefiner(threshold=0.5, calibrate=True)(picture, Calibration(shift=2.0)).target.tolist() == [
        [76, 255, 255, 255]
    ]


def blobs(seed: int, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Logits in boxes whose defect fills them by a share that is known, blurred and moved: (boxes, true fills)."""
    random = np.random.default_rng(seed)
    fills = random.uniform(0.3, 0.8, count)
    boxes = []
    for fill in fills:
        rank = np.argsort(np.argsort(random.random(900))) / 900
        # what a timid teacher says: right order, everything 1.5 too low
        boxes.append((6 * (fill - rank) - 1.5 + random.normal(0, 0.3, 900)).astype(np.float32))
    return boxes, fills


def test_calibration_reaches_the_fill_of_the_hand_masks():
    boxes, _ = blobs(0, 80)
    counts = np.stack([count_logits(box) for box in boxes])
    hand = HandFills(blobs(1, 60)[1], 0, "")
    before = np.mean([(box >= 0).mean() for box in boxes])
    shift, fill, _ = find_shift(counts, hand, 0.5)
    after = np.mean([(box + shift >= 0).mean() for box in boxes])
    assert abs(before - hand.mean) > 0.15 and abs(after - hand.mean) < 0.01 and fill == pytest.approx(after, abs=0.005)
    assert shift == pytest.approx(1.5, abs=0.4)
    # of a refiner that cuts elsewhere, the same pixels
    other = find_shift(counts, hand, 0.75).logits
    assert other - shift == pytest.approx(np.log(3), abs=0.03)


def test_a_difference_that_may_be_chance_moves_few_outlines():
    random = np.random.default_rng(0)
    places = np.linspace(-1, 1, 900)
    # a teacher that is sure: a large shift moves its outlines by little
    counts = np.stack([count_logits(40 * (places + random.uniform(0.2, 0.4)).astype(np.float32)) for _ in range(80)])
    unshifted = find_shift(counts, HandFills(np.full(5, 0.65), 0, ""), 0.5).fill

    def shift(boxes: int) -> float:
        spread = np.linspace(-0.2, 0.2, boxes)
        return find_shift(counts, HandFills(unshifted + 0.05 + spread, 0, ""), 0.5).logits

    few, many = shift(12), shift(20_000)
    # of the 4 that would make both fills equal
    assert 0 < few < 1 and 3.5 < many < 4
    assert find_shift(counts, HandFills(np.full(1, 0.9), 0, ""), 0.5).error > 0


def test_empty_hand_boxes_lower_the_fill_that_is_wanted():
    counts = np.stack([count_logits(box) for box in blobs(0, 80)[0]])
    fills = blobs(1, 60)[1]
    with_empty, without = HandFills(fills, 20, ""), HandFills(fills, 0, "")
    assert with_empty.mean == pytest.approx(0.75 * without.mean) and with_empty.lowest == without.lowest
    assert find_shift(counts, with_empty, 0.5)[1] == pytest.approx(with_empty.mean, abs=0.01)


def test_a_teacher_that_knows_nothing_is_shifted_only_so_far():
    counts = np.stack([count_logits(np.full(50, -11.0, np.float32))] * 9)
    shift, fill, _ = find_shift(counts, HandFills(np.full(9, 0.5), 0, ""), 0.5)
    assert abs(shift) <= 4.01 and fill == 0
    assert len(EDGES) - 1 == counts.shape[1]


@pytest.mark.parametrize(("count", "lowest"), [(9, 0.0), (10, 0.2), (49, 0.2), (60, 0.42)])
def test_few_hand_boxes_judge_carefully(count, lowest):
    values = np.linspace(0.4, 0.9, count)
    assert HandFills(values, 0, "").lowest == pytest.approx(lowest, abs=0.02)


def test_grabcut_finds_what_differs_in_colour():
    random = np.random.default_rng(0)
    image = random.integers(40, 70, (80, 100, 3), dtype=np.uint8)
    truth = np.zeros((80, 100), bool)
    truth[30:55, 35:70] = True
    image[truth] += 120
    place = (slice(22, 63), slice(26, 79))
    inside = np.zeros_like(truth)
    inside[place] = True
    refined = GrabCutRefiner()(BoxPicture(inside, (place,), image=image))
    found = refined.target > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.9 and refined.verdicts[0].decision == "kept"
    small = GrabCutRefiner(max_side=48)(BoxPicture(inside, (place,), image=image)).target > 0
    assert (small & truth).sum() / (small | truth).sum() > 0.8
    again = GrabCutRefiner()(BoxPicture(inside, (place,), image=image))
    assert np.array_equal(again.target, refined.target)


@pytest.mark.parametrize("place", [(slice(0, 80), slice(0, 100)), (slice(3, 4), slice(5, 7))])
def test_grabcut_resets_a_box_that_tells_nothing(place):
    # no surroundings, or too few pixels
    inside = np.zeros((80, 100), bool)
    inside[place] = True
    refined = GrabCutRefiner()(BoxPicture(inside, (place,), image=np.full((80, 100, 3), 90, np.uint8)))
    assert refined.verdicts[0].decision == "reset" and np.array_equal(refined.target > 0, inside)


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("ensemble", {"flips": "vertical"}, "refiner.args.flips: must be one of none, horizontal, dihedral"),
        ("ensemble", {"weight": "loud"}, "refiner.args.weight"),
        ("ensemble", {"target": "firm"}, "refiner.args.target"),
        ("ensemble", {"band": [0.7, 0.3]}, "refiner.args.band"),
        ("ensemble", {"calibrate": "yes"}, "refiner.args.calibrate: must be one of fill, val, none"),
        ("ensemble", {"reset_below": 2}, "refiner.args.reset_below: must be a number from 0 to 1"),
        ("ensemble", {"flip": "none"}, "refiner.args: ensemble: got an unexpected keyword argument 'flip'"),
        ("grabcut", {"iterations": 0}, "refiner.args.iterations"),
        ("grabcut", {"context": "wide"}, "refiner.args.context"),
        ("auto", {"candidates": ["box", "grabkut"]}, "did you mean 'grabcut'?"),
        ("auto", {"candidates": ["auto"]}, "refiner.args.candidates: unknown 'auto'"),
        ("auto", {"candidates": []}, "at least one"),
        ("auto", {"candidates": [{"name": "ensemble", "args": {"flips": 8}}]}, "refiner.args.flips"),
    ],
)
def test_arguments_that_cannot_be_are_refused(name, args, words):
    with pytest.raises(BadInput) as caught:
        candidates_of(name, args)
    assert words in str(caught.value) and "\n" not in str(caught.value)
