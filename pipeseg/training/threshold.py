"""The threshold that a model is used with, chosen on val."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pipeseg.data.loading import DEFECT_LEVEL, Pictures
from pipeseg.metrics import Scores
from pipeseg.training.device import Hardware
from pipeseg.training.evaluate import evaluate

DEFAULT_THRESHOLD = 0.5
# a power of two: p * LEVELS is exact, so that a level is reached exactly where p >= level / LEVELS
LEVELS = 128


def choose_threshold(
    model: nn.Module, sets: Sequence[Pictures], hardware: Hardware, *, batch_size: int
) -> tuple[float, float]:
    """Return the threshold with the highest mean IoU over val's pictures with the defect, and that IoU.

    Several sets, one for each output of the network, count alike: the mean over sets is maximised.

    One pass: each picture leaves a histogram of its probabilities over defect and over background, on the device; from
    it follow the exact counts at every multiple of 1/128. Of equally good ones the nearest to one half is chosen.
    """
    histograms: list[Tensor] = []

    def see(index: int, mask: np.ndarray, probability: Tensor) -> None:
        histograms.append(_histogram(probability, torch.from_numpy(mask >= DEFECT_LEVEL).to(hardware.device)))

    curves = []
    for channel, pictures in enumerate(sets):
        evaluate(
            model, pictures, hardware,
            batch_size=batch_size, soft=False, threshold=DEFAULT_THRESHOLD, channel=channel, see=see,
        )  # fmt: skip
        thresholds, iou = mean_iou_by_threshold(torch.stack(histograms).cpu().numpy())
        curves.append(iou)
        histograms.clear()
    iou = np.mean(curves, axis=0)
    best = min(range(len(iou)), key=lambda index: (-iou[index], abs(thresholds[index] - DEFAULT_THRESHOLD)))
    return float(thresholds[best]), float(iou[best])


def mean_iou_by_threshold(histograms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn histograms into (thresholds, mean IoU), float64 (LEVELS - 1,) each.

    Args:
        histograms: int64 (N, 2, LEVELS), pixels by probability: of background in row 0, of defect in row 1.
    """
    # pixels at or above each level
    reached = histograms[:, :, ::-1].cumsum(2)[:, :, ::-1]
    size = reached[:, :, 0].sum(1)
    iou = []
    for level in range(1, LEVELS):
        false_positive, true_positive = reached[:, 0, level], reached[:, 1, level]
        false_negative = reached[:, 1, 0] - true_positive
        rest = size - true_positive - false_positive - false_negative
        counts = np.stack([true_positive, false_positive, false_negative, rest], 1).astype(np.float64)
        iou.append(Scores(counts, np.zeros(len(counts), bool)).summary()["iou"])
    return np.arange(1, LEVELS) / LEVELS, np.array(iou)


def _histogram(probability: Tensor, truth: Tensor) -> Tensor:
    """int64 (2, LEVELS) of (H, W) probabilities by (H, W) truth, on the device."""
    level = (probability * LEVELS).long().clamp_(max=LEVELS - 1) + LEVELS * truth
    return torch.bincount(level.flatten(), minlength=2 * LEVELS).view(2, LEVELS)
