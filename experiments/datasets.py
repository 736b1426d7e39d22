"""The datasets of this workshop as they stand: what a folder in DATASETS_DIR holds, where it comes from, its health.

Read with the standard library only, for the dashboard asks every two seconds; files that did not change are not read
again.
"""

import csv
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from experiments.dataset_jobs import Job, last_job
from experiments.dataset_reports import Report, read_report
from pipeseg.data.names import IMAGE_SUFFIXES, is_picture
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.run_directory import read_json
from pipeseg.settings import Settings

KINDS = ("source", "train", "val", "test", "hybrid", "unknown")
MAKE_SAMPLE = "python scripts/tools/make_sample_dataset.py"
IMPORT = "python scripts/tools/import_dataset.py"

HEALTH_GLYPHS = {
    "ok": "✓",
    "suspects": "!",
    "not audited": "○",
    "auditing": "●",
    "audit failed": "✗",
    "broken": "✗",
}
FINDING_WORDS = {
    "suspect": "suspect boxes",
    "conflict": "conflicts",
    "unreadable": "unreadable",
    "duplicate": "groups of copies",
}

_SETS = {"train": "train", "validation": "val", "val": "val", "test": "test"}
_SUFFIX = re.compile(r"_(BASELINE_VAL|BASELINE|EVAL|H\d+_VAL|H\d+)$")
_SUFFIX_SETS = {"BASELINE": "train", "BASELINE_VAL": "val", "EVAL": "test"}
_ANNOTATIONS = ("boxes.csv", "labels.csv", "labels", "classes.txt")

Value = TypeVar("Value")
_lock = threading.Lock()
_remembered: dict[tuple[str, Path], tuple[object, Any]] = {}


@dataclass(frozen=True, slots=True)
class DatasetView:
    """One dataset folder; a snapshot.

    Attributes:
        kind: one of `KINDS`.
        part: `train`, `val` or `test` of a derived dataset; a hybrid one has both a kind and a part.
        source: what it was made from: another dataset, or the name of a tool or folder.
        depth: 0, or 1 below the dataset that it was made from.
        classes: class key -> label in the language of its makers (`""` where there is none).
        class_counts: class key -> pictures that hold the class.
        box_counts, hand_counts: class key -> boxes, and pictures with hand polygons of the class.
        hand_labelled: pictures with hand polygons (an empty answer counts too); None where nobody says.
        groups: groups of copies; None where nobody says.
        splits: set -> number of pictures, as `dataset.json` records them.
        problem: one sentence why the folder cannot be used, else None.
        problems: what the import could not take, (file, reason).
        report: the last audit, None while there is none.
        audit, verification, next_masks: the last job of its kind.
    """

    name: str
    path: Path
    kind: str = "unknown"
    part: str | None = None
    source: str | None = None
    depth: int = 0
    pictures: int = 0
    classes: dict[str, str] = field(default_factory=dict)
    class_counts: dict[str, int] = field(default_factory=dict)
    box_counts: dict[str, int] = field(default_factory=dict)
    hand_counts: dict[str, int] = field(default_factory=dict)
    hand_labelled: int | None = None
    groups: int | None = None
    splits: dict[str, int] = field(default_factory=dict)
    seed: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    problem: str | None = None
    problems: tuple[tuple[str, str], ...] = ()
    report: Report | None = None
    audit: Job | None = None
    verification: Job | None = None
    next_masks: Job | None = None

    @property
    def jobs(self) -> list[Job]:
        """What works on it or did, the last of each kind."""
        return [job for job in (self.audit, self.verification, self.next_masks) if job]

    @property
    def health(self) -> str:
        """`broken`, `auditing`, `audit failed`, `not audited`, `suspects` or `ok`."""
        if self.problem:
            return "broken"
        if self.audit and self.audit.is_active:
            return "auditing"
        if self.audit and self.audit.status in ("failed", "lost") and self.audit.is_newer_than(self.report):
            return "audit failed"
        if self.report is None:
            return "not audited"
        return "suspects" if self.report.finding_count else "ok"


def list_datasets(settings: Settings) -> list[DatasetView]:
    """Return every dataset, each derived one after the dataset that it was made from; broken ones say why."""
    views = {folder.name: read_dataset(settings, folder) for folder in _folders(settings.datasets_dir)}
    children: dict[str, list[DatasetView]] = {}
    for view in views.values():
        if view.source in views and view.source != view.name and view.kind not in ("source", "unknown"):
            children.setdefault(view.source, []).append(replace(view, depth=1))
    nested = {child.name for family in children.values() for child in family}
    ordered: list[DatasetView] = []
    for name in sorted(views.keys() - nested):
        ordered += [views[name], *sorted(children.get(name, []), key=_place)]
    return ordered


def find_dataset(settings: Settings, name: str) -> DatasetView:
    """Return the dataset called `name`.

    Raises:
        BadInput: there is none; the sentence offers the closest name.
    """
    folder = settings.datasets_dir / name
    if name and Path(name).name == name and not name.startswith(".") and folder.is_dir():
        return read_dataset(settings, folder)
    known = [folder.name for folder in _folders(settings.datasets_dir)]
    if not known:
        raise BadInput(f"{settings.datasets_dir}: no datasets here; make the sample with `{MAKE_SAMPLE}`")
    hint = did_you_mean(name, known) or "; `python -m experiments datasets` lists them"
    raise BadInput(f"no dataset {name!r} in {settings.datasets_dir}{hint}")


def read_dataset(settings: Settings, folder: Path) -> DatasetView:
    """Return one folder as it stands; a folder that is no dataset carries its `problem`."""
    name = folder.name
    kinds = {"audit": "audit", "verification": "verify", "next_masks": "next"}
    jobs = {key: last_job(settings, name, kind) for key, kind in kinds.items()}
    report = read_report(settings, folder)
    try:
        view = _read(folder)
    except BadInput as error:
        return DatasetView(name, folder, problem=str(error), report=report, **jobs)
    except OSError as error:
        sentence = f"{error.filename or folder}: {error.strerror or error}; mend its rights or move it away"
        return DatasetView(name, folder, problem=sentence, report=report, **jobs)
    if report and not view.class_counts:  # a raw folder: only the audit has read its annotations
        classes = view.classes or dict.fromkeys(report.class_counts, "")
        view = replace(view, classes=classes, class_counts=report.class_counts, box_counts=report.box_counts)
    return replace(view, report=report, **jobs)


def kind_text(view: DatasetView) -> str:
    """Return what a dataset is for, in a word or two: `source`, `train`, `hybrid val`."""
    return f"{view.kind} {view.part}" if view.part and view.part != view.kind else view.kind


def health_text(view: DatasetView) -> str:
    """Return glyph and words: `✓ ok`, `! 12 suspects`, `✓ ok, stale`."""
    word = view.health
    if word == "suspects" and view.report:
        count = view.report.finding_count
        word = f"{count} suspect{'s' if count != 1 else ''}"
    stale = ", stale" if view.report and view.report.stale and view.health in ("ok", "suspects") else ""
    return f"{HEALTH_GLYPHS[view.health]} {word}{stale}"


def picture_names(folder: Path) -> tuple[str, ...]:
    """Return the file names of the pictures in `folder/images`, sorted; remembered until the folder changes.

    Raises:
        BadInput: there is no such folder, or it holds no picture.
    """
    images = folder / "images"
    if not images.is_dir():
        raise BadInput(f"{folder}: holds no images/ folder; make a dataset of it with `{IMPORT} {folder}`")
    names = remembered("names", images, lambda: _list_pictures(images))
    if not names:
        raise BadInput(f"{images}: holds no picture; add {', '.join(sorted(IMAGE_SUFFIXES))} files or remove it")
    return names


def remembered(what: str, path: Path, read: Callable[[], Value]) -> Value:
    """Return what `read` makes of `path`, read again only when the path's time or size has changed."""
    stat = path.stat()
    stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    with _lock:
        known = _remembered.get((what, path))
    if known and known[0] == stamp:
        return known[1]
    value = read()
    with _lock:
        _remembered[what, path] = (stamp, value)
    return value


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in root.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _list_pictures(images: Path) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in images.iterdir() if is_picture(entry)))


def _read(folder: Path) -> DatasetView:
    names = picture_names(folder)
    facts_file = folder / "dataset.json"
    facts = remembered("facts", facts_file, lambda: _read_facts(facts_file)) if facts_file.is_file() else _Facts()
    boxed, drawn = _rows(folder / "boxes.csv"), _rows(folder / "labels.csv")
    kind, part = _kind(folder, facts)
    counts = facts.class_counts or {key: len(files) for key, files in boxed.items()}
    listed = _listed_classes(folder / "classes.txt")
    keys = {**facts.classes, **{key: facts.classes.get(key, "") for key in (*listed, *counts)}}
    hand = facts.hand_labelled
    if hand is None and drawn:
        hand = len(set().union(*drawn.values()))
    return DatasetView(
        name=folder.name,
        path=folder,
        kind=kind,
        part=part,
        source=facts.source,
        pictures=len(names),
        classes=keys,
        class_counts=counts,
        box_counts={key: sum(files.values()) for key, files in boxed.items()},
        hand_counts={key: len(files) for key, files in drawn.items() if key},
        hand_labelled=hand,
        groups=facts.groups,
        splits=facts.splits,
        seed=facts.seed,
        parameters=facts.parameters,
        fingerprint=facts.fingerprint,
        problems=facts.problems,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What `dataset.json` says, as far as it is of the expected type."""

    source: str | None = None
    part: str | None = None
    defect_class: str | None = None
    classes: dict[str, str] = field(default_factory=dict)
    class_counts: dict[str, int] = field(default_factory=dict)
    hand_labelled: int | None = None
    groups: int | None = None
    splits: dict[str, int] = field(default_factory=dict)
    seed: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    problems: tuple[tuple[str, str], ...] = ()


def _read_facts(path: Path) -> _Facts:
    values = read_json(path)
    if not values:
        raise BadInput(f"{path}: is not a JSON object; make the dataset again or remove the file")

    def of(key: str, kind: type[Value]) -> Value | None:
        value = values.get(key)
        return value if isinstance(value, kind) and not isinstance(value, bool) else None

    defect_class = of("defect_class", str)
    classes = {str(key): str(label or "") for key, label in (of("classes", dict) or {}).items()}
    if defect_class and not classes:
        classes = {defect_class: of("class_label", str) or ""}
    hand = values.get("hand_labelled")
    groups = of("groups", dict)
    return _Facts(
        source=of("source", str),
        part=_SETS.get(of("set", str) or ""),
        defect_class=defect_class,
        classes=classes,
        class_counts={key: count for key, count in (of("class_counts", dict) or {}).items() if isinstance(count, int)},
        hand_labelled=len(hand) if isinstance(hand, list | dict) else of("hand_labelled", int),
        groups=len(set(map(str, groups.values()))) if groups else None,
        splits={key: len(files) for key, files in (of("splits", dict) or {}).items() if isinstance(files, list)},
        seed=of("seed", int),
        parameters=of("parameters", dict) or {},
        fingerprint=of("fingerprint", str),
        problems=_problems(of("problems", list) or []),
    )


def _problems(entries: Iterable[object]) -> tuple[tuple[str, str], ...]:
    told = []
    for entry in entries:
        if isinstance(entry, dict):
            told.append((str(entry.get("file", "")), str(entry.get("reason", ""))))
        else:
            told.append(("", str(entry)))
    return tuple(told)


def _kind(folder: Path, facts: _Facts) -> tuple[str, str | None]:
    """Tell what a dataset is for: what `dataset.json` says wins over what the name says."""
    found = _SUFFIX.search(folder.name)
    ending = found[1] if found else ""
    if ending.startswith("H") or "refiner" in facts.parameters:
        return "hybrid", facts.part or ("val" if ending.endswith("VAL") else "train")
    part = facts.part or _SUFFIX_SETS.get(ending)
    if part:
        return part, part
    is_source = any((folder / name).exists() for name in _ANNOTATIONS)
    return ("source" if is_source else "unknown"), None


def _rows(path: Path) -> dict[str, Counter[str]]:
    """Return class -> file name -> rows of a CSV; what is damaged is left out here, the audit names it."""
    return remembered("rows", path, lambda: _count_rows(path)) if path.is_file() else {}


def _count_rows(path: Path) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for row in csv.DictReader(line.replace("\0", "") for line in file):
            if name := row.get("filename"):
                found.setdefault(_row_class(row), Counter())[name] += 1
    return found


def _row_class(row: dict[str, Any]) -> str:
    """Return the class of a box or of a VIA region; `""` where a row names none."""
    if key := row.get("defect_class"):
        return str(key)
    try:
        attributes = json.loads(row.get("region_attributes") or "{}")
    except (ValueError, TypeError):
        return ""
    return str(attributes.get("defect_class") or "") if isinstance(attributes, dict) else ""


def _listed_classes(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return remembered("classes", path, lambda: path.read_text(encoding="utf-8", errors="replace").splitlines())


def _place(view: DatasetView) -> tuple[object, ...]:
    return sorted(view.classes)[:1], view.kind == "hybrid", KINDS.index(view.part or "unknown"), view.name
