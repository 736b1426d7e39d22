"""The folder that a person draws in: pictures, a VIA project with the predicted outlines, a table, a contact sheet."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeseg.data.build import building, link_or_copy
from pipeseg.data.export import ONLY_CLASS, Picture, write_via_project
from pipeseg.data.names import same_form
from pipeseg.data.pictures import picture_size
from pipeseg.data.regions import Region
from pipeseg.next_masks.folder import PROJECT, SHEET, TABLE
from pipeseg.next_masks.ranking import Ranked
from pipeseg.next_masks.sheet import draw_sheet

COLUMNS = (
    *("rank", "file", "group", "classes", "score", "uncertainty", "distance", "hand_distance"),
    *("expected_iou", "agreement", "outside", "boxes", "outlines"),
)


def write_project(out: Path, name: str, labels: Mapping[str, str], chosen: Sequence[Ranked]) -> None:
    """Write the folder, all of it or nothing; what was there is replaced.

    Args:
        name: of the project.
        labels: what people read for a class, by its key.

    Raises:
        BadInput: the folder cannot be written.
    """
    with building(out) as writer:
        (writer.folder / "masks").rmdir()
        for ranked in chosen:
            image = ranked.candidate.sample.image
            link_or_copy(image, writer.folder / "images" / same_form(image.name))
        # as VIA finds them when its via.html lies in this folder
        write_via_project(name, labels, map(_picture, chosen), writer.folder / PROJECT, images="images/")
        with (writer.folder / TABLE).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(row_of(ranked).values() for ranked in chosen)
        draw_sheet(chosen).save(writer.folder / SHEET)


def row_of(ranked: Ranked) -> dict[str, object]:
    """Return one row of the table by column."""
    candidate, pick = ranked.candidate, ranked.pick
    values = (
        *(ranked.rank, same_form(candidate.sample.name), candidate.sample.group),
        "+".join(name or ONLY_CLASS for name in candidate.boxes),
        *(round(value, 4) for value in (pick.score, candidate.uncertainty, pick.distance, ranked.hand_distance)),
        *(round(value, 4) for value in (candidate.expected_iou, candidate.agreement, candidate.outside)),
        *(sum(map(len, candidate.boxes.values())), len(candidate.outlines)),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _picture(ranked: Ranked) -> Picture:
    candidate = ranked.candidate
    image = candidate.sample.image
    boxes = tuple((name or ONLY_CLASS, box) for name, found in candidate.boxes.items() for box in found)
    regions = tuple(Region(region.points, region.defect_class or ONLY_CLASS) for region in candidate.outlines)
    return Picture(same_form(image.name), image, *picture_size(image), boxes, regions, suggested=True)
