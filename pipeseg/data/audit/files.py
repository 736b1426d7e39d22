"""The files of a dataset, each decoded to its last byte: what cannot be read, and what is unusual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.audit.findings import Note
from pipeseg.data.boxes import Box, fill_boxes
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import check_picture, picture_size, read_mask
from pipeseg.errors import BadInput

ORIENTATION = 0x0112  # EXIF
UPRIGHT = 1
# of the defect pixels of a mask that may lie outside the boxes before the two disagree
OUTSIDE_BOXES = 0.1
DEFECT_LEVEL = 128
# a size is the dataset's own when this share of the pictures has it
MAIN_SIZE = 0.5


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one picture and its mask say of themselves.

    Attributes:
        size: (width, height); None for a picture that cannot be read.
        problem: why it cannot.
    """

    name: str
    size: tuple[int, int] | None
    problem: str | None
    notes: tuple[Note, ...]


def check_files(
    images: Mapping[str, Path],
    masks: Mapping[str, Path],
    boxes: Mapping[str, Sequence[tuple[str, Box]]],
    *,
    workers: int | None,
    tick: Callable[[int, int], None],
) -> Iterator[FileFacts]:
    """Decode every picture, and its mask where it has one, on all cores; results come in the order of `images`.

    Args:
        images: files by the name of the picture.
        masks: box masks by the name of the picture.
        boxes: boxes by the name of the picture; a picture that is not listed is not compared with its mask.
    """

    def check(name: str) -> FileFacts:
        return _check(name, images[name], masks.get(name), boxes.get(name))

    for done, facts in enumerate(threaded(check, images, workers), 1):
        yield facts
        tick(done, len(images))


def _check(name: str, image: Path, mask: Path | None, boxes: Sequence[tuple[str, Box]] | None) -> FileFacts:
    try:
        height, width = picture_size(image)
        check_picture(image)
    except BadInput as error:
        return FileFacts(name, None, _without_path(error, image), ())
    notes = [Note(name, kind, reason) for kind, reason in _unusual(image)]
    if mask is not None:
        notes += [Note(name, kind, reason) for kind, reason in _check_mask(mask, width, height, boxes)]
    return FileFacts(name, (width, height), None, tuple(notes))


def _unusual(image: Path) -> Iterator[tuple[str, str]]:
    from PIL import Image

    with Image.open(image) as picture:
        if picture.mode not in ("RGB", "L", "P", "1"):
            yield "mode", f"stored as {picture.mode}; it is read as 8-bit RGB"
        turn = picture.getexif().get(ORIENTATION, UPRIGHT)
        if turn != UPRIGHT:
            yield "exif", f"EXIF orientation {turn}: viewers turn this picture; labels must be meant for what they show"
        if getattr(picture, "n_frames", 1) > 1:
            yield "frames", f"holds {picture.n_frames} frames; only the first is read"


def _check_mask(
    path: Path, width: int, height: int, boxes: Sequence[tuple[str, Box]] | None
) -> Iterator[tuple[str, str]]:
    try:
        mask = read_mask(path)
    except BadInput as error:
        yield "mask_unreadable", _without_path(error, path)
        return
    if mask.shape != (height, width):
        yield "mask_size", f"its mask is {mask.shape[1]}x{mask.shape[0]}, the picture {width}x{height}"
        return
    if boxes is None:
        return
    drawn = mask >= DEFECT_LEVEL
    inside = fill_boxes([box for _, box in boxes if all(map(np.isfinite, box))], height, width)
    if not drawn.any():
        if inside.any():
            yield "mask_empty", "its mask is empty, its boxes are not"
    elif (outside := float((drawn & ~inside).sum() / drawn.sum())) > OUTSIDE_BOXES:
        yield "mask_boxes", f"{outside:.0%} of its mask lie outside its boxes"


def odd_sizes(sizes: Mapping[str, tuple[int, int]]) -> list[Note]:
    """Return a note for every picture that has not the size of most; a dataset of mixed sizes has no odd one."""
    counts = Counter(sizes.values())
    if len(counts) < 2:
        return []
    (width, height), most = counts.most_common(1)[0]
    if most <= MAIN_SIZE * len(sizes):
        return [Note("", "sizes", f"{len(counts)} sizes, none of them that of most pictures")]
    return [
        Note(name, "size_of_picture", f"{size[0]}x{size[1]}, where most pictures are {width}x{height}")
        for name, size in sorted(sizes.items())
        if size != (width, height)
    ]


def _without_path(error: BadInput, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")
