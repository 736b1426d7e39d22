"""What every refiner gets and gives back.

A refiner is called with a `BoxPicture` (and, where it asks for one, a `Calibration`) and returns a `Refined`: what the
picture's pixels are taken for, and how far each of them can be trusted.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from pipeseg.errors import BadInput

# rows and columns of one box within its picture; never empty
Place = tuple[slice, slice]
Flips = Literal["none", "horizontal", "dihedral", "auto"]
# a pipe has an up and a down, many other things have none: val tells
FLIPS_TO_TRY: tuple[Flips, ...] = ("horizontal", "dihedral")
FULL = 255


@dataclass(frozen=True, slots=True)
class CropTraining:
    """How teachers learn about boxes: optimizer steps, side of a crop in px (None: by the teachers' own size), rate."""

    steps: int
    size: int | None
    learning_rate: float


@dataclass(frozen=True, slots=True)
class View:
    """How the teachers look at a picture: `first` of them or `all`, and the test-time flips that are averaged.

    A refiner whose flips are `auto` is not used itself: it stands for one with each of `FLIPS_TO_TRY`.

    Attributes:
        crops: the teachers look at each box for itself, after they have learned to; None = at the whole picture.
    """

    teachers: Literal["first", "all"]
    flips: Flips
    crops: CropTraining | None = None


@dataclass(frozen=True, slots=True)
class BoxPicture:
    """A picture with boxes, at its native size.

    Attributes:
        inside: bool (H, W), the filled boxes.
        places: where each box lies; overlapping ones count each for itself.
        probability: float32 (H, W) in [0, 1], what the teachers say; None for a refiner without a `view`.
        image: uint8 RGB (H, W, 3); None for a refiner that does not look at it.
    """

    inside: np.ndarray
    places: tuple[Place, ...]
    probability: np.ndarray | None = None
    image: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What hand masks say about boxes of this class.

    Attributes:
        shift: added to the teachers' logits.
        lowest: fill of a box (share in [0, 1]) below which it is taken for false; 0 = no box is.
    """

    shift: float = 0.0
    lowest: float = 0.0


NEUTRAL = Calibration()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one box: the share of it that was found to be defect, and `kept`, `reset` or `ignored`."""

    fill: float
    decision: str


@dataclass(frozen=True, slots=True)
class Refined:
    """The label of one picture.

    Attributes:
        target: uint8 (H, W): 0 background, 255 defect, between = soft; 0 outside the boxes.
        weight: uint8 (H, W), how far each pixel counts in the loss, 255 = fully and outside the boxes; None = fully.
        verdicts: one per box.
    """

    target: np.ndarray
    weight: np.ndarray | None
    verdicts: tuple[Verdict, ...]


class Refiner:
    """Sharpens box masks.

    Attributes:
        view: how the teachers look at the pictures; None where none is needed.
        needs_image: looks at the picture itself.
        calibrates: wants the `shift` with which boxes are filled as hand masks fill theirs; `cut` is the probability
            from which it takes a pixel for defect.
        tunes: wants the `shift` with which val pictures are refined best.
        finds_false_boxes: wants `lowest`.
        least_gain: share of the teachers' error on val that masks have to take away, its own and those of the other
            candidates; below, they are not learned from. 0 = they always are.
    """

    view: View | None = None
    needs_image: bool = False
    calibrates: bool = False
    tunes: bool = False
    finds_false_boxes: bool = False
    cut: float = 0.5
    least_gain: float = 0.0
    name: ClassVar[str]

    def __call__(self, picture: BoxPicture, calibration: Calibration = NEUTRAL) -> Refined:
        raise NotImplementedError


def shifted(probability: np.ndarray, shift: float | np.ndarray) -> np.ndarray:
    """Add `shift` (of all, or (H, W)) to the logits of probabilities, without taking logarithms of 0."""
    if not np.any(shift):
        return probability
    odds = np.exp(shift, dtype=np.float32) * probability
    return odds / (odds + (1 - probability))


def in_bytes(share: np.ndarray) -> np.ndarray:
    """Return shares in [0, 1], float32 or bool, as uint8 of 255."""
    if share.dtype == bool:
        return share * np.uint8(FULL)
    return np.rint(np.float32(FULL) * share).astype(np.uint8)


def fill_of(mask: np.ndarray, inside: np.ndarray, place: Place) -> float:
    """Return which share of a box's filled pixels a mask (bool (H, W)) covers."""
    boxed = inside[place]
    return float((mask[place] & boxed).sum() / max(1, boxed.sum()))


def check_share(key: str, value: float, *, least: float = 0.0, most: float = 1.0) -> float:
    """Return `value`.

    Raises:
        BadInput: it is no number in [least, most].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadInput(f"refiner.args.{key}: must be a number from {least:g} to {most:g} (got {value!r})")
    return float(value)


def check_choice(key: str, value: str, choices: tuple[str, ...]) -> str:
    """Return `value`.

    Raises:
        BadInput: it is none of `choices`.
    """
    if value not in choices:
        raise BadInput(f"refiner.args.{key}: must be one of {', '.join(choices)} (got {value!r})")
    return value


def check_switch(key: str, value: bool) -> bool:
    """Return `value`.

    Raises:
        BadInput: it is neither true nor false.
    """
    if not isinstance(value, bool):
        raise BadInput(f"refiner.args.{key}: must be true or false (got {value!r})")
    return value
