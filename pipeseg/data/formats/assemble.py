"""From what a reader collected to annotations: unique names, regions that lie in the picture, boxes for all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeseg.data.boxes import Box
from pipeseg.data.formats.source import Annotation, Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.names import same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import picture_size
from pipeseg.data.regions import FARTHEST, Region
from pipeseg.errors import BadInput

# the class of a source that names none
ONLY_CLASS = "defect"


def assemble(
    path: Path,
    format_name: str,
    tree: Tree,
    drafts: Mapping[Path, Draft],
    options: Options,
    *,
    pictures: Iterable[Path] | None = None,
    problems: Iterable[Problem] = (),
    classes: Iterable[str] = (),
    labels: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    boxes_from_regions: bool = True,
    nameless: str | None = ONLY_CLASS,
) -> Source:
    """Return the source: one annotation for each of `pictures` (default: all photographs of the tree).

    Args:
        drafts: by path relative to the tree's root, as the pictures are.
        classes: in the source's order; those that only an annotation names follow, sorted.
        boxes_from_regions: a region without a box gets the one around it.
        nameless: class of regions that name none, where the options do not tell.
    """
    pictures = sorted(tree.pictures if pictures is None else pictures)
    if not pictures:
        raise BadInput(f"{path}: holds no picture")
    only_class = options.classes[0] if len(options.classes) == 1 else nameless
    kinds = {item.rectangle for draft in drafts.values() for item in draft.items if item.points is not None}
    names = unique_names(pictures)
    twins = _twins(pictures, names)
    measured = [p for p in pictures if p in drafts and (drafts[p].declared or _polygons(drafts[p]))]
    sizes = sizes_of(tree, measured)
    annotations = []
    for picture in pictures:
        draft = drafts.get(picture, Draft())
        found = list(draft.problems)
        if picture in twins:
            found.append(f"{twins[picture]}, and masks are paired by it; rename one")
        if (size := sizes.get(picture)) and draft.declared not in (None, size):
            height, width = draft.declared
            found.append(f"annotated at {width}x{height}, but the picture is {size[1]}x{size[0]}; kept, check them")
        items = [_inside(item, size, found) for item in draft.items]
        hand = _hand_labelled(draft, options.masks_are, kinds == {True}, found)
        annotations.append(
            Annotation(
                tree.root / picture,
                tuple(
                    (item.defect_class or only_class or ONLY_CLASS, box)
                    for item in items
                    if (box := item.box or (boxes_from_regions and _around(item, size, options.min_box)))
                ),
                tuple(
                    Region(item.points, item.defect_class or only_class)
                    for item in items
                    if hand and item.points is not None
                ),
                hand,
                tuple(found),
                names[picture],
                draft.mask,
            )
        )
    annotations.sort(key=lambda one: one.name)
    seen = {key for one in annotations for key, _ in one.boxes} | {
        r.defect_class for one in annotations for r in one.regions if r.defect_class
    }
    known = list(dict.fromkeys(classes))
    return Source(
        path,
        format_name,
        tuple(known + sorted(key for key in seen if key not in known)),
        tuple(annotations),
        (*tree.problems, *problems),
        labels or {},
        groups or {},
    )


def unique_names(pictures: Iterable[Path]) -> dict[Path, str]:
    """Return a name for each picture: its own, or folder and name joined by `__` where two folders hold the stem."""
    folders: dict[str, set[Path]] = defaultdict(set)
    pictures = list(pictures)
    for picture in pictures:
        folders[same_form(picture.stem)].add(picture.parent)
    return {
        picture: "__".join(picture.parts) if len(folders[same_form(picture.stem)]) > 1 else picture.name
        for picture in pictures
    }


def _twins(pictures: list[Path], names: Mapping[Path, str]) -> dict[Path, str]:
    """Return what to say of pictures whose names differ in the suffix or the Unicode form only."""
    same: dict[str, list[Path]] = defaultdict(list)
    for picture in pictures:
        same[same_form(Path(names[picture]).stem)].append(picture)
    return {
        picture: f"{' and '.join(sorted(names[p] for p in group))} share one name"
        for group in same.values()
        if len(group) > 1
        for picture in group
    }


def _polygons(draft: Draft) -> bool:
    return any(item.points is not None for item in draft.items)


def sizes_of(tree: Tree, pictures: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """Return (height, width) from the headers, of those pictures that have a readable one."""

    def size(picture: Path) -> tuple[int, int] | None:
        try:
            return picture_size(tree.root / picture)
        except BadInput:  # audit and import name it when they come to read it
            return None

    sizes = zip(pictures, threaded(size, pictures), strict=True)
    return {picture: size for picture, size in sizes if size}


def _hand_labelled(draft: Draft, masks_are: str | None, only_rectangles: bool, problems: list[str]) -> bool:
    """Return whether a person has drawn the masks of this picture; its regions count only then."""
    shapes = [item for item in draft.items if item.points is not None]
    if masks_are == "box" or (draft.broken and not shapes):
        return False
    # filled rectangles are what hand masks are there to improve upon
    if masks_are is None and only_rectangles:
        return False
    if masks_are is None and shapes and all(item.rectangle for item in shapes):
        problems.append("holds rectangles only: taken as boxes, not as a hand mask")
        return False
    if draft.looked_at is not None:
        return draft.looked_at
    if 0 < len(shapes) < len(draft.items):
        problems.append(f"{len(shapes)} of {len(draft.items)} objects have a polygon: not taken as a hand mask")
    return 0 < len(shapes) == len(draft.items)


def _inside(item: Item, size: tuple[int, int] | None, problems: list[str]) -> Item:
    """Return the item without its polygon if that lies nowhere in the picture; a box stays, for an audit to find."""
    if item.points is None:
        return item
    (x_min, y_min), (x_max, y_max) = item.points.min(0), item.points.max(0)
    height, width = size or (FARTHEST, FARTHEST)
    # corners are pixel centres: half a pixel around them is drawn as well
    if max(-x_min, -y_min) < FARTHEST and max(x_max, y_max) < FARTHEST:
        if x_max >= -0.5 and y_max >= -0.5 and x_min <= width - 0.5 and y_min <= height - 0.5:
            return item
        where = f"lies outside of the picture (x {x_min:.0f}..{x_max:.0f}, y {y_min:.0f}..{y_max:.0f})"
    else:
        where = "has a corner beyond any picture"
    problems.append(f"a polygon of class {item.defect_class or ONLY_CLASS} {where}")
    return replace(item, points=None)


def _around(item: Item, size: tuple[int, int] | None, smallest: float) -> Box | None:
    """Return the box of the pixels that a polygon covers, cut at the picture's edge where that is known."""
    points = item.points
    if points is None or item.continued:
        return None
    (x_min, y_min), (x_max, y_max) = np.floor(points.min(0) + 0.5), np.floor(points.max(0) + 0.5) + 1
    if size:
        height, width = size
        x_min, x_max = np.clip((x_min, x_max), 0, width)
        y_min, y_max = np.clip((y_min, y_max), 0, height)
    if max(x_max - x_min, y_max - y_min) < smallest:
        return None
    return float(x_min), float(y_min), float(x_max), float(y_max)
