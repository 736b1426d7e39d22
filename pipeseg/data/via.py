"""Hand-drawn regions in the CSV format of the VGG Image Annotator (VIA): read, and turned into masks."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeseg.errors import BadInput

COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
# sub-pixel bits of cv2.fillPoly: polygons drawn in a zoomed browser have fractional corners
SHIFT = 4


@dataclass(frozen=True, slots=True)
class Region:
    """One polygon.

    Attributes:
        points: float64 (N, 2), x and y in pixels, N >= 3.
        defect_class: from region_attributes, None where the file names none (a dataset of one class).
    """

    points: np.ndarray
    defect_class: str | None


def read_via(path: Path) -> dict[str, list[Region]]:
    """Return the regions of every annotated picture by file name; an empty list means "looked at, nothing there".

    Raises:
        BadInput: a missing column, broken JSON, or a shape that is not a polygon or rectangle, with its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise BadInput(f"{path}: column {missing[0]!r} is missing; export from VIA as CSV")
            regions: dict[str, list[Region]] = {}
            for row in reader:
                found = regions.setdefault(row["filename"], [])
                shape = _parse(row["region_shape_attributes"], path, reader.line_num)
                if shape:
                    attributes = _parse(row["region_attributes"], path, reader.line_num)
                    points = _points(shape, path, reader.line_num)
                    found.append(Region(points, _class(attributes, path, reader.line_num)))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; hand masks are read from labels.csv (VIA format)") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from None
    return regions


def _parse(text: str | None, path: Path, line: int) -> dict:
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise BadInput(f"{path}: line {line}: not JSON ({error})") from None
    return value if isinstance(value, dict) else {}


def _class(attributes: dict, path: Path, line: int) -> str | None:
    name = attributes.get("defect_class")
    if name is not None and not isinstance(name, str):
        raise BadInput(f"{path}: line {line}: defect_class is {name!r}; make it a text or dropdown attribute in VIA")
    return name or None


def _points(shape: dict, path: Path, line: int) -> np.ndarray:
    try:
        match shape.get("name"):
            case "polygon" | "polyline":
                points = np.array([shape["all_points_x"], shape["all_points_y"]], float).T
            case "rect":
                x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
                points = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
            case other:
                raise BadInput(f"{path}: line {line}: shape {other!r} is not known (polygon, polyline, rect)")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: line {line}: a {shape.get('name')} without usable numbers ({error})") from None
    if not np.isfinite(points).all():
        raise BadInput(f"{path}: line {line}: a corner is not a finite number")
    if points.ndim != 2 or len(points) < 3:
        raise BadInput(f"{path}: line {line}: a polygon needs at least 3 points")
    return points


def rasterise(regions: list[Region], height: int, width: int) -> np.ndarray:
    """Return the union of the regions as uint8 (height, width), 0 or 255; parts outside the picture are cut off."""
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        corners = np.round(region.points * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, shift=SHIFT)
    return mask
