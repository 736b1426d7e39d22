"""The two refiners of the original workshop's comparison: the filled box, and its published blend."""

import numpy as np

from pipeseg.errors import BadInput
from pipeseg.refiners.base import (
    FULL,
    NEUTRAL,
    BoxPicture,
    Calibration,
    Refined,
    Refiner,
    Verdict,
    View,
    check_switch,
    fill_of,
    in_bytes,
    shifted,
)


class BoxRefiner(Refiner):
    """The filled box as it is: what refinement has to beat."""

    name = "box"

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        return Refined(in_bytes(picture.inside), None, tuple(Verdict(1.0, "kept") for _ in picture.places))


class OriginalRefiner(Refiner):
    """The original workshop's blend, on probabilities: `box_weight` x box + `prediction_weight` x (p > threshold).

    One teacher, no flips, no weights: as published. Only `calibrate` differs from it, and is off.
    """

    name = "original"
    view = View("first", "none")

    def __init__(
        self,
        box_weight: float = 0.3,
        prediction_weight: float = 0.7,
        threshold: float = 0.75,
        calibrate: bool = False,
    ):
        if min(box_weight, prediction_weight) < 0 or not 0 < box_weight + prediction_weight <= 1:
            raise BadInput("refiner.args: box_weight and prediction_weight must not be negative, their sum in (0, 1]")
        if not 0 < threshold < 1:
            raise BadInput(f"refiner.args.threshold: must lie between 0 and 1 (got {threshold})")
        self.box_weight, self.prediction_weight, self.cut = box_weight, prediction_weight, threshold
        self.calibrates = check_switch("calibrate", calibrate)

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        assert picture.probability is not None
        found = shifted(picture.probability, calibration.shift) > self.cut
        levels = (self.box_weight, self.box_weight + self.prediction_weight)
        low, high = (np.uint8(round(FULL * level)) for level in levels)
        target = (found * (high - low) + low) * picture.inside
        return Refined(
            target, None, tuple(Verdict(fill_of(found, picture.inside, place), "kept") for place in picture.places)
        )
