"""New hand labels into the labels.csv of a dataset that has some already: what is there stays as it is."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeseg.data.boxes import box_rows
from pipeseg.data.description import FILE, read_description
from pipeseg.data.export import ONLY_CLASS
from pipeseg.data.folder import images_by_stem
from pipeseg.data.formats.via import read_items
from pipeseg.data.names import same_form
from pipeseg.data.pictures import picture_size
from pipeseg.data.regions import Region
from pipeseg.data.via import COLUMNS, read_via, region_rows
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.run_directory import write_atomically, write_json


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge.

    Attributes:
        added: pictures that have a hand mask now, sorted.
        regions: drawn in them.
        kept: pictures that had one before; theirs was left as it is.
        waiting: pictures whose outlines nobody has marked as corrected.
    """

    added: tuple[str, ...]
    regions: int
    kept: tuple[str, ...]
    waiting: tuple[str, ...]


def merge_labels(drawn: Path, dataset: Path) -> Merged:
    """Add what was drawn in a VIA file to `dataset/labels.csv`; nothing is written unless all of it can be used.

    A picture without regions counts as looked at, nothing there. Pictures are matched by their file names.

    Args:
        drawn: VIA project, or annotations exported as JSON or CSV.

    Raises:
        BadInput: no such file, a shape or a picture that cannot be used, or a class that the dataset does not know.
    """
    if not drawn.is_file():
        raise BadInput(f"{drawn}: no such file; save the project in VIA and name the .json")
    pictures = {same_form(image.name): image for image in images_by_stem(dataset).values()}
    described = read_description(dataset)
    file = dataset / "labels.csv"
    before = read_via(file) if file.exists() else {}
    classes = _classes(dataset, described, before)
    items, problems = read_items(drawn, drawn.parent, None)
    if problems:
        raise BadInput(f"{drawn}: {problems[0].reason}")
    labelled = {same_form(name) for name in before}
    added: dict[str, list[Region]] = {}
    kept, waiting = [], []
    for name, draft in sorted(items.items()):
        key = same_form(Path(name).name)
        if key not in pictures:
            raise BadInput(f"{drawn}: names {name}, which is not in {dataset / 'images'}; is it of another dataset?")
        if not draft.looked_at:
            waiting.append(key)
            continue
        if draft.problems:
            raise BadInput(f"{drawn}: {name}: {draft.problems[0]}; mend it in VIA")
        regions = [
            Region(item.points, None if not classes and item.defect_class == ONLY_CLASS else item.defect_class)
            for item in draft.items
            if item.points is not None
        ]
        _check(drawn, name, regions, pictures[key], classes)
        if key in labelled:
            kept.append(key)
        else:
            added[pictures[key].name] = regions
    if added:
        write_atomically(file, _joined(file, added))
        if isinstance(described.get("hand_labelled"), list):
            names = sorted({*described["hand_labelled"], *map(same_form, added)})
            write_json(dataset / FILE, {**described, "hand_labelled": names})
    count = sum(map(len, added.values()))
    return Merged(tuple(sorted(added)), count, tuple(kept), tuple(waiting))


def _classes(dataset: Path, described: Mapping, before: Mapping[str, list[Region]]) -> set[str]:
    """Return the classes that the dataset knows; none where it is of one class without a name."""
    known = set(described.get("classes", {}))
    known |= {region.defect_class for regions in before.values() for region in regions if region.defect_class}
    if not known and (dataset / "boxes.csv").exists():
        known = {key for _, key, _ in box_rows(dataset / "boxes.csv", lambda *_: None)}
    return known


def _check(drawn: Path, name: str, regions: list[Region], image: Path, classes: set[str]) -> None:
    height, width = picture_size(image)
    for region in regions:
        if classes and region.defect_class not in classes:
            said = f"class {region.defect_class!r}" if region.defect_class else "a region without class"
            hint = did_you_mean(region.defect_class or "", sorted(classes))
            raise BadInput(f"{drawn}: {name}: {said}{hint} (known: {', '.join(sorted(classes))}); choose it in VIA")
        (x_min, y_min), (x_max, y_max) = region.points.min(0), region.points.max(0)
        if x_max < 0 or y_max < 0 or x_min > width - 1 or y_min > height - 1:
            raise BadInput(f"{drawn}: {name}: a region lies outside of the picture; remove it in VIA")


def _joined(file: Path, added: Mapping[str, list[Region]]) -> str:
    """Return the old rows, every cell as it is, and those of `added` below them."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    columns: list[str] = list(COLUMNS)
    if file.exists():
        with file.open(encoding="utf-8-sig", newline="") as old:
            rows = list(csv.reader(old))
        columns = rows[0]
        table.writerows(rows)
    else:
        table.writerow(columns)
    for name, regions in sorted(added.items()):
        for row in region_rows(name, regions):
            cells = dict(zip(COLUMNS, row, strict=True))
            # a file that was exported elsewhere may have its columns in another order, or more of them
            table.writerow([cells.get(column, "") for column in columns])
    return text.getvalue()
