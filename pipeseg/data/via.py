"""Hand-drawn regions in the CSV format of the VGG Image Annotator (VIA): read strictly, and written."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.regions import Region, ellipse_points
from pipeseg.data.regions import polygons_of as polygons_of
from pipeseg.data.regions import rasterise as rasterise
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
# file attribute of a picture with suggestions: "no" until a person has corrected them
DRAWN = "drawn"
# region attribute of a rectangle that shows where the detection box is: no part of the hand mask
HINT = "hint"
# a traced mask is one long cell: more than the 128 KB that csv allows
csv.field_size_limit(1 << 30)


def read_via(path: Path) -> dict[str, list[Region]]:
    """Return the regions of every annotated picture by file name; an empty list means "looked at, nothing there".

    Left out are suggestions that nobody has corrected, and boxes that only show where to draw; see `is_suggestion`.

    Raises:
        BadInput: a missing column, broken JSON, or a shape that encloses nothing (a point), with its line.
    """

    def refuse(line: int, name: str, reason: str) -> None:
        raise BadInput(f"{path}: line {line}: {reason}")

    regions: dict[str, list[Region]] = {}
    for line, name, shape, attributes, of_file in via_rows(path, refuse):
        if is_suggestion(of_file):
            continue
        found = regions.setdefault(name, [])
        if shape and not is_hint(attributes):
            try:
                found.append(Region(shape_points(shape), _class(attributes)))
            except BadInput as error:
                refuse(line, name, str(error))
    return regions


def is_suggestion(file_attributes: dict[str, Any]) -> bool:
    """Tell whether the regions of a picture are a network's, and no person has said that they are corrected."""
    return file_attributes.get(DRAWN) == "no"


def is_hint(region_attributes: dict[str, Any]) -> bool:
    """Tell whether a region is a detection box that shows where to draw."""
    return region_attributes.get(HINT) == "box"


def via_rows(
    path: Path, on_problem: Callable[[int, str, str], None]
) -> Iterator[tuple[int, str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Yield (line, file name, shape, region and file attributes) of each row; a file without regions has no shape.

    Args:
        on_problem: told (line, file name, reason) of a row whose JSON is broken.

    Raises:
        BadInput: no such file, a missing column, or no CSV in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise BadInput(f"{path}: column {missing[0]!r} is missing; export from VIA as CSV")
            for row in reader:
                try:
                    of_file, shape, attributes = (_parse(row[key]) for key in (COLUMNS[2], *COLUMNS[-2:]))
                except ValueError as error:
                    on_problem(reader.line_num, row["filename"], f"not JSON ({error})")
                else:
                    yield reader.line_num, row["filename"], shape, attributes, of_file
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; hand masks are read from labels.csv (VIA format)") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error})") from None


def shape_points(shape: dict[str, Any]) -> np.ndarray:
    """Return a VIA shape as a polygon, float64 (N, 2); circles and ellipses become one of many corners.

    Raises:
        BadInput: an unknown shape, fewer than three points, or numbers that are none.
    """
    name = shape.get("name")
    try:
        match name:
            case "polygon" | "polyline":
                points = np.array([shape["all_points_x"], shape["all_points_y"]], float).T
            case "rect":
                x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
                points = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
            case "circle":
                cx, cy, radius = (float(shape[key]) for key in ("cx", "cy", "r"))
                points = ellipse_points(cx, cy, radius, radius)
            case "ellipse":
                cx, cy, rx, ry = (float(shape[key]) for key in ("cx", "cy", "rx", "ry"))
                points = ellipse_points(cx, cy, rx, ry, float(shape.get("theta") or 0))
            case other:
                raise BadInput(f"shape {other!r} is not known (polygon, polyline, rect, circle, ellipse)")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"a {name} without usable numbers ({error})") from None
    if not np.isfinite(points).all():
        raise BadInput("a corner is not a finite number")
    if points.ndim != 2 or len(points) < 3:
        raise BadInput("a polygon needs at least 3 points")
    return points


def region_rows(name: str, regions: Sequence[Region]) -> list[list[object]]:
    """Return the rows of one looked-at picture; one row without a shape where there is no region."""
    if not regions:
        return [[name, 0, "{}", 0, 0, "{}", "{}"]]
    rows: list[list[object]] = []
    for number, region in enumerate(regions):
        attributes = {"defect_class": region.defect_class} if region.defect_class else {}
        shape = json.dumps(polygon_shape(region.points), separators=(",", ":"))
        rows.append([name, 0, "{}", len(regions), number, shape, json.dumps(attributes, ensure_ascii=False)])
    return rows


def polygon_shape(points: np.ndarray) -> dict[str, Any]:
    """Return a VIA polygon; whole numbers are written as such."""
    x, y = ([int(value) if value == int(value) else round(value, 3) for value in axis] for axis in points.T.tolist())
    return {"name": "polygon", "all_points_x": x, "all_points_y": y}


def _parse(text: str | None) -> dict[str, Any]:
    value = json.loads(text or "{}")
    return value if isinstance(value, dict) else {}


def _class(attributes: dict[str, Any]) -> str | None:
    name = attributes.get("defect_class")
    if name is not None and not isinstance(name, str):
        raise BadInput(f"defect_class is {name!r}; make it a text or dropdown attribute in VIA")
    return name or None
