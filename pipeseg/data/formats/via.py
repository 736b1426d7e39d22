"""The VGG Image Annotator: its CSV, its exported JSON, and its project files."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.documents import read_json_document
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.via import COLUMNS, HINT, is_hint, is_suggestion, shape_points, via_rows
from pipeseg.errors import BadInput

NAME = "via"
OUR_ATTRIBUTE = "defect_class"
# one row: where it stands, file name, shape, region attributes, file attributes
Row = tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]


def detect(tree: Tree) -> bool:
    return bool(_files(tree))


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read every VIA file of the folder.

    Raises:
        BadInput: a file that is no CSV or JSON, or regions with several attributes that could be the class.
    """
    problems = tree.broken_json()
    found: dict[str, Draft] = {}
    for file in _files(tree):
        drafts, strange = read_items(tree.root / file, tree.root, None)
        problems += strange
        for name, draft in drafts.items():
            if name in found:
                reason = f"listed in {file} and in another file; the regions of both are kept"
                found[name].problems.append(reason)
                found[name].items += draft.items
                found[name].problems += draft.problems
                found[name].broken += draft.broken
            else:
                found[name] = draft
    pictures, reasons = tree.resolve(found)
    problems += [Problem(name, reason) for name, reason in reasons.items()]
    drafts = {picture: found[name] for name, picture in pictures.items()}
    return assemble(path, NAME, tree, drafts, options, problems=problems)


def read_items(file: Path, root: Path, attribute: str | None) -> tuple[dict[str, Draft], list[Problem]]:
    """Return the drafts of one VIA file by the file name that it gives, and what is wrong with it.

    Args:
        attribute: the region attribute that holds the class; None = find out.

    Raises:
        BadInput: no CSV or JSON, or several attributes that could be the class.
    """
    problems: list[Problem] = []
    shown = file.relative_to(root).as_posix()

    def note(where: str, name: str, reason: str) -> None:
        problems.append(Problem(shown, f"{where}{f' ({name})' if name else ''}: {reason}"))

    if file.suffix.lower() == ".csv":
        rows: Iterable[Row] = (
            (f"line {line}", *row) for line, *row in via_rows(file, lambda line, *rest: note(f"line {line}", *rest))
        )
    else:
        rows = _json_rows(file)
    rows = list(rows)
    attribute = attribute or _class_attribute(file, (attributes for _, _, _, attributes, _ in rows))
    drafts: dict[str, Draft] = {}
    for where, name, shape, attributes, of_file in rows:
        if not name:
            note(where, "", "no file name")
            continue
        suggested = is_suggestion(of_file)
        draft = drafts.setdefault(name, Draft(looked_at=not suggested))
        if shape and (is_hint(attributes) or not suggested):
            try:
                draft.items.append(_item(shape, attributes, attribute))
            except BadInput as error:
                draft.problems.append(f"{shown}: {where}: {error}")
                draft.broken += 1
    # a row that could not be parsed may have held a region of a picture that is listed otherwise
    return drafts, problems


def _item(shape: dict[str, Any], attributes: dict[str, Any], attribute: str | None) -> Item:
    defect_class = _class(attributes.get(attribute)) if attribute else None
    points = shape_points(shape)
    if shape["name"] == "rect":
        x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
        drawn = None if is_hint(attributes) else points
        return Item(defect_class, (x, y, x + width, y + height), drawn, rectangle=drawn is not None)
    return Item(defect_class, points=points)


def _class(value: Any) -> str | None:
    if isinstance(value, dict):  # a checkbox: {"crack": true}
        ticked = [name for name, on in value.items() if on]
        if len(ticked) > 1:
            raise BadInput(f"{' and '.join(ticked)} are ticked; a region has one class")
        return ticked[0] if ticked else None
    if value is not None and not isinstance(value, str | int | float):
        raise BadInput(f"the class is {value!r:.40}, which is no text")
    return str(value).strip() or None if value is not None else None


def _class_attribute(file: Path, rows: Iterable[dict[str, Any]]) -> str | None:
    given = (item for attributes in rows for item in attributes.items())
    used = Counter(name for name, value in given if name != HINT and value not in ("", None, {}))
    if OUR_ATTRIBUTE in used or not used:
        return OUR_ATTRIBUTE if used else None
    for usual in ("class", "label", "name", "type", "category"):
        if usual in used and all(count <= used[usual] for count in used.values()):
            return usual
    if len(used) > 1:
        raise BadInput(f"{file}: any of {', '.join(sorted(used))} could be the class; call it {OUR_ATTRIBUTE} in VIA")
    return next(iter(used))


def _files(tree: Tree) -> list[Path]:
    tables = [file for file in tree.with_suffix(".csv") if is_table(tree.root / file)]
    return tables + tree.of_kind("via")


def is_table(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return {COLUMNS[0], *COLUMNS[-2:]} <= set(header)


def _json_rows(file: Path) -> Iterator[Row]:
    content = read_json_document(file)
    for key, image in content.get("_via_img_metadata", content).items():
        if not isinstance(image, dict):
            raise BadInput(f"{file}: {key!r} is no picture's entry; export the annotations from VIA again")
        name, regions = str(image.get("filename") or ""), image.get("regions") or []
        of_file = _mapping(image.get("file_attributes"))
        if isinstance(regions, dict):  # VIA 1
            regions = [region for _, region in sorted(regions.items(), key=lambda item: str(item[0]).zfill(9))]
        if not regions:
            yield key, name, {}, {}, of_file
        for number, region in enumerate(regions):
            parts = region if isinstance(region, dict) else {}
            shape, attributes = parts.get("shape_attributes"), parts.get("region_attributes")
            where = f"region {number}"
            yield where, name, shape if isinstance(shape, dict) else {"name": None}, _mapping(attributes), of_file


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
