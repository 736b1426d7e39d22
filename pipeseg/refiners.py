"""Refiners sharpen a box mask with a model's probability; which one is a choice in the config of a refine run.

A refiner is called with `probability` float32 (H, W) in [0, 1] and `inside` bool (H, W), the filled boxes, both at the
picture's native size, and returns uint8 (H, W): 0 background, 255 defect, between = soft; 0 outside the boxes.
"""

import numpy as np

from pipeseg.errors import BadInput


class OriginalRefiner:
    """The original workshop's blend, on probabilities: `box_weight` x box + `prediction_weight` x (p > threshold)."""

    def __init__(self, box_weight: float = 0.3, prediction_weight: float = 0.7, threshold: float = 0.75):
        if min(box_weight, prediction_weight) < 0 or not 0 < box_weight + prediction_weight <= 1:
            raise BadInput("refiner.args: box_weight and prediction_weight must not be negative, their sum in (0, 1]")
        if not 0 < threshold < 1:
            raise BadInput(f"refiner.args.threshold: must lie between 0 and 1 (got {threshold})")
        self.box_weight, self.prediction_weight, self.threshold = box_weight, prediction_weight, threshold

    def __call__(self, probability: np.ndarray, inside: np.ndarray) -> np.ndarray:
        blend = self.box_weight + self.prediction_weight * (probability > self.threshold)
        return np.where(inside, np.round(255 * blend), 0).astype(np.uint8)


class BoxRefiner:
    """The filled box as it is: what refinement has to beat."""

    def __call__(self, probability: np.ndarray, inside: np.ndarray) -> np.ndarray:
        return np.where(inside, 255, 0).astype(np.uint8)
