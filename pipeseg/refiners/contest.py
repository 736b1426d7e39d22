"""Which refiner suits a class, and whether any does: each candidate refines the hand-drawn val pictures, whose masks
are the truth, and is held against what the teachers say without knowing the boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pipeseg.data.description import NO_REFINER
from pipeseg.data.folder import Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.errors import BadInput
from pipeseg.refiners.base import FULL, NEUTRAL, BoxPicture, Calibration, Refined, Refiner, View
from pipeseg.refiners.source import HandPicture
from pipeseg.refiners.workbench import Workbench

# what a refiner that tunes its shift can choose from; 1.5 logits take a probability of 0.18 to one half
SHIFTS = tuple(np.arange(-1.5, 1.51, 0.25).tolist())
# of shifts whose IoU differs by less, the smallest is taken
ALIKE = 0.002
# with fewer pictures nothing is tuned: each would count too much
FEWEST_TO_TUNE = 4


@dataclass(frozen=True, slots=True)
class Score:
    """Mean per-image IoU of refined masks with hand masks over `pictures` val pictures.

    Attributes:
        shift: of the refiner's `Calibration`, the best one where it `tunes` it.
    """

    refiner: str
    iou: float
    pictures: int
    shift: float

    def gain(self, alone: "Score") -> float:
        """Return which share of the error of `alone` is gone, below 0 where there is more of it."""
        return (self.iou - alone.iou) / max(1 - alone.iou, 1e-6)


class Alone(Refiner):
    """What the teachers say of a whole picture without its boxes, one look each: what a baseline does."""

    name = NO_REFINER
    view = View("all", "none")

    def __init__(self, cut: float):
        self.cut = cut

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        assert picture.probability is not None
        return Refined(np.where(picture.probability >= self.cut, FULL, 0).astype(np.uint8), None, ())


def hold_contest(
    bench: Workbench,
    candidates: Mapping[str, Refiner],
    calibrations: Mapping[str, Calibration],
    hand: Sequence[HandPicture],
) -> list[Score]:
    """Score every candidate, best first; of equal ones the first named wins.

    Counted are pictures with a defect inside their boxes: of a false box there is no IoU. The teachers have not learned
    from these pictures, which only chose their checkpoints.

    Raises:
        BadInput: no val picture has a box with a defect in it.
    """
    judged = {found.sample: found for found in hand if (found.truth & found.boxed[0]).any()}
    if not judged:
        raise BadInput(
            "refiner: no val picture has a box with the defect in it, so nothing can be tried; name one refiner, with"
            " args: {flips: horizontal, calibrate: none, least_gain: 0}"
        )
    samples = list(judged)
    scores = []
    for label, refiner in candidates.items():
        known = calibrations.get(label, NEUTRAL)
        tunes = refiner.tunes and len(samples) >= FEWEST_TO_TUNE
        tried = [replace(known, shift=known.shift + shift) for shift in (SHIFTS if tunes else (0.0,))]
        # by place: threads end in any order, and a sum of floats depends on it
        overlaps: dict[Sample, list[float]] = {sample: [] for sample in samples}
        judge = partial(_judge, refiner, tried, judged, overlaps)
        bench.refine(refiner, samples, judge, phase=f"trying {label}")
        iou = np.mean(list(overlaps.values()), axis=0)
        best = min(np.flatnonzero(iou > iou.max() - ALIKE).tolist(), key=lambda index: abs(tried[index].shift))
        scores.append(Score(label, float(iou[best]), len(samples), tried[best].shift))
    return sorted(scores, key=lambda score: -score.iou)


def _judge(
    refiner: Refiner,
    calibrations: Sequence[Calibration],
    judged: Mapping[Sample, HandPicture],
    overlaps: dict[Sample, list[float]],
    sample: Sample,
    picture: BoxPicture,
) -> None:
    """Put the IoU of one picture, refined with each of `calibrations`, into `overlaps`."""
    truth = judged[sample].truth
    refined = [refiner(picture, calibration).target >= DEFECT_LEVEL for calibration in calibrations]
    overlaps[sample] = [float((mask & truth).sum() / (mask | truth).sum()) for mask in refined]
