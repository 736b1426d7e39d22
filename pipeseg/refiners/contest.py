"""Which refiner suits a class, and whether any does: each candidate refines the hand-drawn val pictures, whose masks
are the truth, and is held against what the teachers say without knowing the boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeseg.data.description import NO_REFINER
from pipeseg.data.folder import Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.errors import BadInput
from pipeseg.refiners.base import FULL, NEUTRAL, BoxPicture, Calibration, Refined, Refiner, View
from pipeseg.refiners.source import HandPicture
from pipeseg.refiners.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Score:
    """Mean per-image IoU of refined masks with hand masks over `pictures` val pictures."""

    refiner: str
    iou: float
    pictures: int

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
            " args.least_gain: 0"
        )
    samples = list(judged)
    scores = []
    for label, refiner in candidates.items():
        # by place: threads end in any order, and a sum of floats depends on it
        overlaps = dict.fromkeys(samples, 0.0)
        judge = partial(_judge, refiner, calibrations.get(label, NEUTRAL), judged, overlaps)
        bench.refine(refiner, samples, judge, phase=f"trying {label}")
        scores.append(Score(label, float(np.mean(list(overlaps.values()))), len(samples)))
    return sorted(scores, key=lambda score: -score.iou)


def _judge(
    refiner: Refiner,
    calibration: Calibration,
    judged: Mapping[Sample, HandPicture],
    overlaps: dict[Sample, float],
    sample: Sample,
    picture: BoxPicture,
) -> None:
    """Put the IoU of one refined picture into `overlaps`."""
    refined, truth = refiner(picture, calibration).target >= DEFECT_LEVEL, judged[sample].truth
    overlaps[sample] = float((refined & truth).sum() / (refined | truth).sum())
