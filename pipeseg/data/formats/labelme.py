"""LabelMe: one JSON file per picture."""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.documents import number, read_json_document
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.regions import ellipse_points

NAME = "labelme"


def detect(tree: Tree) -> bool:
    return bool(tree.of_kind("labelme"))


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read the LabelMe files of the folder; the picture that one carries along in base64 is not needed."""
    problems = tree.broken_json()
    drafts: dict[str, Draft] = {}
    files: dict[str, Path] = {}
    for file in tree.of_kind("labelme"):
        content = read_json_document(tree.root / file)
        reference = _reference(file, str(content.get("imagePath") or ""))
        if reference in drafts:
            reason = f"means {reference}, as {files[reference]} does; the shapes of both are kept"
            problems.append(Problem(file.as_posix(), reason))
        files[reference] = file
        _read_shapes(content, file.name, drafts.setdefault(reference, Draft(looked_at=True)))
    pictures, reasons = tree.resolve(drafts)
    for reference, reason in reasons.items():
        problems.append(Problem(files[reference].as_posix(), f"{reference}: {reason}"))
    found = {picture: drafts[reference] for reference, picture in pictures.items()}
    return assemble(path, NAME, tree, found, options, problems=problems)


def _reference(file: Path, image_path: str) -> str:
    """Return the picture's path from the root: `imagePath` counts from the folder of the JSON file."""
    relative = PurePosixPath(image_path.replace("\\", "/"))
    if relative.is_absolute() or relative.as_posix()[1:2] == ":":
        return relative.as_posix()
    parts: list[str] = []
    for part in (*file.parent.parts, *relative.parts):
        if part == ".." and parts:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return "/".join(parts)


def _read_shapes(content: dict[str, Any], shown: str, draft: Draft) -> None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        draft.declared = height, width
    for index, shape in enumerate(content["shapes"]):
        try:
            if not isinstance(shape, dict):
                raise ValueError("no shape")
            draft.items.append(_item(shape))
        except ValueError as error:
            draft.problems.append(f"{shown}: shape {index}: {error}")
            draft.broken += 1


def _item(shape: dict[str, Any]) -> Item:
    """Raises ValueError with the reason, a part of a sentence."""
    label = shape.get("label")
    if label is not None and not isinstance(label, str):
        raise ValueError(f"the label is {label!r:.40}, which is no text")
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("no list of points")
    corners = np.array([[number(value) for value in point] for point in points], float).reshape(-1, 2)
    match shape.get("shape_type", "polygon"):
        case "polygon" | "linestrip" if len(corners) >= 3:
            return Item(label or None, points=corners)
        case "polygon" | "linestrip":
            raise ValueError(f"a polygon of {len(corners)} points; at least 3 are needed")
        case "rectangle" if len(corners) in (2, 4):
            (x_min, y_min), (x_max, y_max) = corners.min(0).tolist(), corners.max(0).tolist()
            outline = np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)])
            return Item(label or None, (x_min, y_min, x_max, y_max), outline, rectangle=True)
        case "circle" if len(corners) == 2:
            (cx, cy), radius = corners[0], float(np.hypot(*(corners[1] - corners[0])))
            return Item(label or None, points=ellipse_points(cx, cy, radius, radius))
        case "rectangle" | "circle" as kind:
            raise ValueError(f"a {kind} of {len(corners)} points; 2 are needed")
        case other:
            raise ValueError(f"shape {other!r} is not known (polygon, rectangle, circle, linestrip)")
