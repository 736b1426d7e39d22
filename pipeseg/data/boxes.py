"""Detection boxes of a dataset: `boxes.csv`, and the filled boxes that serve as coarse masks."""

import csv
import math
from pathlib import Path

import numpy as np

from pipeseg.errors import BadInput

COLUMNS = ("filename", "defect_class", "x_min", "y_min", "x_max", "y_max")

Box = tuple[float, float, float, float]


def read_boxes(path: Path, defect_class: str | None) -> dict[str, list[Box]]:
    """Return the boxes (x_min, y_min, x_max, y_max; pixels, half-open) by file name, of one class or, for None, of all.

    Raises:
        BadInput: no such file, a missing column, or a corner that is no number.
    """
    boxes: dict[str, list[Box]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise BadInput(f"{path}: column {missing[0]!r} is missing; the columns are {','.join(COLUMNS)}")
            for row in reader:
                if defect_class in (None, row["defect_class"]):
                    try:
                        box = (float(row["x_min"]), float(row["y_min"]), float(row["x_max"]), float(row["y_max"]))
                        if not all(map(math.isfinite, box)):
                            raise ValueError
                    except (TypeError, ValueError):
                        raise BadInput(f"{path}: line {reader.line_num}: a corner is not a number") from None
                    boxes.setdefault(row["filename"], []).append(box)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; detection boxes are read from boxes.csv") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from None
    return boxes


def fill_boxes(boxes: list[Box], height: int, width: int) -> np.ndarray:
    """Return the union of the boxes as bool (height, width); parts outside the picture are cut off."""
    inside = np.zeros((height, width), bool)
    for x_min, y_min, x_max, y_max in boxes:
        rows = slice(max(0, round(y_min)), max(0, round(y_max)))
        inside[rows, max(0, round(x_min)) : max(0, round(x_max))] = True
    return inside
