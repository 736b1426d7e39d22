"""False boxes and wrong classes, told by what a person drew in the same picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.audit.findings import FALSE, WRONG_CLASS, SuspectBox
from pipeseg.data.boxes import Box, Labelled, fill_boxes
from pipeseg.data.pictures import picture_size
from pipeseg.data.regions import Region, rasterise

# a box with this share of its width and height over another class's drawing is that class's
COVERED = 0.3
# share of a class's boxes; beyond it, the class was not outlined rather than mistaken
MANY = 0.3
# boxes of a class with a drawing of it, in pictures where another class is drawn as well: as many show that whoever
# draws there draws this class too
FEWEST_BACKED = 3
BACKED, SILENT, AGAINST = "backed", "silent", "against"


@dataclass(frozen=True, slots=True)
class PolygonFindings:
    """What hand polygons say about boxes.

    Attributes:
        backed: (picture, class, box) of the boxes with a region of their class inside.
    """

    suspects: tuple[SuspectBox, ...]
    backed: frozenset[tuple[str, str, Box]]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`said` is BACKED, SILENT (no region of the class in the picture, nothing else in the box) or AGAINST."""

    file: str
    labelled: Labelled
    said: str
    reason: str
    beside_others: bool


def judge_by_polygons(
    images: Mapping[str, Path],
    boxes: Mapping[str, Sequence[Labelled]],
    regions: Mapping[str, Sequence[Region]],
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> PolygonFindings:
    """Find the boxes of hand-labelled pictures with nothing of their class inside.

    People often outline one class at a time. So a box is judged only where its class was looked for: where the picture
    has polygons of it elsewhere, or none at all, or where another class fills the box, or where the other pictures
    show that the class is outlined beside others; and no box of a class is called wrong where that would be the fate
    of many of them.

    Args:
        images: picture files by name.
        boxes: class and box by picture name; those that cannot be right anyway are left out by the caller.
        regions: hand polygons by name of a hand-labelled picture; an empty list = looked at, nothing there.
    """
    verdicts: list[_Verdict] = []
    for done, (name, drawn) in enumerate(regions.items(), 1):
        verdicts += _against_polygons(name, images[name], boxes.get(name, ()), drawn)
        tick(done, len(regions))
    outlined = _outlined_beside_others(verdicts)
    suspects = [
        SuspectBox(one.file, *one.labelled, one.reason)
        for one in verdicts
        if one.said == AGAINST or (one.said == SILENT and one.labelled[0] in outlined)
    ]
    judged = Counter(one.labelled[0] for one in verdicts)
    wrong = Counter(suspect.defect_class for suspect in suspects if suspect.kind == WRONG_CLASS)
    many = {name for name, count in wrong.items() if count > max(1, MANY * judged[name])}
    return PolygonFindings(
        tuple(suspect for suspect in suspects if suspect.kind != WRONG_CLASS or suspect.defect_class not in many),
        frozenset((one.file, *one.labelled) for one in verdicts if one.said == BACKED),
    )


def _outlined_beside_others(verdicts: Sequence[_Verdict]) -> set[str]:
    """Return the classes that are drawn also where another class is: there, a box without a drawing is a mistake."""
    backed = Counter(one.labelled[0] for one in verdicts if one.said == BACKED and one.beside_others)
    silent = Counter(one.labelled[0] for one in verdicts if one.said == SILENT)
    return {name for name, count in backed.items() if count >= max(FEWEST_BACKED, silent[name])}


def _against_polygons(file: str, image: Path, boxes: Sequence[Labelled], regions: Sequence[Region]) -> list[_Verdict]:
    if not boxes:
        return []
    height, width = picture_size(image)
    drawn = {
        name: rasterise([region for region in regions if region.defect_class == name], height, width) > 0
        for name in {region.defect_class for region in regions}
    }
    verdicts: list[_Verdict] = []
    for defect_class, box in boxes:
        inside = fill_boxes([box], height, width)
        # polygons of a dataset with one class may name none
        own = [mask for name, mask in drawn.items() if name in (defect_class, None)]
        others = [name for name, mask in drawn.items() if name and name != defect_class and _covers(mask & inside, box)]
        nothing = f"{FALSE}: no hand-drawn region of {defect_class} lies inside"
        if any((mask & inside).any() for mask in own):
            said, reason = BACKED, ""
        elif others:
            said = AGAINST
            reason = f"{WRONG_CLASS}: a person drew {' and '.join(sorted(others))} here, not {defect_class}"
        elif own or not drawn:
            said, reason = AGAINST, nothing
        else:
            said, reason = SILENT, nothing
        beside_others = any(name not in (defect_class, None) for name in drawn)
        verdicts.append(_Verdict(file, (defect_class, box), said, reason, beside_others))
    return verdicts


def _covers(mask: np.ndarray, box: Box) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return False
    extent = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    return extent >= COVERED * (box[2] - box[0]) * (box[3] - box[1])
