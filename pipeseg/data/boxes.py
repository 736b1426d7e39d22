"""Detection boxes of a dataset: `boxes.csv`, and the filled boxes that serve as coarse masks."""

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipeseg.errors import BadInput

COLUMNS = ("filename", "defect_class", "x_min", "y_min", "x_max", "y_max")

Box = tuple[float, float, float, float]
# a box with its class in front
Labelled = tuple[str, Box]


def read_boxes(path: Path, defect_class: str | None) -> dict[str, list[Box]]:
    """Return the boxes (x_min, y_min, x_max, y_max; pixels, half-open) by file name, of one class or, for None, of all.

    Raises:
        BadInput: no such file, a missing column, or a corner that is no number.
    """

    def refuse(line: int, name: str, reason: str) -> None:
        raise BadInput(f"{path}: line {line}: {reason}")

    boxes: dict[str, list[Box]] = {}
    for name, key, box in box_rows(path, refuse):
        if defect_class in (None, key):
            boxes.setdefault(name, []).append(box)
    return boxes


def box_rows(path: Path, on_problem: Callable[[int, str, str], None]) -> Iterator[tuple[str, str, Box]]:
    """Yield (file name, class, box) of each row that can be used; see `read_boxes`.

    Args:
        on_problem: told (line, file name, reason) of any other row.

    Raises:
        BadInput: no such file, a missing column, or no CSV in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise BadInput(f"{path}: column {missing[0]!r} is missing; the columns are {','.join(COLUMNS)}")
            for row in reader:
                if not row["filename"]:
                    on_problem(reader.line_num, "", "no file name")
                    continue
                try:
                    box = (float(row["x_min"]), float(row["y_min"]), float(row["x_max"]), float(row["y_max"]))
                    if not all(map(math.isfinite, box)):
                        raise ValueError
                except (TypeError, ValueError):
                    on_problem(reader.line_num, row["filename"], "a corner is not a number")
                else:
                    yield row["filename"], row["defect_class"], box
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; detection boxes are read from boxes.csv") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from None


def box_row(name: str, defect_class: str, box: Box) -> list[object]:
    """Return one row of `boxes.csv`; whole numbers are written as such."""
    return [name, defect_class, *(int(side) if side == int(side) else side for side in (round(s, 3) for s in box))]


def fill_boxes(boxes: list[Box], height: int, width: int) -> np.ndarray:
    """Return the union of the boxes as bool (height, width); parts outside the picture are cut off."""
    inside = np.zeros((height, width), bool)
    for place in box_places(boxes, height, width):
        inside[place] = True
    return inside


def box_places(boxes: list[Box], height: int, width: int) -> list[tuple[slice, slice]]:
    """Return (rows, columns) of each box within the picture; those that cover no pixel of it are left out."""
    places = []
    for x_min, y_min, x_max, y_max in boxes:
        rows = slice(max(0, round(y_min)), min(height, round(y_max)))
        columns = slice(max(0, round(x_min)), min(width, round(x_max)))
        if rows.start < rows.stop and columns.start < columns.stop:
            places.append((rows, columns))
    return places
