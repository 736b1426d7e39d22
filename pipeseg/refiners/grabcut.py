"""GrabCut in every box: colours inside against colours around (Rother et al. 2004); needs no teacher."""

import cv2
import numpy as np

from pipeseg.errors import BadInput
from pipeseg.refiners.base import FULL, NEUTRAL, BoxPicture, Calibration, Place, Refined, Refiner, Verdict, check_share

# the mixture of each side has five Gaussians, which need as many pixels to begin with
FEWEST_PIXELS = 5


class GrabCutRefiner(Refiner):
    """Each box is cut out with `context` of its sides around it; what is not surely outside may be defect.

    A box that keeps less than `least` of itself is reset: there is nothing to tell defect and surroundings apart.
    Crops with a side above `max_side` pixels are cut at that size, because the time grows faster than the pixels.
    """

    name = "grabcut"
    needs_image = True

    def __init__(self, context: float = 0.5, iterations: int = 5, least: float = 0.1, max_side: int = 320):
        self.context = check_share("context", context, least=0.05, most=5)
        self.least = check_share("least", least)
        for key, value in (("iterations", iterations), ("max_side", max_side)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInput(f"refiner.args.{key}: must be a whole number from 1 (got {value!r})")
        self.iterations, self.max_side = iterations, max_side

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        assert picture.image is not None
        defect = np.zeros(picture.inside.shape, bool)
        verdicts = []
        for place in picture.places:
            found = self._cut(picture.image, place) & picture.inside[place]
            fill = float(found.sum() / max(1, picture.inside[place].sum()))
            is_reset = fill < self.least
            defect[place] |= picture.inside[place] if is_reset else found
            verdicts.append(Verdict(fill, "reset" if is_reset else "kept"))
        return Refined(np.where(defect, FULL, 0).astype(np.uint8), None, tuple(verdicts))

    def _cut(self, image: np.ndarray, place: Place) -> np.ndarray:
        """Return what is defect in one box, bool of the box's size; nothing where there are no surroundings."""
        rows, columns = (self._widen(part, side) for part, side in zip(place, image.shape[:2], strict=True))
        crop = np.ascontiguousarray(image[rows, columns])
        top, left = place[0].start - rows.start, place[1].start - columns.start
        height, width = place[0].stop - place[0].start, place[1].stop - place[1].start
        labels = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
        labels[top : top + height, left : left + width] = cv2.GC_PR_FGD
        scale = self.max_side / max(labels.shape)
        if scale < 1:
            size = tuple(max(1, round(side * scale)) for side in labels.shape[::-1])
            crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
            small = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
        else:
            small = labels
        possible = int((small == cv2.GC_PR_FGD).sum())
        if min(possible, small.size - possible) < FEWEST_PIXELS:
            return np.zeros((height, width), bool)
        # its own k-means draws: the same in every thread and run
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(crop, small, None, *models, self.iterations, cv2.GC_INIT_WITH_MASK)
        found = (small & 1).astype(np.uint8)  # GC_FGD and GC_PR_FGD are odd
        if scale < 1:
            found = cv2.resize(found, labels.shape[::-1], interpolation=cv2.INTER_NEAREST)
        return found[top : top + height, left : left + width] > 0

    def _widen(self, part: slice, side: int) -> slice:
        margin = round(self.context * (part.stop - part.start))
        return slice(max(0, part.start - margin), min(side, part.stop + margin))
