"""How much IoU a picture's prediction may cost, judged without its truth; pure functions of probabilities."""

import torch
from torch import Tensor


def expected_iou(probability: Tensor, inside: Tensor, threshold: float) -> float:
    """Return the IoU that the mask `probability >= threshold` is expected to reach, in [0, 1].

    Expected intersection over expected union of independent pixels: for masks of more than a few pixels this is the
    expected IoU but for a vanishing error (Nowozin 2014, "Optimal decisions from probabilistic models: the
    intersection-over-union case", sec. 3). A box is taken at its word: outside of the boxes no pixel can be defect, and
    what is predicted there only widens the union.

    Args:
        probability: float32 (H, W) in [0, 1], averaged over networks and flips, so that their disagreement counts.
        inside: bool (H, W), the filled boxes.
        threshold: probability from which a pixel is predicted as defect.
    """
    possible = torch.where(inside, probability, 0)
    predicted = probability >= threshold
    hit = (possible * predicted).sum()
    union = possible.sum() + predicted.sum() - hit
    return float(hit / union) if float(union) > 0 else 0.0


def agreement(voices: Tensor, inside: Tensor) -> float:
    """Return the mean soft IoU of every pair of predictions inside the boxes, in [0, 1]; 1 for a single voice.

    The disagreement of drawn predictions foretells the error of a segmentation (Roy et al. 2019, "Bayesian QuickNAT",
    sec. 3.3: IoU over samples); here the voices are networks of several seeds, and the mirror images of the picture.

    Args:
        voices: float32 (V, H, W) in [0, 1].
        inside: bool (H, W), the filled boxes.
    """
    within = voices[:, inside]
    count, sums = len(within), within.sum(1)
    total = 0.0
    for first in range(count):
        for second in range(first + 1, count):
            # sum of minima over sum of maxima: 1 for equal voices, also where both say "half"
            apart, both = (within[first] - within[second]).abs().sum(), sums[first] + sums[second]
            total += float((both - apart) / (both + apart)) if float(both) > 0 else 1.0
    pairs = count * (count - 1) // 2
    return total / pairs if pairs else 1.0


def mass_outside(probability: Tensor, inside: Tensor, threshold: float) -> float:
    """Return the share of the predicted pixels that lie outside of all boxes: of a missed box, or a false alarm."""
    predicted = probability >= threshold
    count = int(predicted.sum())
    return int((predicted & ~inside).sum()) / count if count else 0.0
