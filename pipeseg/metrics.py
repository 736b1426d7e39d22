"""How well a prediction covers the truth: counted per picture, averaged over pictures.

Probabilities and binary masks go through one definition: the overlap of p and t is sum(min(p, t)), so that p = t scores
1 for soft values too. IoU, Dice, precision and recall are taken over pictures whose truth holds the class; pictures
without it speak through `specificity` and `false_alarms`. Dice is counted per picture, never derived from a mean IoU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

COLUMNS = ("true_positive", "false_positive", "false_negative", "true_negative")


def count_overlap(prediction: Tensor, truth: Tensor) -> Tensor:
    """Count one picture.

    Args:
        prediction, truth: (H, W) in [0, 1], probabilities or 0/1.

    Returns:
        float64 (4,) in the order of `COLUMNS`, in pixels, on the same device: nothing waits for it here.
    """
    # float64: a 100-megapixel sum loses whole pixels in float32
    both = torch.minimum(prediction, truth).sum(dtype=torch.float64)
    predicted, true = prediction.sum(dtype=torch.float64), truth.sum(dtype=torch.float64)
    return torch.stack([both, predicted - both, true - both, truth.numel() - predicted - true + both])


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of every picture of a set.

    Attributes:
        counts: float64 (N, 4), columns as in `COLUMNS`, pixels.
        alarms: bool (N,): some pixel of the picture reaches the threshold.
    """

    counts: np.ndarray
    alarms: np.ndarray

    @property
    def has_defect(self) -> np.ndarray:
        """bool (N,): the truth of the picture holds the class."""
        return self.truth > 0

    @property
    def truth(self) -> np.ndarray:
        return self.counts[:, 0] + self.counts[:, 2]

    @property
    def predicted(self) -> np.ndarray:
        return self.counts[:, 0] + self.counts[:, 1]

    @property
    def union(self) -> np.ndarray:
        return self.counts[:, :3].sum(1)

    def per_image(self) -> dict[str, np.ndarray]:
        """Return float64 (N,) per metric; NaN where it says nothing: pictures without defect, but for specificity."""
        both, false_positive, _, true_negative = self.counts.T
        defect = self.has_defect
        return {
            "iou": _ratio(both, self.union, defect),
            "dice": _ratio(2 * both, self.predicted + self.truth, defect),
            # a missed defect has no false pixel, but finding nothing is not precision
            "precision": np.where(defect & (self.predicted == 0), 0.0, _ratio(both, self.predicted, defect)),
            "recall": _ratio(both, self.truth, defect),
            "specificity": _ratio(true_negative, true_negative + false_positive, np.ones_like(defect)),
        }

    def summary(self) -> dict[str, float]:
        """Return the means over pictures, plus `iou_dataset` and `false_alarms`; NaN where no picture counts.

        `iou_dataset` is the sum of intersections over the sum of unions; `false_alarms` is the share of pictures
        without defect where any pixel reaches the threshold, whether the other scores are soft or not.
        """
        values = {name: _mean(column) for name, column in self.per_image().items()}
        union = self.union.sum()
        values["iou_dataset"] = float(self.counts[:, 0].sum() / union) if union > 0 else float("nan")
        values["false_alarms"] = _mean(self.alarms[~self.has_defect].astype(float))
        return values


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=where & (below > 0))


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
