"""What a refine run leaves in `results/`: every box with its verdict, the refiners' scores, pictures to look at."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.folder import Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.data.pictures import read_image, write_png
from pipeseg.refiners.base import BoxPicture, Refined
from pipeseg.refiners.contest import Score
from pipeseg.run_directory import write_atomically
from pipeseg.training.results import PREDICTION_COLOUR, TRUTH_COLOUR, outline

COLUMNS = ("file", "x_min", "y_min", "x_max", "y_max", "fill", "decision")
# pictures to look at
EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One box of one picture; `fill` is the share of it that was found to be defect, [0, 1]."""

    file: str
    x_min: int
    y_min: int
    x_max: int
    y_max: int
    fill: float
    decision: str


def box_rows(sample: Sample, picture: BoxPicture, refined: Refined) -> list[BoxRow]:
    return [
        BoxRow(sample.name, columns.start, rows.start, columns.stop, rows.stop, verdict.fill, verdict.decision)
        for (rows, columns), verdict in zip(picture.places, refined.verdicts, strict=True)
    ]


def write_boxes(path: Path, rows: Sequence[BoxRow]) -> None:
    """Write one row per box, sorted by file and place."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=lambda row: (row.file, row.y_min, row.x_min)):
        place = (row.x_min, row.y_min, row.x_max, row.y_max)
        writer.writerow((row.file, *place, f"{row.fill:.4f}", row.decision))
    write_atomically(path, text.getvalue())


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("refiner", "iou", "pictures"))
    writer.writerows((score.refiner, f"{score.iou:.4f}", score.pictures) for score in scores)
    write_atomically(path, text.getvalue())


def count_decisions(rows: Sequence[BoxRow]) -> dict[str, int]:
    found = Counter(row.decision for row in rows)
    return {decision: found[decision] for decision in ("kept", "reset", "ignored")}


def write_example(folder: Path, sample: Sample, picture: BoxPicture, refined: Refined) -> None:
    """Write `boxes | target | weight` side by side; target and weight are grey levels."""
    image = read_image(sample.image)
    boxes = outline(image, picture.inside, TRUTH_COLOUR)
    drawn = outline(boxes, refined.target >= DEFECT_LEVEL, PREDICTION_COLOUR)
    weight = refined.weight if refined.weight is not None else np.full_like(refined.target, 255)
    gap = np.full((image.shape[0], 4, 3), 255, np.uint8)
    target, trust = (np.repeat(grey[..., None], 3, 2) for grey in (refined.target, weight))
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / f"{sample.image.stem}.png", np.hstack([drawn, gap, target, gap, trust]))
