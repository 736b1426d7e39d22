"""Which refiner suits a class: each candidate refines the hand-drawn val pictures, whose masks are the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeseg.data.folder import Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.errors import BadInput
from pipeseg.refiners.base import BoxPicture, Calibration, Refiner
from pipeseg.refiners.source import HandPicture
from pipeseg.refiners.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Score:
    """Mean per-image IoU of refined masks with hand masks, inside the boxes, over `pictures` val pictures."""

    refiner: str
    iou: float
    pictures: int


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
        raise BadInput("refiner: auto: no val picture has a box with the defect in it; name a refiner")
    samples = list(judged)
    scores = []
    for label, refiner in candidates.items():
        # by place: threads end in any order, and a sum of floats depends on it
        overlaps = dict.fromkeys(samples, 0.0)
        judge = partial(_judge, refiner, calibrations[label], judged, overlaps)
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
    refined = refiner(picture, calibration).target >= DEFECT_LEVEL
    truth = judged[sample].truth & picture.inside
    overlaps[sample] = float((refined & truth).sum() / (refined | truth).sum())
