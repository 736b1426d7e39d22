"""False boxes and wrong classes, told by what a person drew in the same picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeseg.data.audit.findings import SuspectBox
from pipeseg.data.boxes import Box, Labelled, fill_boxes
from pipeseg.data.pictures import picture_size
from pipeseg.data.regions import Region, rasterise

# a box with this share of its width and height over another class's drawing is that class's
COVERED = 0.3
# share of a class's boxes; beyond it, the class was not outlined rather than mistaken
MANY = 0.3
WRONG_CLASS = "wrong_class"


def content_suspects(
    images: Mapping[str, Path],
    boxes: Mapping[str, Sequence[Labelled]],
    regions: Mapping[str, Sequence[Region]],
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[SuspectBox]:
    """Return the boxes of hand-labelled pictures with nothing of their class inside.

    People often outline one class at a time. So a box is judged only where its class was looked for: where the picture
    has polygons of it elsewhere, or none at all, or where another class fills the box; and no box of a class is called
    wrong where that would be the fate of many of them.

    Args:
        images: picture files by name.
        boxes: class and box by picture name; those that cannot be right anyway are left out by the caller.
        regions: hand polygons by name of a hand-labelled picture; an empty list = looked at, nothing there.
    """
    suspects: list[SuspectBox] = []
    judged: Counter[str] = Counter()
    for done, (name, drawn) in enumerate(regions.items(), 1):
        found = boxes.get(name, ())
        judged.update(defect_class for defect_class, _ in found)
        reasons = _against_polygons(images[name], found, drawn)
        suspects += [SuspectBox(name, *box, reason) for box, reason in zip(found, reasons, strict=True) if reason]
        tick(done, len(regions))
    wrong = Counter(suspect.defect_class for suspect in suspects if suspect.kind == WRONG_CLASS)
    many = {name for name, count in wrong.items() if count > max(1, MANY * judged[name])}
    return [suspect for suspect in suspects if suspect.kind != WRONG_CLASS or suspect.defect_class not in many]


def _against_polygons(image: Path, boxes: Sequence[Labelled], regions: Sequence[Region]) -> list[str | None]:
    """Return for each box what a person's drawing says against it, None where it says nothing."""
    if not boxes:
        return []
    height, width = picture_size(image)
    drawn = {
        name: rasterise([region for region in regions if region.defect_class == name], height, width) > 0
        for name in {region.defect_class for region in regions}
    }
    answers: list[str | None] = []
    for defect_class, box in boxes:
        inside = fill_boxes([box], height, width)
        # polygons of a dataset with one class may name none
        own = [mask for name, mask in drawn.items() if name in (defect_class, None)]
        others = [name for name, mask in drawn.items() if name and name != defect_class and _covers(mask & inside, box)]
        if any((mask & inside).any() for mask in own):
            answers.append(None)
        elif others:
            answers.append(f"{WRONG_CLASS}: a person drew {' and '.join(sorted(others))} here, not {defect_class}")
        elif own or not drawn:
            answers.append(f"false: no hand-drawn region of {defect_class} lies inside")
        else:
            answers.append(None)
    return answers


def _covers(mask: np.ndarray, box: Box) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return False
    extent = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return extent >= COVERED * (box[2] - box[0]) * (box[3] - box[1])
