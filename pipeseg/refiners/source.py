"""What is refined: the pictures that nobody labelled by hand, and the boxes of every picture of a class."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeseg.data.boxes import Box, box_places, read_boxes
from pipeseg.data.folder import DatasetFolder, Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.data.names import same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_mask
from pipeseg.data.via import read_via
from pipeseg.errors import BadInput
from pipeseg.refiners.base import Place, fill_of
from pipeseg.refiners.calibration import EMPTY, FEWEST_TO_JUDGE, HandFills
from pipeseg.refiners.tightness import LOOSENESS

# pictures without the defect per box picture, as in the hand-drawn sets: without them nothing says what is no defect
CLEAN_SHARE = 0.25
# a part of a hand mask with fewer pixels gets no box of its own
SMALLEST_BOX = 16

Boxed = tuple[np.ndarray, tuple[Place, ...]]


@dataclass(frozen=True, slots=True)
class SourceBoxes:
    """The detection boxes of one class in a source.

    Attributes:
        listed: boxes by file name (Unicode form NFC); None where the source has no boxes.csv, and its own masks are
            the box masks of its one class.
        masks: mask files of the source by file name.
    """

    listed: dict[str, list[Box]] | None
    masks: dict[str, Path]

    @classmethod
    def open(cls, source: DatasetFolder, defect_class: str | None) -> "SourceBoxes":
        """Read `boxes.csv` where there is one.

        Raises:
            BadInput: boxes that cannot be read.
        """
        listed = None
        if (file := source.path / "boxes.csv").exists():
            listed = {same_form(name): boxes for name, boxes in read_boxes(file, defect_class).items()}
        return cls(listed, {same_form(sample.name): sample.mask for sample in source.samples})

    def has(self, name: str) -> bool:
        """Tell whether the source says where the defect is in a picture."""
        return same_form(name) in (self.masks if self.listed is None else self.listed)

    def boxes_of(self, name: str) -> list[Box]:
        """Return the listed boxes of a picture; none where the source's own masks are the boxes."""
        return (self.listed or {}).get(same_form(name), [])

    def of_sample(self, sample: Sample, shape: tuple[int, int]) -> Boxed:
        return self.of(sample.name, shape)

    def of(self, name: str, shape: tuple[int, ...]) -> Boxed:
        """Return (inside, places) of a picture of this shape; nothing inside where it has no box.

        Raises:
            BadInput: the source's mask cannot be read or has another size.
        """
        if self.listed is not None:
            places = box_places(self.boxes_of(name), *shape[:2])
            return filled(places, shape)
        if same_form(name) not in self.masks:
            return filled([], shape)
        file = self.masks[same_form(name)]
        mask = read_mask(file)
        if mask.shape != shape[:2]:
            raise BadInput(f"{file}: is {mask.shape[1]}x{mask.shape[0]}, its picture {shape[1]}x{shape[0]}")
        # boxes that touch make one figure: it is judged as one
        inside = mask >= DEFECT_LEVEL
        return inside, tuple(box_places(part_boxes(inside), *shape[:2]))


def filled(places: Iterable[Place], shape: tuple[int, ...]) -> Boxed:
    """Return (bool (H, W), places)."""
    inside, places = np.zeros(shape[:2], bool), tuple(places)
    for place in places:
        inside[place] = True
    return inside, places


def part_boxes(mask: np.ndarray, least: int = 1) -> list[Box]:
    """Return the bounding box of each 8-connected part of a bool mask that has `least` pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return [(x, y, x + width, y + height) for x, y, width, height, area in stats[1:].tolist() if area >= least]


def loosened_boxes(mask: np.ndarray, name: str) -> list[Place]:
    """Return boxes as a person might have drawn them round the parts of a hand mask; the same for each file name."""
    random = np.random.default_rng(zlib.crc32(same_form(name).encode()))
    return box_places([loosened(box, random) for box in part_boxes(mask, SMALLEST_BOX)], *mask.shape)


def loosened(box: Box, random: np.random.Generator) -> Box:
    """Move each side of a tight box outwards by up to `LOOSENESS` of the box's own; it may reach out of the picture."""
    x_min, y_min, x_max, y_max = box
    width, height = x_max - x_min, y_max - y_min
    left, top, right, bottom = random.uniform(0, LOOSENESS, 4) * (width, height, width, height)
    return x_min - left, y_min - top, x_max + right, y_max + bottom


@dataclass(frozen=True, slots=True)
class HandPicture:
    """A hand mask (bool (H, W)) with the boxes round it; `is_guessed` where they were made from the mask."""

    sample: Sample
    truth: np.ndarray
    boxed: Boxed
    is_guessed: bool


def hand_picture(sample: Sample, boxes: SourceBoxes) -> HandPicture:
    """Put a hand mask and its boxes together; where the source has none of a picture with the defect, they are guessed.

    Raises:
        BadInput: a mask that cannot be read.
    """
    truth = read_mask(sample.mask) >= DEFECT_LEVEL
    if boxes.has(sample.name) or not truth.any():
        return HandPicture(sample, truth, boxes.of(sample.name, truth.shape), False)
    return HandPicture(sample, truth, filled(loosened_boxes(truth, sample.name), truth.shape), True)


def hand_fills(samples: Iterable[Sample], boxes: SourceBoxes) -> HandFills:
    """Measure which share of their boxes the hand masks fill.

    Guessed boxes count only where there are hardly any of the source's own.

    Raises:
        BadInput: a mask that cannot be read.
    """
    own: list[float] = []
    guessed: list[float] = []
    for found in threaded(lambda sample: hand_picture(sample, boxes), samples):
        inside, places = found.boxed
        into = guessed if found.is_guessed else own
        into += [fill_of(found.truth, inside, place) for place in places]
    origin = "boxes of the source"
    if len(own) < FEWEST_TO_JUDGE and guessed:
        own, origin = own + guessed, "bounding boxes of the hand masks, loosened by up to 15 % a side"
    values = np.array(own, float)
    return HandFills(values[values > EMPTY], int((values <= EMPTY).sum()), origin)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pictures of the source that nobody labelled by hand.

    Attributes:
        boxed: those with boxes of the class.
        clean: some of those without.
    """

    boxed: tuple[Sample, ...]
    clean: tuple[Sample, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.boxed + self.clean


def choose_pictures(
    whole: DatasetFolder,
    boxes: SourceBoxes,
    defect_class: str | None,
    hand_sets: tuple[DatasetFolder, ...],
    seed: int,
) -> Chosen:
    """Choose the pictures to refine: not labelled by hand, no copy of a labelled one; plus a share without boxes.

    Raises:
        BadInput: no picture with boxes is left.
    """
    labels = whole.path / "labels.csv"
    labelled = {same_form(name) for name in read_via(labels)} if labels.exists() else set()
    # by name as well: a hand-made set may know nothing of the source's groups
    labelled |= {same_form(sample.name) for hand in hand_sets for sample in hand.samples}
    taken = {sample.group for hand in hand_sets for sample in hand.samples}
    taken |= {sample.group for sample in whole.samples if same_form(sample.name) in labelled}
    free = [sample for sample in whole.samples if sample.group not in taken]
    boxed = tuple(sample for sample in free if boxes.has(sample.name))
    if not boxed:
        raise BadInput(f"{whole.path}: no picture with a box of {defect_class!r} is left beside the hand-labelled ones")
    without = [sample for sample in free if not boxes.has(sample.name)]
    order = np.random.default_rng(seed).permutation(len(without))[: round(CLEAN_SHARE * len(boxed))]
    return Chosen(boxed, tuple(without[index] for index in sorted(order.tolist())))
