"""Hand-drawn regions: polygons to masks, and masks back to polygons without losing a pixel."""

from dataclasses import dataclass

import cv2
import numpy as np

# sub-pixel bits of cv2.fillPoly: polygons drawn in a zoomed browser have fractional corners
SHIFT = 4
# corners of a drawn circle or ellipse: it strays by r / 1000
ELLIPSE_CORNERS = 72
# farther out no picture reaches, and cv2 counts pixels in 32 bits
FARTHEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Region:
    """One polygon, filled by the even-odd rule, its own outline included; a slit may join an outline and its holes.

    Attributes:
        points: float64 (N, 2), x and y in pixels, N >= 3; whole numbers are the centres of pixels.
        defect_class: from region_attributes, None where the file names none (a dataset of one class).
    """

    points: np.ndarray
    defect_class: str | None


def rasterise(regions: list[Region] | tuple[Region, ...], height: int, width: int) -> np.ndarray:
    """Return the union of the regions as uint8 (height, width), 0 or 255; parts outside the picture are cut off."""
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        # one call each: together they would be one even-odd figure, and overlaps would turn into holes
        corners = np.round(region.points.clip(-FARTHEST, FARTHEST) * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, shift=SHIFT)
    return mask


def ellipse_points(cx: float, cy: float, rx: float, ry: float, theta: float = 0.0) -> np.ndarray:
    """Return an ellipse as a polygon, float64 (ELLIPSE_CORNERS, 2); `theta` (radians) turns from x towards y."""
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_CORNERS, endpoint=False)
    x, y = rx * np.cos(angle), ry * np.sin(angle)
    return np.stack([cx + x * np.cos(theta) - y * np.sin(theta), cy + x * np.sin(theta) + y * np.cos(theta)], 1)


def polygons_of(mask: np.ndarray) -> list[np.ndarray]:
    """Return polygons (float64 (N, 2), N >= 3) of the non-zero pixels of a mask (H, W), one per 8-connected part.

    Nothing is lost: `rasterise` of them is the mask again. Holes are joined to their outline by slits that run over
    pixels of the part, so that one even-odd polygon holds them.
    """
    binary = (mask != 0).astype(np.uint8)
    outlines, tree = cv2.findContours(binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []
    contours = [outline.reshape(-1, 2) for outline in outlines]
    parents = tree.reshape(-1, 4)[:, 3].tolist()
    holes: dict[int, list[np.ndarray]] = {}
    for number, parent in enumerate(parents):
        if parent >= 0:
            holes.setdefault(parent, []).append(contours[number])
    # four neighbours: a part holds together over corners, so its background does not
    ground = cv2.connectedComponents(1 - binary, connectivity=4)[1] if holes else None
    return [
        _closed(_straightened(_joined(binary, ground, contour, holes[number]) if number in holes else contour))
        for number, (contour, parent) in enumerate(zip(contours, parents, strict=True))
        if parent < 0
    ]


def _joined(binary: np.ndarray, ground: np.ndarray, outline: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """Return an outline and its holes as one walk.

    From its leftmost pixel each hole looks left along the row, over pixels of the part, until the part ends: there
    lies the outline, or a hole that reaches farther left, so that the slits close no circle.
    """
    walks = [outline]
    number_of: dict[int, int] = {}
    for number, hole in enumerate(holes, 1):
        start = int(hole[:, 0].argmin())
        walks.append(np.concatenate([hole[start:], hole[:start]]))
        number_of[int(ground[hole[start, 1], hole[start, 0] + 1])] = number
    places: dict[int, dict[tuple[int, int], int]] = {}
    hung: dict[int, list[tuple[int, int]]] = {}
    for number, walk in enumerate(walks[1:], 1):
        x, y = walk[0].tolist()
        while x > 0 and binary[y, x - 1]:
            x -= 1
        on = number_of.get(int(ground[y, x - 1]), 0) if x > 0 else 0
        if on not in places:
            places[on] = {(px, py): index for index, (px, py) in enumerate(walks[on].tolist())}
        hung.setdefault(on, []).append((places[on][x, y], number))
    for children in hung.values():
        children.sort()
    pieces: list[np.ndarray] = []
    # a stack, not recursion: a grating has thousands of holes, each hung on the one before
    todo = [(0, 0, 0)]
    while todo:
        number, begin, turn = todo.pop()
        children, walk = hung.get(number, []), walks[number]
        if turn < len(children):
            at, child = children[turn]
            pieces.append(walk[begin : at + 1])
            todo += [(number, at, turn + 1), (child, 0, 0)]
        else:
            pieces += [walk[begin:], walk[:1]]
    return np.concatenate(pieces)


def _straightened(walk: np.ndarray) -> np.ndarray:
    """Drop the points between two equal steps: the same line is drawn without them."""
    if len(walk) < 3:
        return walk
    step = np.diff(walk, axis=0, append=walk[:1])
    before = np.roll(step, 1, axis=0)
    # lines in the eight directions only: cv2 draws others differently from corner to corner
    straight = (step == before).all(1) & (np.abs(step).max(1) == 1)
    kept = walk[~straight]
    return kept if len(kept) else walk


def _closed(walk: np.ndarray) -> np.ndarray:
    """A single pixel or a line is a polygon too: its first point is repeated until it has three."""
    walk = np.concatenate([walk, np.repeat(walk[:1], max(0, 3 - len(walk)), axis=0)])
    return walk.astype(np.float64)
