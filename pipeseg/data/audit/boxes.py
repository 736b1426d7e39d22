"""Boxes that cannot be right, from their numbers alone: no picture is looked at here."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import median

from pipeseg.data.audit.findings import Note, SuspectBox
from pipeseg.data.boxes import Box, Labelled

# a side below this shows nothing that a person could have meant
SMALLEST_SIDE = 3
WHOLE_PICTURE = 0.95
# rings and banks of sediment fill the frame honestly: where this share of a class covers more than LARGE of its
# pictures, a box around the whole picture proves nothing
LARGE, LARGE_SHARE = 0.6, 0.1
SAME_PLACE = 0.9
# a hurried hand leaves the picture by a few pixels; more than this share of the box outside is a mistake
OUTSIDE_SHARE = 0.2
EXTREME_ASPECT = 12
# of the logarithm of the area, in robust standard deviations (Iglewicz & Hoaglin 1993 call 3.5 an outlier; that many
# honest boxes of a frayed class lie beyond it)
OUTLIER = 5.0
FEWEST_FOR_OUTLIERS = 20


def check_boxes(
    file: str, boxes: Sequence[Labelled], width: int, height: int, large: Collection[str] = ()
) -> tuple[list[SuspectBox], list[Note]]:
    """Return the suspects and notes among the boxes of one picture of `width` x `height` pixels.

    A box gets one reason, the first that applies; of two boxes in one place the later is the suspect.

    Args:
        large: classes that fill whole pictures now and then, see `large_classes`.
    """
    suspects: list[SuspectBox] = []
    notes: list[Note] = []
    sound: list[Labelled] = []
    for defect_class, box in boxes:
        if fault := _fault(box, width, height):
            suspects.append(SuspectBox(file, defect_class, box, fault))
            continue
        if (share := _share(box, width, height)) >= WHOLE_PICTURE:
            reason = f"the box covers {share:.0%} of the picture"
            if defect_class not in large:
                suspects.append(SuspectBox(file, defect_class, box, f"whole: {reason}"))
                continue
            notes.append(Note(file, "whole", f"{reason}, as {defect_class} may"))
        twin = next(((name, other) for name, other in sound if iou(other, box) > SAME_PLACE), None)
        if twin and twin[0] == defect_class:
            reason = f"twice: the same {defect_class} box is drawn a second time"
            suspects.append(SuspectBox(file, defect_class, box, reason))
            continue
        if twin:
            reason = f"one place is labelled {twin[0]} and {defect_class}: {_text(box)}"
            notes.append(Note(file, "two_classes", reason))
        sound.append((defect_class, box))
        long, short = max(_sides(box)), min(_sides(box))
        if long > EXTREME_ASPECT * short:
            notes.append(
                Note(file, "aspect", f"a {defect_class} box is {long / short:.0f} times as long: {_text(box)}")
            )
    return suspects, notes


def _fault(box: Box, width: int, height: int) -> str | None:
    if not all(map(math.isfinite, box)):
        return "outside: a corner is no finite number"
    box_width, box_height = _sides(box)
    if box_width <= 0 or box_height <= 0:
        return f"tiny: the box has no area ({_text(box)})"
    inside_width = min(box[2], width) - max(box[0], 0)
    inside_height = min(box[3], height) - max(box[1], 0)
    if inside_width <= 0 or inside_height <= 0:
        return f"outside: the box lies outside the picture of {width}x{height} ({_text(box)})"
    if (share := 1 - inside_width * inside_height / (box_width * box_height)) > OUTSIDE_SHARE:
        return f"outside: {share:.0%} of the box lie outside the picture of {width}x{height} ({_text(box)})"
    if min(inside_width, inside_height) < SMALLEST_SIDE:
        return f"tiny: a side is shorter than {SMALLEST_SIDE} pixels ({_text(box)})"
    return None


def large_classes(boxes: Mapping[str, Sequence[Labelled]], sizes: Mapping[str, tuple[int, int]]) -> set[str]:
    """Return the classes that cover most of a picture often enough for a box around all of it to be believed.

    Args:
        sizes: (width, height) of the pictures; those of other pictures are not counted.
    """
    shares: dict[str, list[float]] = {}
    for file, (width, height) in sizes.items():
        for defect_class, box in boxes.get(file, ()):
            shares.setdefault(defect_class, []).append(_share(box, width, height))
    # boxes around everything are what is in question: they are no evidence
    many = {name: sum(LARGE <= share < WHOLE_PICTURE for share in found) for name, found in shares.items()}
    return {name for name, count in many.items() if count > 1 and count >= LARGE_SHARE * len(shares[name])}


def _share(box: Box, width: int, height: int) -> float:
    inside_width = min(box[2], width) - max(box[0], 0)
    inside_height = min(box[3], height) - max(box[1], 0)
    return max(0.0, inside_width) * max(0.0, inside_height) / (width * height)


def size_outliers(boxes: Mapping[str, Sequence[Labelled]]) -> list[Note]:
    """Return a note for every box whose area is far from that of its class; a class of few boxes has no usual size."""
    areas: dict[str, list[tuple[float, str, Box]]] = {}
    for file, found in boxes.items():
        for defect_class, box in found:
            width, height = _sides(box)
            if width > 0 and height > 0:
                areas.setdefault(defect_class, []).append((math.log(width * height), file, box))
    notes = []
    for defect_class, entries in sorted(areas.items()):
        if len(entries) < FEWEST_FOR_OUTLIERS:
            continue
        centre = median(area for area, _, _ in entries)
        # 1.4826 makes the median deviation an estimate of the standard deviation of a normal distribution
        spread = 1.4826 * median(abs(area - centre) for area, _, _ in entries)
        for area, file, box in entries:
            if spread > 0 and abs(area - centre) > OUTLIER * spread:
                size = "large" if area > centre else "small"
                notes.append(Note(file, "size", f"an unusually {size} {defect_class} box: {_text(box)}"))
    return sorted(notes, key=lambda note: note.file)


def iou(first: Box, second: Box) -> float:
    """Return intersection over union of two boxes, 0 where one of them has no area."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    inter = width * height
    return inter / (math.prod(_sides(first)) + math.prod(_sides(second)) - inter)


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _text(box: Box) -> str:
    return " ".join(f"{corner:g}" for corner in box)
