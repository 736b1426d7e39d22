"""A cleaned dataset on disk: what was kept, and in `quarantine/` everything that was withdrawn, with the reason.

Kept and withdrawn together are always the whole source, so that anything can be put back:

    quarantine/quarantine.csv   item, file, what (picture, box, class), kind, reason, ...
    quarantine/images/          withdrawn pictures
    quarantine/boxes.csv        boxes that were withdrawn, alone or with their picture
    quarantine/labels.csv       hand regions, likewise
    quarantine/masks/           the source's own masks of every picture that lost something: <file name>.png
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.boxes import COLUMNS as BOX_COLUMNS
from pipeseg.data.boxes import Box, Labelled, box_row, box_rows, fill_boxes
from pipeseg.data.build import building, link_or_copy
from pipeseg.data.description import read_description
from pipeseg.data.names import is_picture
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import picture_size, write_png
from pipeseg.data.regions import Region
from pipeseg.data.via import COLUMNS as VIA_COLUMNS
from pipeseg.data.via import read_via, region_rows
from pipeseg.errors import BadInput, did_you_mean

FOLDER = "quarantine"
TABLE = "quarantine.csv"
COLUMNS = ("item", "file", "what", "kind", "defect_class", "x_min", "y_min", "x_max", "y_max", "group", "reason")
# kinds of pictures that no dataset can hold, whatever a person thinks of them
UNUSABLE = {"unreadable", "stem"}
Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of the source with all its labels.

    Attributes:
        name: of the file in the cleaned dataset; the source may hold it under another one.
        mask: its box mask where the source has a sound one; None = fill the boxes.
        group: shared by copies of one picture.
    """

    name: str
    image: Path
    boxes: tuple[Labelled, ...]
    regions: tuple[Region, ...]
    hand_labelled: bool
    mask: Path | None
    group: str

    @property
    def classes(self) -> set[str | None]:
        return {name for name, _ in self.boxes} | {region.defect_class for region in self.regions}


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """One thing in quarantine.

    Attributes:
        what: `picture`, `box`, or `class`: every box and region of a class in one picture.
        kind: why, in a word: `duplicate`, `unreadable`, `false`, `twice`, `dropped`, ...
    """

    file: str
    what: str
    kind: str
    reason: str
    defect_class: str = ""
    box: Box | None = None
    item: str = ""


@dataclass(frozen=True, slots=True)
class Parted:
    """The labels of one picture after its items were withdrawn, and those that went into quarantine.

    Attributes:
        stays: whether the picture does.
        is_hand: whether what stays may pass for a whole hand mask: none of the regions left of some is not "nothing".
    """

    stays: bool
    is_hand: bool
    boxes: tuple[Labelled, ...]
    regions: tuple[Region, ...]
    lost_boxes: tuple[Labelled, ...]
    lost_regions: tuple[Region, ...]

    @property
    def is_whole(self) -> bool:
        return not self.lost_boxes and not self.lost_regions


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A source and what of it is withdrawn: all that a cleaned dataset is made of.

    Attributes:
        labels: class -> what people read, of every class of the source.
        has_boxes: whether the dataset lists boxes; without a list its masks are the boxes of its one class.
        has_labels: whether somebody labelled pictures by hand.
        facts: what else `dataset.json` says.
    """

    entries: tuple[Entry, ...]
    withdrawn: tuple[Withdrawn, ...]
    labels: Mapping[str, str]
    has_boxes: bool
    has_labels: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


def part(entry: Entry, withdrawn: Iterable[Withdrawn]) -> Parted:
    """Return what stays of the picture. A box that is listed once is taken away once, however often it is drawn."""
    stays, boxes, regions = True, list(entry.boxes), list(entry.regions)
    lost_boxes: list[Labelled] = []
    lost_regions: list[Region] = []
    for item in withdrawn:
        if item.what == "picture":
            stays = False
        elif item.what == "class":
            lost_boxes += [box for box in boxes if box[0] == item.defect_class]
            boxes = [box for box in boxes if box[0] != item.defect_class]
            lost_regions += [region for region in regions if region.defect_class == item.defect_class]
            regions = [region for region in regions if region.defect_class != item.defect_class]
        elif item.box is not None and (wanted := (item.defect_class, item.box)) in boxes:
            # the last of equal ones: the first is the one that was drawn first
            del boxes[len(boxes) - 1 - boxes[::-1].index(wanted)]
            lost_boxes.append(wanted)
    if not stays:
        lost_boxes, lost_regions, boxes, regions = lost_boxes + boxes, lost_regions + regions, [], []
    is_hand = stays and entry.hand_labelled and (bool(regions) or not entry.regions)
    return Parted(stays, is_hand, tuple(boxes), tuple(regions), tuple(lost_boxes), tuple(lost_regions))


def numbered(withdrawn: Iterable[Withdrawn]) -> tuple[Withdrawn, ...]:
    """Give every item its name: the file's for a picture, `FILE#1`, `FILE#2`, ... for what was on it."""
    counts: Counter[str] = Counter()
    named = []
    for item in sorted(withdrawn, key=lambda entry: entry.file):
        counts[item.file] += item.what != "picture"
        name = item.file if item.what == "picture" else f"{item.file}#{counts[item.file]}"
        named.append(Withdrawn(item.file, item.what, item.kind, item.reason, item.defect_class, item.box, name))
    return tuple(named)


def write_cleaned(target: Path, cleaned: Cleaned, tick: Tick = lambda done, total: None) -> None:
    """Write `target` with its quarantine, all of it or nothing; a folder of that name is replaced.

    Raises:
        BadInput: every picture is withdrawn, or the folder cannot be written.
    """
    by_file: dict[str, list[Withdrawn]] = {}
    for item in cleaned.withdrawn:
        by_file.setdefault(item.file, []).append(item)
    parts = [(entry, part(entry, by_file.get(entry.name, []))) for entry in cleaned.entries]
    if not any(parted.stays for _, parted in parts):
        raise BadInput(f"{target.name}: nothing would be left of {len(parts)} pictures; withdraw less")
    with building(target) as writer:
        quarantine = writer.folder / FOLDER
        for folder in ("images", "masks"):
            (quarantine / folder).mkdir(parents=True)
        written = threaded(lambda both: _write_picture(writer.folder, quarantine, *both), parts)
        for done, _ in enumerate(written, 1):
            tick(done, len(parts))
        kept = [(entry, parted) for entry, parted in parts if parted.stays]
        if cleaned.has_boxes:
            _write_boxes(writer.folder, [(entry.name, parted.boxes) for entry, parted in kept])
            _write_boxes(quarantine, [(entry.name, parted.lost_boxes) for entry, parted in parts])
        if cleaned.has_labels:
            _write_regions(writer.folder, [(e.name, p.regions) for e, p in kept if p.is_hand])
            lost = [(e.name, p.lost_regions) for e, p in parts if e.hand_labelled and not (p.is_hand and p.is_whole)]
            _write_regions(quarantine, lost)
        _write_table(quarantine / TABLE, cleaned.withdrawn, {entry.name: entry.group for entry in cleaned.entries})
        description = _description(target.name, cleaned, kept)
        lines = "".join(f"{key}\n" for key in description["classes"])
        (writer.folder / "classes.txt").write_text(lines, encoding="utf-8")
        writer.describe(**description)


def _write_picture(folder: Path, quarantine: Path, entry: Entry, parted: Parted) -> None:
    # by its name in the dataset, which need not be that of the source's file
    link_or_copy(entry.image, (folder if parted.stays else quarantine) / "images" / entry.name)
    is_as_it_was = parted.stays and parted.is_whole
    if parted.stays:
        target = folder / "masks" / f"{Path(entry.name).stem}.png"
        if entry.mask and is_as_it_was:
            link_or_copy(entry.mask, target)
        else:
            height, width = picture_size(entry.image)
            filled = fill_boxes([box for _, box in parted.boxes], height, width)
            write_png(target, filled.astype(np.uint8) * 255)
    if entry.mask and not is_as_it_was:
        link_or_copy(entry.mask, quarantine / "masks" / f"{entry.name}.png")


def _write_boxes(folder: Path, boxes: Iterable[tuple[str, tuple[Labelled, ...]]]) -> None:
    rows = (box_row(name, key, box) for name, found in boxes for key, box in found)
    _write_csv(folder / "boxes.csv", BOX_COLUMNS, rows)


def _write_regions(folder: Path, regions: Iterable[tuple[str, tuple[Region, ...]]]) -> None:
    rows = (row for name, found in regions for row in region_rows(name, found))
    _write_csv(folder / "labels.csv", VIA_COLUMNS, rows)


def _write_table(path: Path, withdrawn: Iterable[Withdrawn], groups: Mapping[str, str]) -> None:
    rows = []
    for item in withdrawn:
        # rounded as in boxes.csv, so that the two can be matched again
        corners = box_row("", "", item.box)[2:] if item.box else [""] * 4
        facts = (item.item, item.file, item.what, item.kind, item.defect_class)
        rows.append([*facts, *corners, groups[item.file], item.reason])
    _write_csv(path, COLUMNS, rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _description(name: str, cleaned: Cleaned, kept: Sequence[tuple[Entry, Parted]]) -> dict[str, Any]:
    pictures: Counter[str] = Counter()
    for _, parted in kept:
        named = {key for key, _ in parted.boxes} | {region.defect_class for region in parted.regions}
        pictures.update(key for key in named if key)
    present = [key for key in cleaned.labels if pictures[key]]
    return {
        **cleaned.facts,
        "name": name,
        "classes": {key: cleaned.labels[key] for key in present},
        "class_counts": {key: pictures[key] for key in present},
        "hand_labelled": [entry.name for entry, parted in kept if parted.is_hand],
        "quarantine": {
            "items": dict(sorted(Counter(item.kind for item in cleaned.withdrawn).items())),
            "classes": dict(cleaned.labels),
        },
        "groups": {entry.name: entry.group for entry, _ in kept},
        "groups_from": "duplicate search",
    }


def read_cleaned(folder: Path) -> Cleaned:
    """Read a cleaned dataset back, quarantine and all.

    Raises:
        BadInput: not a cleaned dataset, or one of its files was spoilt.
    """
    quarantine = folder / FOLDER
    if not (quarantine / TABLE).is_file():
        raise BadInput(f"{folder}: holds no {FOLDER}/{TABLE}; only what clean_dataset.py wrote can be restored")
    facts = read_description(folder)
    withdrawn, groups = _read_table(quarantine / TABLE)
    groups |= facts.get("groups", {})
    has_boxes, has_labels = (folder / "boxes.csv").is_file(), (folder / "labels.csv").is_file()
    boxes: dict[str, list[Labelled]] = {}
    regions: dict[str, list[Region]] = {}
    for place in (folder, quarantine):
        for name, key, box in box_rows(place / "boxes.csv", _refuse(place / "boxes.csv")) if has_boxes else ():
            boxes.setdefault(name, []).append((key, box))
        for name, drawn in (read_via(place / "labels.csv") if has_labels else {}).items():
            regions.setdefault(name, []).extend(drawn)
    lost = {item.file for item in withdrawn}
    entries = []
    images = [image for place in (folder, quarantine) for image in (place / "images").iterdir()]
    for image in sorted(images, key=lambda path: path.name):
        if not is_picture(image):
            continue
        name = image.name
        mask = quarantine / "masks" / f"{name}.png" if name in lost else folder / "masks" / f"{image.stem}.png"
        entries.append(
            Entry(
                name=name,
                image=image,
                boxes=tuple(boxes.get(name, ())),
                regions=tuple(regions.get(name, ())),
                hand_labelled=name in regions,
                mask=mask if mask.is_file() else None,
                group=groups.get(name, name),
            )
        )
    labels = facts.get("quarantine", {}).get("classes", facts.get("classes", {}))
    return Cleaned(tuple(entries), withdrawn, labels, has_boxes, has_labels, facts)


def _refuse(path: Path) -> Callable[[int, str, str], None]:
    def refuse(line: int, name: str, reason: str) -> None:
        raise BadInput(f"{path}: line {line}: {reason}")

    return refuse


def _read_table(path: Path) -> tuple[tuple[Withdrawn, ...], dict[str, str]]:
    withdrawn, groups = [], {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                corners = [row[key] for key in ("x_min", "y_min", "x_max", "y_max")]
                box = tuple(map(float, corners)) if row["what"] == "box" else None
                withdrawn.append(
                    Withdrawn(
                        *(row["file"], row["what"], row["kind"], row["reason"], row["defect_class"]), box, row["item"]
                    )
                )
                groups[row["file"]] = row["group"]
            except (KeyError, TypeError, ValueError) as error:
                raise BadInput(f"{path}: cannot be read ({error!r}); clean the source again") from None
    return tuple(withdrawn), groups


def restore(folder: Path, items: Sequence[str], tick: Tick = lambda done, total: None) -> list[Withdrawn]:
    """Put items back from the quarantine of `folder` and return them.

    Args:
        items: names from quarantine.csv; a file's name means everything of that file, `all` everything usable.

    Raises:
        BadInput: not a cleaned dataset, an item that is not in quarantine or can never be used, or the folder cannot
            be written.
    """
    cleaned = read_cleaned(folder)
    table = folder / FOLDER / TABLE
    wanted: dict[str, Withdrawn] = {}
    for name in items:
        if name == "all":
            wanted |= {item.item: item for item in cleaned.withdrawn if item.kind not in UNUSABLE}
            continue
        found = [item for item in cleaned.withdrawn if name in (item.file, item.item)]
        if not found:
            names = [known for item in cleaned.withdrawn for known in (item.item, item.file)]
            raise BadInput(f"{table}: holds no item {name!r}{did_you_mean(name, names)}")
        if unusable := [item for item in found if item.kind in UNUSABLE]:
            raise BadInput(f"{table}: {unusable[0].item} cannot be used ({unusable[0].reason}); mend it in the source")
        wanted |= {item.item: item for item in found}
    if wanted:
        left = tuple(item for item in cleaned.withdrawn if item.item not in wanted)
        write_cleaned(folder, replace(cleaned, withdrawn=left), tick)
    return list(wanted.values())
