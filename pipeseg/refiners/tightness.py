"""What a detection box says of the defect inside it: it reaches from side to side.

People draw boxes round a defect, a little loosely. Every row and every column well inside a box therefore holds some of
the defect (the tightness prior: Lempitsky et al. 2009, "Image segmentation with a bounding box prior"; Hsu et al. 2019,
"Weakly supervised instance segmentation using the bounding box tightness prior").
"""

from collections.abc import Iterable

import numpy as np

from pipeseg.refiners.base import Place

# people draw each side of a box outside of the defect, by up to this share of the box's side
LOOSENESS = 0.15
# a box whose defect the teachers hardly see is not filled up: it takes a probability of 0.27 to one half
LARGEST_SHIFT = 1.0


def well_inside(length: int) -> slice:
    """Return which rows or columns of a box so many long or wide hold some of its defect."""
    loose = int(np.ceil(LOOSENESS * length))
    return slice(loose, length - loose)


def tight_shift(probability: np.ndarray, places: Iterable[Place], cut: float) -> np.ndarray:
    """Return what to add to the logits of each pixel, so that the defect reaches from side to side of its box.

    Args:
        probability: float32 (H, W) in [0, 1].
        places: the boxes; of two over a pixel, the larger shift counts.
        cut: probability from which a pixel is defect.

    Returns:
        float32 (H, W), from 0 to `LARGEST_SHIFT`; 0 outside of boxes.
    """
    shift = np.zeros(probability.shape, np.float32)
    for place in places:
        box = probability[place]
        rows, columns = (well_inside(side) for side in box.shape)
        least = min(box.max(1)[rows].min(initial=cut), box.max(0)[columns].min(initial=cut))
        # logit(cut) - logit(least)
        needed = np.log(cut / (1 - cut)) - np.log(max(least, 1e-7) / (1 - min(least, 1 - 1e-7)))
        np.maximum(shift[place], np.float32(min(max(needed, 0.0), LARGEST_SHIFT)), out=shift[place])
    return shift
