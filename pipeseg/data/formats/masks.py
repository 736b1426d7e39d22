"""Pictures with masks: black and white, classes by number, by palette or by colour."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.formats.assemble import assemble, sizes_of
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.names import same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_levels
from pipeseg.data.regions import polygons_of
from pipeseg.errors import BadInput

NAME = "masks"
# what tools append to the picture's name
_ENDINGS = ("_mask", "-mask", "_masks", "_gt", "_label", "_labels", "_seg", "_segmentation", "_labelids")
# more levels than a person names classes: the mask is soft, or smeared by JPEG
_MANY_LEVELS = 32
# in masks of classes the border that nobody could decide
_VOID = 255
_HALF = 128


@dataclass(frozen=True, slots=True)
class Traced:
    """One mask: polygons of each level but 0, or the reason why there are none."""

    polygons: dict[int, list[np.ndarray]]
    size: tuple[int, int] = (0, 0)
    problem: str | None = None
    note: str | None = None


def detect(tree: Tree) -> bool:
    return tree.chosen is None and bool(tree.masks) and bool(tree.pictures)


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read a folder of pictures with a folder of masks of the same names (`a.jpg`, `a.png` or `a_mask.png`).

    Raises:
        BadInput: the names given for the classes are not as many as the levels found.
    """
    problems: list[Problem] = []
    pairs: dict[Path, Path] = {}
    for mask in tree.masks:
        match _pictures_of(mask, tree):
            case [picture] if picture not in pairs:
                pairs[picture] = mask
            case [picture]:
                problems.append(Problem(str(mask), f"a second mask for {picture}, beside {pairs[picture]}"))
            case []:
                problems.append(Problem(str(mask), "a mask without picture"))
            case several:
                reason = f"could belong to {' or '.join(map(str, several))}; paired with none, rename one"
                problems.append(Problem(str(mask), reason))
    sizes = sizes_of(tree, list(pairs))
    traced: dict[Path, Traced] = {}
    results = threaded(lambda picture: _trace(tree.root / pairs[picture]), pairs)
    for done, (picture, one) in enumerate(zip(pairs, results, strict=True), 1):
        traced[picture] = one
        options.tick(done, len(pairs))
    names = _names({level for one in traced.values() for level in one.polygons}, path, options)
    void = Counter(_VOID in one.polygons for one in traced.values())[True] if _VOID not in names else 0
    if void:
        problems.append(Problem(str(path), f"level {_VOID} in {void} masks of classes is left out as undecided"))
    drafts = {}
    for picture, one in traced.items():
        draft = drafts[picture] = Draft(looked_at=options.masks_are != "box")
        if one.problem is None and picture in sizes and sizes[picture] != one.size:
            (height, width), (mask_height, mask_width) = sizes[picture], one.size
            reason = f"mask is {mask_width}x{mask_height}, the picture is {width}x{height}; left out"
            one = Traced({}, problem=reason)
        if one.problem:
            draft.problems.append(f"{pairs[picture].name}: {one.problem}")
            draft.broken += 1
        elif options.masks_are == "box":
            draft.mask = tree.root / pairs[picture]
        if one.note:
            draft.problems.append(f"{pairs[picture].name}: {one.note}")
        draft.items += [
            Item(names[level], points=points)
            for level, polygons in sorted(one.polygons.items())
            if level in names
            for points in polygons
        ]
    return assemble(path, NAME, tree, drafts, options, problems=problems, classes=names.values())


def _trace(path: Path) -> Traced:
    try:
        levels, lossy = read_levels(path)
    except BadInput as error:
        return Traced({}, problem=str(error))
    # counting is faster than sorting, where colours do not make it long
    found = (np.flatnonzero(np.bincount(levels.ravel())) if levels.max() <= 255 else np.unique(levels)).tolist()
    note = None
    if lossy or len(found) > _MANY_LEVELS:
        if max(found) > 255:
            return Traced({}, problem="a mask of many colours, or one that JPEG smeared; save it as PNG from its tool")
        note = f"{'a JPEG' if lossy else 'soft'}, with {len(found)} levels; cut at {_HALF}" if len(found) > 2 else None
        levels, found = np.where(levels >= _HALF, _VOID, 0), [_VOID]
    polygons = {level: polygons_of(levels == level) for level in found if level}
    return Traced({k: p for k, p in polygons.items() if p}, levels.shape, note=note)


def _names(levels: set[int], path: Path, options: Options) -> dict[int, str | None]:
    """Return the class of each level: given names, else `class_<level>`; None for the only class of white masks."""
    if len(levels) <= 1:
        if len(options.classes) <= 1:
            return dict.fromkeys(levels, options.classes[0] if options.classes else None)
        return {level: _by_number(level, options, path) for level in levels}
    coloured = max(levels) > _VOID
    levels = levels if coloured else levels - {_VOID}
    if not options.classes:
        return {level: f"class_{level:06x}" if coloured else f"class_{level}" for level in sorted(levels)}
    if max(levels) <= len(options.classes):
        return {level: options.classes[level - 1] for level in sorted(levels)}
    if len(levels) == len(options.classes):
        return dict(zip(sorted(levels), options.classes, strict=True))
    shown = ", ".join(f"{level:06x}" if coloured else str(level) for level in sorted(levels)[:12])
    raise BadInput(f"{path}: the masks hold {len(levels)} levels ({shown}), --classes names {len(options.classes)}")


def _by_number(level: int, options: Options, path: Path) -> str:
    if level > len(options.classes):
        raise BadInput(f"{path}: the masks hold level {level} only, --classes names {len(options.classes)}")
    return options.classes[level - 1]


def _pictures_of(mask: Path, tree: Tree) -> list[Path]:
    """Return the pictures of the mask's stem: in the folder that mirrors its own, else anywhere."""
    stems = [same_form(mask.stem)]
    stems += [stems[0][: -len(end)] for end in _ENDINGS if stems[0].lower().endswith(end)]
    for stem in stems:
        if found := tree.of_stem.get(stem):
            mirrored = [p for p in found if p.parent.parts[-1:] == mask.parent.parts[-1:]]
            return mirrored if len(found) > 1 and len(mask.parent.parts) > 1 and len(mirrored) == 1 else found
    return []
