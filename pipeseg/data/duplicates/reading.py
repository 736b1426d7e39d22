"""What the search remembers of a picture: a grey thumbnail and its features, read at the smallest size that will do."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeseg.data.duplicates.agreement import texture
from pipeseg.data.duplicates.dihedral import turn
from pipeseg.data.duplicates.hashing import features
from pipeseg.data.pictures import read_grey, read_image
from pipeseg.errors import BadInput

SIDE = 64
# A JPEG is decoded at 1/2, 1/4 or 1/8, as long as both sides keep this many pixels: four times as fast.
DRAFT_SIDE = 2 * SIDE
# Straight bars along the border, black up to this level but for a caption, are cut off as long as this share of each
# side is left: a picture that was fitted into another format is compared by what it shows. An edge may be so wide.
BAR_LEVEL, LEAST_LEFT, EDGE = 20, 0.1, 2
# width of the blur before the reduction, in pixels of the thumbnail
SMOOTH = 0.5
# blocks of the thumbnail with texture; with fewer there is nothing to compare, and only equal pixels make a duplicate
LEAST_BLOCKS = 6
# 4352 bytes of a picture that the search keeps, in a file
RECORD = np.dtype([("thumbnail", np.uint8, (SIDE, SIDE)), ("features", np.float16, (2, 64))])


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like.

    Attributes:
        thumbnail: uint8 (SIDE, SIDE), grey, without black bars, stretched to a square.
        features: float16 (2, 64), see `hashing.features`.
        key: the same for two pictures whose thumbnails are equal under one of the eight transforms; of a picture
            without texture: the same for two whose full pixels are.
        canonical: the transform that leads to what the key was taken of.
        flat: without texture.
    """

    thumbnail: np.ndarray
    features: np.ndarray
    key: bytes
    canonical: int
    flat: bool


def look_at(path: Path) -> Look | str:
    """Return what the picture looks like, or the sentence that says why it cannot be read."""
    try:
        thumbnail = _thumbnail(_without_bars(read_grey(path, DRAFT_SIDE)))
        flat = bool(texture(thumbnail).sum() < LEAST_BLOCKS)
        key, canonical = _key(read_image(path) if flat else thumbnail)
    except BadInput as error:
        return str(error)
    return Look(thumbnail, features(thumbnail), key, canonical, flat)


def pixel_digest(path: Path, transform: int) -> bytes:
    """Return a digest of the decoded pixels under a transform: equal for equal pictures, whatever the file format.

    Raises:
        BadInput: as `read_image`.
    """
    return _digest(turn(read_image(path), transform))


def _digest(pixels: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()


def _key(pixels: np.ndarray) -> tuple[bytes, int]:
    """Return the smallest digest of the eight transforms, and which one it is of."""
    if (pixels == pixels[0, 0]).all():  # one colour, such as all black: the turns differ in their shape at most
        return min((_digest(turn(pixels, transform)), transform) for transform in range(2))
    return min((_digest(turn(pixels, transform)), transform) for transform in range(8))


def _thumbnail(grey: np.ndarray) -> np.ndarray:
    # averaging alone leaves a moire of fine corrugation, which changes with the smallest crop
    height, width = (SMOOTH * side / SIDE for side in grey.shape)
    smooth = cv2.GaussianBlur(grey, (0, 0), sigmaX=width, sigmaY=height, borderType=cv2.BORDER_REFLECT)
    return cv2.resize(smooth, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _without_bars(grey: np.ndarray) -> np.ndarray:
    # at one size, so that it does not matter at which the picture was decoded
    bright = cv2.resize(grey, (DRAFT_SIDE, DRAFT_SIDE), interpolation=cv2.INTER_AREA) > BAR_LEVEL
    spans = [_span(bright.mean(1)), _span(bright.mean(0))]
    if not all(spans):
        return grey
    (top, bottom), (left, right) = (
        (round(begin * side / DRAFT_SIDE), round(end * side / DRAFT_SIDE))
        for (begin, end), side in zip(spans, grey.shape, strict=True)
    )
    return grey[top:bottom, left:right]


def _span(shares: np.ndarray) -> tuple[int, int] | None:
    """Return where the picture begins and ends between two bars, or None where it is not a picture between bars.

    Args:
        shares: of the pixels of each row, or column, those that are not black.
    """
    # a caption on a bar is narrower than the picture
    inside = np.flatnonzero(2 * shares >= shares.max())
    begin, end = int(inside[0]), int(inside[-1]) + 1
    before = shares[max(begin - EDGE, 0)] if begin else 0.0
    after = shares[min(end + EDGE, len(shares)) - 1] if end < len(shares) else 0.0
    # the bars of a picture that was turned by some degrees are wedges: where they end says little
    if 4 * max(before, after) >= shares.max() or end - begin < LEAST_LEFT * len(shares):
        return None
    return begin, end
