"""COCO JSON: boxes, polygons and run-length masks, in one file or one for each split."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.boxes import Box
from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.documents import number, read_json_document
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.pictures import MAX_PIXELS
from pipeseg.data.regions import polygons_of
from pipeseg.data.rle import decode
from pipeseg.errors import BadInput

NAME = "coco"


def detect(tree: Tree) -> bool:
    return bool(tree.of_kind("coco"))


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read every COCO file of the folder.

    Raises:
        BadInput: a file without the lists that COCO files have.
    """
    drafts: dict[str, Draft] = {}
    classes: dict[str, None] = {}
    problems = tree.broken_json()
    for file in tree.of_kind("coco"):
        _read_file(tree.root / file, file.as_posix(), drafts, classes, problems)
    pictures, reasons = tree.resolve(drafts)
    problems += [Problem(name, reason) for name, reason in reasons.items()]
    # where masks were drawn at all, a picture that is listed without objects was looked at
    drawn = any(item.points is not None for draft in drafts.values() for item in draft.items)
    for draft in drafts.values():
        if drawn and not draft.items and not draft.problems:
            draft.looked_at = True
    return assemble(
        path,
        NAME,
        tree,
        {picture: drafts[name] for name, picture in pictures.items()},
        options,
        problems=problems,
        classes=classes,
    )


def _read_file(
    path: Path, shown: str, drafts: dict[str, Draft], classes: dict[str, None], problems: list[Problem]
) -> None:
    content = read_json_document(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key, []), list):
            raise BadInput(f"{path}: {key} is no list; export it again")

    def note(reason: str) -> None:
        problems.append(Problem(shown, reason))

    names: dict[Any, str] = {}
    for category in content.get("categories", []):
        if isinstance(category, dict) and isinstance(category.get("name"), str) and _is_id(category.get("id")):
            if category["id"] in names:
                note(f"two categories of id {category['id']}; the first counts")
            names.setdefault(category["id"], category["name"])
        else:
            note(f"a category without id and name ({category!r:.60})")
    classes |= dict.fromkeys(names.values())
    of_id: dict[Any, Draft] = {}
    for image in content.get("images", []):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name or not _is_id(image.get("id")):
            note(f"a picture without id and file_name ({image!r:.60})")
        elif image["id"] in of_id:
            note(f"{name}: a second picture of id {image['id']}; it gets no annotation")
        else:
            if name in drafts:
                drafts[name].problems.append(f"{shown}: listed twice; the annotations of both are kept")
            draft = of_id[image["id"]] = drafts.setdefault(name, Draft())
            height, width = image.get("height"), image.get("width")
            if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
                draft.declared = height, width
    lost: dict[Any, int] = defaultdict(int)
    for position, annotation in enumerate(content.get("annotations", [])):
        which = annotation.get("image_id") if isinstance(annotation, dict) else None
        draft = of_id.get(which) if _is_id(which) else None
        if draft is None:
            lost[which if _is_id(which) else None] += 1
            continue
        where = f"{shown}: annotation {annotation.get('id', position)}"
        try:
            key = annotation.get("category_id")
            if not _is_id(key) or key not in names:
                raise ValueError(f"category {key!r:.20} is unknown")
            draft.items += _items(annotation, names[key], draft, where)
        except (ValueError, TypeError, KeyError) as error:
            draft.problems.append(f"{where}: {error}")
            draft.broken += 1
    for which, count in lost.items():
        note(f"{count} annotations of picture id {which!r}, which is not listed")


def _items(annotation: dict[str, Any], name: str, draft: Draft, where: str) -> list[Item]:
    """Raises ValueError with the reason, a part of a sentence."""
    box = _box(annotation["bbox"]) if annotation.get("bbox") else None
    segmentation = annotation.get("segmentation")
    polygons: list[np.ndarray] = []
    if isinstance(segmentation, dict):
        polygons = _traced(segmentation, draft)
    elif isinstance(segmentation, list) and segmentation:
        for flat in segmentation if isinstance(segmentation[0], list) else [segmentation]:
            points = np.array([number(value) for value in flat])
            if len(points) < 6 or len(points) % 2:
                draft.problems.append(f"{where}: a polygon of {len(points)} numbers; 6 or more are needed")
                draft.broken += 1
            else:
                polygons.append(points.reshape(-1, 2))
    if box is None and not polygons:
        if segmentation:
            return []
        raise ValueError("neither bbox nor segmentation")
    # many exporters write the box again as a polygon
    rectangle = len(polygons) == 1 and box is not None and _is_rectangle(polygons[0], box)
    if not polygons or rectangle:
        return [Item(name, box)]
    around = box or _around(polygons, draft.declared)
    first, *others = polygons
    return [Item(name, around, first), *(Item(name, None, points, continued=True) for points in others)]


def _box(values: Any) -> Box:
    if not isinstance(values, list) or len(values) != 4:
        raise ValueError(f"bbox {values!r:.40} has no four numbers")
    x, y, width, height = map(number, values)
    return x, y, x + width, y + height


def _traced(segmentation: dict[str, Any], draft: Draft) -> list[np.ndarray]:
    height, width = (int(number(value)) for value in segmentation["size"])
    if draft.declared and draft.declared != (height, width):
        raise ValueError(f"a mask of {width}x{height} for a picture of {draft.declared[1]}x{draft.declared[0]}")
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"a mask of {width}x{height}; the limit is {MAX_PIXELS // 1_000_000} megapixels")
    draft.declared = draft.declared or (height, width)
    return polygons_of(decode(segmentation["counts"], height, width))


def _around(polygons: list[np.ndarray], size: tuple[int, int] | None) -> Box:
    points = np.concatenate(polygons)
    (x_min, y_min), (x_max, y_max) = np.floor(points.min(0) + 0.5), np.floor(points.max(0) + 0.5) + 1
    if size:
        x_min, y_min, x_max, y_max = np.clip((x_min, y_min, x_max, y_max), 0, (size[1], size[0]) * 2)
    return float(x_min), float(y_min), float(x_max), float(y_max)


def _is_rectangle(points: np.ndarray, box: Box) -> bool:
    if len(points) not in (4, 5):
        return False
    corners = {(x, y) for x in box[::2] for y in box[1::2]}
    return {min(corners, key=lambda c: abs(c[0] - x) + abs(c[1] - y)) for x, y in points} == corners and all(
        min(abs(cx - x) + abs(cy - y) for cx, cy in corners) < 0.5 for x, y in points
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int | float | str)
