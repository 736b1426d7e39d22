"""Copies of one picture must carry the same labels: boxes are carried over through the copy's turn or flip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeseg.data.audit.boxes import iou
from pipeseg.data.audit.findings import Conflict
from pipeseg.data.boxes import Box, Labelled

if TYPE_CHECKING:
    from pipeseg.data.duplicates import Pair

Size = tuple[int, int]
SAME_BOX = 0.5
# of the picture's sides: as far the camera may have moved, or a crop have cut, between two near copies
SLACK = 0.08


def find_conflicts(
    pairs: Iterable[Pair], boxes: Mapping[str, Sequence[Labelled]], sizes: Mapping[str, Size]
) -> list[Conflict]:
    """Return the pairs of copies whose labels differ: another set of classes, or a box that the other one lacks.

    Args:
        boxes: of every labelled picture; an empty list means "labelled, nothing there".
        sizes: (width, height) of every readable picture.
    """
    found = []
    for pair in pairs:
        first, second = boxes.get(pair.first), boxes.get(pair.second)
        if first is None or second is None or pair.first not in sizes or pair.second not in sizes:
            continue
        left, right = {name for name, _ in first}, {name for name, _ in second}
        if left != right:
            reason = f"{_names(left)} here, {_names(right)} in its copy {pair.second}"
            found.append(Conflict(pair.first, pair.second, "classes", reason))
            continue
        carried = [(name, carry(box, pair.transform, sizes[pair.first], sizes[pair.second])) for name, box in first]
        width, height = sizes[pair.second]
        slack = (0.0, 0.0) if pair.kind == "exact" else (SLACK * width, SLACK * height)
        if lonely := unmatched(carried, second, slack):
            reason = f"{lonely} of {len(first) + len(second)} boxes have no counterpart in the copy {pair.second}"
            found.append(Conflict(pair.first, pair.second, "boxes", reason))
    return found


def rivals(
    pairs: Iterable[Pair], boxes: Mapping[str, Sequence[Labelled]], sizes: Mapping[str, Size]
) -> dict[tuple[str, str, Box], set[str]]:
    """Return for (picture, class, box) which other classes its copies have in the same place, where they have any.

    Args:
        boxes, sizes: as for `find_conflicts`; a picture without boxes takes no part.
    """
    found: dict[tuple[str, str, Box], set[str]] = {}
    for pair in pairs:
        if pair.first not in sizes or pair.second not in sizes:
            continue
        width, height = sizes[pair.second]
        slack = (0.0, 0.0) if pair.kind == "exact" else (SLACK * width, SLACK * height)
        for name, box in boxes.get(pair.first, ()):
            carried = carry(box, pair.transform, sizes[pair.first], sizes[pair.second])
            for other, place in boxes.get(pair.second, ()):
                if other != name and iou(_moved(carried, place, slack), place) >= SAME_BOX:
                    found.setdefault((pair.first, name, box), set()).add(other)
                    found.setdefault((pair.second, other, place), set()).add(name)
    return found


def carry(box: Box, transform: str, size: Size, new_size: Size) -> Box:
    """Return where `box` of a picture of `size` (width, height) lies in its copy of `new_size`.

    `transform` is what made the copy, e.g. `rotated_90` (counter-clockwise, as np.rot90) or `flipped_rotated_90`
    (left and right exchanged, then turned). Crops are not undone: the copy shows the whole picture, scaled.

    Raises:
        ValueError: a transform of another name.
    """
    (width, height), (new_width, new_height) = size, new_size
    x_min, y_min, x_max, y_max = box[0] / width, box[1] / height, box[2] / width, box[3] / height
    rest = transform
    if rest.startswith("flipped"):
        x_min, x_max = 1 - x_max, 1 - x_min
        rest = rest.removeprefix("flipped").removeprefix("_") or "same"
    match rest:
        case "same":
            pass
        case "rotated_90":
            x_min, y_min, x_max, y_max = y_min, 1 - x_max, y_max, 1 - x_min
        case "rotated_180":
            x_min, y_min, x_max, y_max = 1 - x_max, 1 - y_max, 1 - x_min, 1 - y_min
        case "rotated_270":
            x_min, y_min, x_max, y_max = 1 - y_max, x_min, 1 - y_min, x_max
        case _:
            raise ValueError(f"unknown transform {transform!r}")
    return x_min * new_width, y_min * new_height, x_max * new_width, y_max * new_height


def unmatched(first: Sequence[Labelled], second: Sequence[Labelled], slack: tuple[float, float] = (0.0, 0.0)) -> int:
    """Return how many boxes on either side have no partner of their class with IoU >= SAME_BOX, best pairs first.

    Args:
        slack: how far (x, y, pixels) a box may be moved towards its partner before they are compared.
    """
    scored = sorted(
        (
            (iou(_moved(box, other, slack), other), i, j)
            for i, (name, box) in enumerate(first)
            for j, (other_name, other) in enumerate(second)
            if name == other_name
        ),
        reverse=True,
    )
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    for overlap, i, j in scored:
        if overlap >= SAME_BOX and i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
    return len(first) + len(second) - len(taken_first) - len(taken_second)


def _moved(box: Box, other: Box, slack: tuple[float, float]) -> Box:
    """Return `box` moved towards the centre of `other`, by `slack` at most."""
    right = min(max((other[0] + other[2] - box[0] - box[2]) / 2, -slack[0]), slack[0])
    down = min(max((other[1] + other[3] - box[1] - box[3]) / 2, -slack[1]), slack[1])
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down


def _names(classes: set[str]) -> str:
    return ", ".join(sorted(classes)) or "nothing"
