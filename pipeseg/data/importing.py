"""Import: a source of any format into a dataset folder of ours, with box masks, boxes, hand labels and what was odd."""

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.archive import unpacked
from pipeseg.data.boxes import COLUMNS as BOX_COLUMNS
from pipeseg.data.boxes import box_row, fill_boxes
from pipeseg.data.build import building, link_or_copy
from pipeseg.data.formats import Annotation, Problem, Source, masks, read_source
from pipeseg.data.names import same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import check_picture, is_turned, picture_size, read_levels, read_mask, write_png
from pipeseg.data.via import COLUMNS as VIA_COLUMNS
from pipeseg.data.via import region_rows
from pipeseg.errors import BadInput


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has written.

    Attributes:
        class_counts: pictures with each class.
        problems: everything odd, in the order of the files; all of them stand in dataset.json as well.
    """

    path: Path
    format: str
    pictures: int
    boxes: int
    regions: int
    hand_labelled: int
    class_counts: Mapping[str, int]
    problems: tuple[Problem, ...]


def import_dataset(
    source: Path,
    target: Path,
    *,
    format: str | None = None,
    classes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    masks_are: str | None = None,
    min_box: float = 0,
    force: bool = False,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Write `target` from a folder, an annotation file or a .zip; all of it, or nothing.

    A picture that cannot be read is left out and named. Pictures are linked or copied as they are.

    Args:
        format, classes, masks_are: as `read_source`.
        labels: what people read for a class, by its key; default: what the source says.
        min_box: smallest longer side in pixels of a box that is made from a mask.
        force: replace a dataset that is there.

    Raises:
        BadInput: nothing to import, a target that is in the way or cannot be written, a disk that is full.
    """
    _check_target(source, target, force)
    with unpacked(source, target) as folder:
        before = 0

        def reading(done: int, total: int) -> None:
            nonlocal before
            before = total
            tick(done, 2 * total)

        read = read_source(folder, format, classes=classes, masks_are=masks_are, min_box=min_box, tick=reading)
        keys = safe_keys(read.classes)
        facts = {
            "source": same_form(source.name),
            "parameters": {
                "format": read.format,
                "classes": list(classes),
                "masks_are": masks_are,
                "min_box": min_box,
            },
            "classes": {key: (labels or {}).get(key) or read.labels.get(name) or name for name, key in keys.items()},
        }
        if unknown := sorted((labels or {}).keys() - set(keys.values())):
            raise BadInput(f"{source}: has no class {unknown[0]!r} to label (known: {', '.join(keys.values())})")
        return _write(read, target, keys, facts, lambda done, total: tick(before + done, before + total))


def safe_keys(names: Iterable[str]) -> dict[str, str]:
    """Return a key for each class name that can be part of a folder's name and of a list with commas; no two alike."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        # not allowed in names by Windows, or with a meaning on a command line
        key = re.sub(r'[\s/\\<>:"|?*,=\x00-\x1f\x7f]+', "_", same_form(name)).lstrip("._-").rstrip("._")
        key = key or "class"
        number = 2
        while key.casefold() in taken:
            key = f"{re.sub(r'_[0-9]+$', '', key) if number > 2 else key}_{number}"
            number += 1
        taken.add(key.casefold())
        keys[name] = key
    return keys


def _check_target(source: Path, target: Path, force: bool) -> None:
    if not source.exists():
        raise BadInput(f"{source}: no such file or folder")
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or outer in inner.parents:
        raise BadInput(f"{source}: lies in {target}, where the dataset is to be written; choose another name")
    if inner in outer.parents:
        raise BadInput(f"{target}: lies in {source}, which is to be read; choose another place")
    if os.path.lexists(target):
        if not force:
            raise BadInput(f"{target}: exists already; --force replaces it, --name chooses another")
        if not (target / "dataset.json").is_file():
            raise BadInput(f"{target}: holds no dataset.json, so it is not replaced; move it away or choose --name")


@dataclass(frozen=True, slots=True)
class _Written:
    """One picture: why it was left out, or that it was written."""

    problem: str | None = None
    turned: bool = False


@dataclass(slots=True)
class _Tables:
    """The rows of boxes.csv and labels.csv, written as they come, and what they add up to."""

    keys: Mapping[str, str]
    boxes_csv: Any
    labels_csv: Any
    pictures: list[str] = field(default_factory=list)
    hand_labelled: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    class_counts: Counter[str] = field(default_factory=Counter)
    boxes: int = 0
    regions: int = 0

    def __post_init__(self) -> None:
        self.boxes_csv.writerow(BOX_COLUMNS)
        self.labels_csv.writerow(VIA_COLUMNS)

    def add(self, annotation: Annotation, turned: bool) -> None:
        name = same_form(annotation.name)
        boxes = [(self.keys[key], box) for key, box in annotation.boxes]
        regions = [replace(r, defect_class=self.keys.get(r.defect_class or "")) for r in annotation.regions]
        self.pictures.append(name)
        self.boxes_csv.writerows(box_row(name, key, box) for key, box in boxes)
        if annotation.hand_labelled:
            self.hand_labelled.append(name)
            self.labels_csv.writerows(region_rows(name, regions))
        if turned and (boxes or regions):
            self.turned.append(name)
        self.boxes += len(boxes)
        self.regions += len(regions)
        self.class_counts.update({key for key, _ in boxes} | {r.defect_class for r in regions if r.defect_class})


def _write(
    source: Source, target: Path, keys: Mapping[str, str], facts: dict[str, Any], tick: Callable[[int, int], None]
) -> Imported:
    problems = list(source.problems)
    with building(target) as writer:
        kept, left_out = _without_twins(source, writer.folder)
        work = partial(_write_picture, folder=writer.folder, whole_masks=source.format == masks.NAME)
        with (
            (writer.folder / "boxes.csv").open("w", encoding="utf-8", newline="") as boxes_file,
            (writer.folder / "labels.csv").open("w", encoding="utf-8", newline="") as labels_file,
        ):
            tables = _Tables(keys, csv.writer(boxes_file), csv.writer(labels_file))
            for done, (annotation, result) in enumerate(zip(kept, threaded(work, kept), strict=True), 1):
                if result.problem:
                    left_out[annotation.name] = result.problem
                else:
                    tables.add(annotation, result.turned)
                tick(done, len(kept))
        for annotation in source.annotations:
            problems += [Problem(annotation.name, reason) for reason in annotation.problems]
            if reason := left_out.get(annotation.name):
                problems.append(Problem(annotation.name, f"left out: {reason}"))
        if tables.turned:
            more = f" (and {len(tables.turned) - 1} more)" if len(tables.turned) > 1 else ""
            reason = f"turned by EXIF{more}; labels are taken to be drawn on the picture as one sees it"
            problems.append(Problem(tables.turned[0], reason))
        if not tables.pictures:
            reasons = "; ".join(f"{problem.file}: {problem.reason}" for problem in problems[:2])
            raise BadInput(f"{source.path}: no picture could be imported ({reasons})")
        (writer.folder / "classes.txt").write_text("".join(f"{key}\n" for key in keys.values()), encoding="utf-8")
        class_counts = {key: tables.class_counts[key] for key in keys.values()}
        written = set(tables.pictures)
        groups = {same_form(name): group for name, group in source.groups.items() if same_form(name) in written}
        writer.describe(
            name=target.name,
            **facts,
            class_counts=class_counts,
            hand_labelled=tables.hand_labelled,
            **({"groups": groups} if groups else {}),
            problems=[{"file": problem.file, "reason": problem.reason} for problem in problems],
        )
    return Imported(
        target,
        source.format,
        len(tables.pictures),
        tables.boxes,
        tables.regions,
        len(tables.hand_labelled),
        class_counts,
        tuple(problems),
    )


def _without_twins(source: Source, folder: Path) -> tuple[list[Annotation], dict[str, str]]:
    """Return the pictures that have a name of their own, and why the others are left out.

    A disk that knows no case would write one file over the other.
    """
    folds = (folder / "IMAGES").exists()

    def stem(annotation: Annotation) -> str:
        name = same_form(Path(annotation.name).stem)
        return name.casefold() if folds else name

    shared: dict[str, list[str]] = {}
    for annotation in source.annotations:
        shared.setdefault(stem(annotation), []).append(annotation.name)
    kept = [annotation for annotation in source.annotations if len(shared[stem(annotation)]) == 1]
    left_out = {
        name: f"{' and '.join(names)} share one name" for names in shared.values() if len(names) > 1 for name in names
    }
    return kept, left_out


def _write_picture(annotation: Annotation, folder: Path, whole_masks: bool) -> _Written:
    """Write one picture and its box mask. `whole_masks`: a mask of the source says more than boxes made from it."""
    try:
        check_picture(annotation.image)
        height, width = picture_size(annotation.image)
        if annotation.mask and (whole_masks or not annotation.boxes):
            mask = np.where(read_levels(annotation.mask)[0] > 0, 255, 0) if whole_masks else read_mask(annotation.mask)
            if mask.shape != (height, width):
                return _Written(f"{annotation.mask.name} is {mask.shape[1]}x{mask.shape[0]}, not {width}x{height}")
        else:
            mask = np.where(fill_boxes([box for _, box in annotation.boxes], height, width), 255, 0)
        turned = is_turned(annotation.image)
    except BadInput as error:
        return _Written(str(error))
    name = same_form(annotation.name)
    link_or_copy(annotation.image, folder / "images" / name)
    write_png(folder / "masks" / f"{Path(name).stem}.png", mask.astype(np.uint8))
    return _Written(turned=turned)
