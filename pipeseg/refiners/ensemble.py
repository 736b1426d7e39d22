"""The teachers' mean probability inside the boxes, calibrated, with weights that say how sure it is."""

from typing import Literal

import numpy as np

from pipeseg.errors import BadInput
from pipeseg.refiners.base import (
    FLIPS_TO_TRY,
    FULL,
    NEUTRAL,
    BoxPicture,
    Calibration,
    Flips,
    Refined,
    Refiner,
    Verdict,
    View,
    check_choice,
    check_share,
    check_switch,
    fill_of,
    in_bytes,
    shifted,
)
from pipeseg.refiners.tightness import tight_shift

Weighting = Literal["confidence", "band", "none"]


class EnsembleRefiner(Refiner):
    """Mean probability of all teachers and their flips, times the box.

    Args:
        flips: what each teacher sees beside the picture: `none`, `horizontal` (left and right swapped: a pipe has an
            up and a down), `dihedral` (all 8 symmetries of the square; only the 4 mirrored ones where the network's
            input is not square), or `auto` (of these two, what suits the val pictures).
        calibrate: what is added to the logits: `fill` = so much that as much of the boxes is kept as hand masks fill of
            theirs (filling rate: Song et al. 2019, Box-driven Class-wise Region Masking), `val` = what makes the
            refined val pictures most like their hand masks, `none`. True and False are `fill` and `none`.
        tight: where a row or column well inside a box holds no defect, raise the box's logits until it does, by up to
            1; see `pipeseg.refiners.tightness`.
        target: `soft` probabilities, or `hard` 0/255 after one half.
        weight: `confidence` |2p - 1|, `band` (nothing between the two ends of `band` counts), or `none`.
        false_boxes: a box that is filled far less than hand masks fill theirs counts nothing: it may show no defect.
        reset_below: a box that keeps a smaller share than this is reset to the filled box (the rule of Khoreva et al.
            2017, Simple Does It, with 0.5); 0 = never.
        least_gain: share of the teachers' error (1 - IoU) on val that the masks have to take away to be learned from.
    """

    name = "ensemble"

    def __init__(
        self,
        flips: Flips = "horizontal",
        calibrate: Literal["fill", "val", "none"] | bool = "fill",
        tight: bool = False,
        target: Literal["soft", "hard"] = "soft",
        weight: Weighting = "confidence",
        band: tuple[float, float] = (0.3, 0.7),
        false_boxes: bool = True,
        reset_below: float = 0.0,
        least_gain: float = 0.0,
    ):
        check_choice("flips", flips, ("none", *FLIPS_TO_TRY, "auto"))
        self.view = View("all", flips)
        if isinstance(calibrate, bool):
            calibrate = "fill" if calibrate else "none"
        check_choice("calibrate", calibrate, ("fill", "val", "none"))
        self.calibrates, self.tunes = calibrate == "fill", calibrate == "val"
        self.tight = check_switch("tight", tight)
        self.finds_false_boxes = check_switch("false_boxes", false_boxes)
        self.is_soft = check_choice("target", target, ("soft", "hard")) == "soft"
        self.weight = check_choice("weight", weight, ("confidence", "band", "none"))
        self.reset_below = check_share("reset_below", reset_below)
        self.least_gain = check_share("least_gain", least_gain)
        if not isinstance(band, list | tuple) or len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
            raise BadInput(f"refiner.args.band: must be two rising numbers from 0 to 1 (got {band!r})")
        self.band = (float(band[0]), float(band[1]))

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        assert picture.probability is not None
        inside = picture.inside
        probability = shifted(picture.probability, calibration.shift)
        found = probability >= self.cut
        fills = [fill_of(found, inside, place) for place in picture.places]
        are_false = [self.finds_false_boxes and fill < calibration.lowest for fill in fills]
        if self.tight:
            believed = [place for place, is_false in zip(picture.places, are_false, strict=True) if not is_false]
            probability = shifted(probability, tight_shift(probability, believed, self.cut))
            found = probability >= self.cut
            fills = [fill_of(found, inside, place) for place in picture.places]
        verdicts = tuple(
            Verdict(fill, "ignored" if is_false else "reset" if fill < self.reset_below else "kept")
            for fill, is_false in zip(fills, are_false, strict=True)
        )
        level = probability if self.is_soft else found
        target = in_bytes(level) * inside
        weight = in_bytes(self._trust(probability)) | in_bytes(~inside)
        for decision in ("ignored", "reset"):
            self._settle(decision, picture, verdicts, target, weight)
        return Refined(target, None if (weight == FULL).all() else weight, verdicts)

    def _trust(self, probability: np.ndarray) -> np.ndarray:
        match self.weight:
            case "confidence":
                return np.abs(2 * probability - 1)
            case "band":
                low, high = self.band
                return (probability <= low) | (probability >= high)
        return np.ones_like(probability)

    @staticmethod
    def _settle(
        decision: str, picture: BoxPicture, verdicts: tuple[Verdict, ...], target: np.ndarray, weight: np.ndarray
    ) -> None:
        """Overwrite the boxes of a decision."""
        if all(verdict.decision != decision for verdict in verdicts):
            return
        chosen, others = np.zeros_like(picture.inside), np.zeros_like(picture.inside)
        for place, verdict in zip(picture.places, verdicts, strict=True):
            (chosen if verdict.decision == decision else others)[place] = True
        if decision == "ignored":
            # of two boxes over a pixel, the one that is believed speaks
            weight[chosen & picture.inside & ~others] = 0
        else:
            target[chosen & picture.inside] = weight[chosen & picture.inside] = FULL
