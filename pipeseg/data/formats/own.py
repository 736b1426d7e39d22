"""Our own layout: `images/`, and any of `boxes.csv`, `labels.csv`, `masks/`, `classes.txt`, `dataset.json`."""

import csv
from collections import defaultdict
from pathlib import Path

from pipeseg.data.boxes import COLUMNS, box_rows
from pipeseg.data.description import read_description
from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.formats.via import is_table, read_items
from pipeseg.data.names import same_form

NAME = "own"


def detect(tree: Tree) -> bool:
    if tree.chosen or not _pictures(tree):
        return False
    present = set(tree.files)
    return (
        Path("dataset.json") in present
        or (Path("boxes.csv") in present and _header(tree.root / "boxes.csv") == list(COLUMNS))
        or (Path("labels.csv") in present and is_table(tree.root / "labels.csv"))
    )


def _pictures(tree: Tree) -> list[Path]:
    return [picture for picture in tree.pictures if picture.parent == Path("images")]


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read one of our datasets, whole or with parts missing.

    Raises:
        BadInput: a file of the layout that is no CSV, or a broken dataset.json.
    """
    pictures = _pictures(tree)
    described = read_description(tree.root)
    problems: list[Problem] = []
    drafts: dict[str, Draft] = defaultdict(Draft)
    has_boxes, has_labels = (tree.root / "boxes.csv").is_file(), (tree.root / "labels.csv").is_file()
    if has_boxes:

        def note(line: int, name: str, reason: str) -> None:
            if name:
                drafts[same_form(name)].problems.append(f"boxes.csv: line {line}: {reason}")
            else:
                problems.append(Problem("boxes.csv", f"line {line}: {reason}"))

        for name, key, box in box_rows(tree.root / "boxes.csv", note):
            drafts[same_form(name)].items.append(Item(key, box))
    if has_labels:
        regions, strange = read_items(tree.root / "labels.csv", tree.root, "defect_class")
        problems += strange
        for name, drawn in regions.items():
            draft = drafts[same_form(name)]
            # a rectangle was drawn as a mask here: boxes have their own file
            draft.items += [Item(item.defect_class, None, item.points) for item in drawn.items]
            draft.problems += drawn.problems
            draft.broken, draft.looked_at = drawn.broken, drawn.looked_at
    of_name = {same_form(picture.name): picture for picture in pictures}
    for name in sorted(drafts.keys() - of_name.keys()):
        where = "labels.csv" if drafts[name].looked_at else "boxes.csv"
        problems.append(Problem(name, f"{where} names it, but there is no such picture in images/"))
    for draft in drafts.values():
        draft.looked_at = bool(draft.looked_at)
    masks = {
        same_form(mask.stem): mask for mask in tree.masks if mask.parent == Path("masks") and mask.suffix == ".png"
    }
    stems = defaultdict(list)
    for picture in pictures:
        stems[same_form(picture.stem)].append(picture)
    for stem, mask in masks.items():
        if stem not in stems:
            problems.append(Problem(f"masks/{mask.name}", "a mask without picture"))
        elif len(stems[stem]) == 1:
            drafts[same_form(stems[stem][0].name)].mask = tree.root / mask
    only = described.get("defect_class")
    return assemble(
        path,
        NAME,
        tree,
        {of_name[name]: draft for name, draft in drafts.items() if name in of_name},
        options,
        pictures=pictures,
        problems=problems,
        classes=_classes(tree.root / "classes.txt") or list(described.get("classes", {})) or ([only] if only else []),
        labels={key: label for key, label in described.get("classes", {}).items() if label},
        groups=described.get("groups", {}),
        boxes_from_regions=has_labels and not has_boxes,
        nameless=None,
    )


def _classes(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return []
    return [line.strip() for line in lines if line.strip()]
