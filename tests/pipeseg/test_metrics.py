"""Scores against plain loops, and the traps of the original: empty truths, means of means, Dice from a mean IoU."""

import numpy as np
import pytest
import torch

from pipeseg.metrics import Scores, count_overlap


def score(*pairs) -> Scores:
    """Score (prediction, truth) pairs of arrays."""
    counts = [
        count_overlap(torch.as_tensor(np.asarray(p), dtype=torch.float32), torch.as_tensor(np.asarray(t)).float())
        for p, t in pairs
    ]
    return Scores(torch.stack(counts).numpy(), np.array([bool((np.asarray(p) >= 0.5).any()) for p, _ in pairs]))


def reference(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The same for one binary picture, pixel by pixel."""
    tp = fp = fn = tn = 0
    for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
        tp, fp, fn, tn = tp + (p and t), fp + (p and not t), fn + (t and not p), tn + (not p and not t)
    nan = float("nan")
    return {
        "iou": tp / (tp + fp + fn) if tp + fn else nan,
        "dice": 2 * tp / (2 * tp + fp + fn) if tp + fn else nan,
        "precision": nan if not tp + fn else tp / (tp + fp) if tp + fp else 0.0,
        "recall": tp / (tp + fn) if tp + fn else nan,
        "specificity": tn / (tn + fp) if tn + fp else nan,
    }


def test_random_masks_agree_with_plain_loops():
    random = np.random.default_rng(0)
    pairs = []
    for share_p, share_t in [(0.5, 0.5), (0.1, 0.9), (0, 0.3), (0.3, 0), (0, 0), (1, 1), (1, 0), (0.02, 0.02)]:
        shape = random.integers(3, 20, 2)
        pairs.append((random.random(shape) < share_p, random.random(shape) < share_t))
    ours = score(*pairs).per_image()
    for index, (prediction, truth) in enumerate(pairs):
        for name, value in reference(prediction, truth).items():
            assert ours[name][index] == pytest.approx(value, nan_ok=True), (index, name)


def test_pictures_without_the_class_say_nothing_about_iou():
    empty, full = np.zeros((4, 4)), np.ones((4, 4))
    scores = score((empty, empty), (full, empty), (full, full))
    assert np.isnan(scores.per_image()["iou"]).tolist() == [True, True, False]
    summary = scores.summary()
    assert summary["iou"] == summary["dice"] == summary["recall"] == summary["precision"] == 1
    assert summary["false_alarms"] == 0.5
    assert summary["iou_dataset"] == 0.5  # 16 of 32 pixels


def test_a_set_without_any_defect_has_no_iou():
    summary = score((np.zeros((2, 2)), np.zeros((2, 2)))).summary()
    assert all(np.isnan(summary[name]) for name in ("iou", "dice", "recall", "precision", "iou_dataset"))
    assert summary["specificity"] == 1 and summary["false_alarms"] == 0


def test_a_faint_haze_over_a_clean_picture_is_no_false_alarm():
    hazy = np.full((40, 40), 0.02)
    assert score((hazy, np.zeros((40, 40)))).summary()["false_alarms"] == 0


def test_a_set_without_any_clean_picture_has_no_false_alarms():
    assert np.isnan(score((np.ones((2, 2)), np.ones((2, 2)))).summary()["false_alarms"])


def test_dice_is_not_derived_from_a_mean_iou():
    # IoU {0, 1}: the mean of Dice is 0.5; from the mean IoU it would be 2 * 0.5 / 1.5 = 0.667
    half = np.array([[1, 0]])
    summary = score((half[:, ::-1].copy(), half), (half, half)).summary()
    assert summary["iou"] == 0.5 and summary["dice"] == 0.5
    # IoU {1/3, 1}: Dice {1/2, 1}
    summary = score((np.array([[1, 1, 0]]), np.array([[0, 1, 1]])), (half, half)).summary()
    assert summary["iou"] == pytest.approx(2 / 3) and summary["dice"] == pytest.approx(0.75)


def test_soft_values_that_equal_the_truth_score_one():
    truth = np.random.default_rng(1).random((16, 16)).astype(np.float32) * 0.5
    summary = score((truth, truth)).summary()
    for name in ("iou", "dice", "precision", "recall", "specificity", "iou_dataset"):
        assert summary[name] == pytest.approx(1), name


def test_soft_and_binary_agree_on_hard_masks():
    truth = np.eye(5)
    both = score((truth[::-1].copy(), truth)).per_image()
    assert both["iou"][0] == pytest.approx(1 / 9) and both["recall"][0] == pytest.approx(1 / 5)


def test_a_missed_defect_scores_zero_everywhere():
    values = {name: column[0] for name, column in score((np.zeros((3, 3)), np.eye(3))).per_image().items()}
    assert values == {"iou": 0, "dice": 0, "precision": 0, "recall": 0, "specificity": 1}


def test_large_pictures_lose_no_pixel():
    # float32 sums stop counting at 2**24
    prediction = torch.ones(4200, 4200)
    counts = count_overlap(prediction, prediction)
    assert counts.tolist() == [4200 * 4200, 0, 0, 0]


def test_small_pictures_weigh_as_much_as_large_ones():
    small, large = np.ones((1, 1)), np.ones((10, 10))
    summary = score((small, small), (large * 0, large)).summary()
    assert summary["iou"] == 0.5 and summary["iou_dataset"] == pytest.approx(1 / 101)


def test_scikit_learn_counts_the_same():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    pairs = [(random.random((13, 17)) < share, random.random((13, 17)) < 0.3) for share in (0.1, 0.3, 0.9)]
    ours = score(*pairs)
    theirs = {
        "iou": metrics.jaccard_score,
        "dice": metrics.f1_score,
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "specificity": lambda truth, prediction: metrics.recall_score(~truth, ~prediction),
    }
    for name, function in theirs.items():
        expected = [function(truth.ravel(), prediction.ravel()) for prediction, truth in pairs]
        assert ours.per_image()[name] == pytest.approx(expected), name
        assert ours.summary()[name] == pytest.approx(np.mean(expected)), name
    whole = [np.concatenate([side.ravel() for side in sides]) for sides in zip(*pairs, strict=True)]
    assert ours.summary()["iou_dataset"] == pytest.approx(metrics.jaccard_score(whole[1], whole[0]))
