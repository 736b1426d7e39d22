"""The last audit of every dataset: `<DATASETS_DIR>/.audits/<name>.json`, and `<name>.md`, the page for a person."""

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeseg.run_directory import read_json
from pipeseg.settings import Settings

FOLDER = ".audits"
# what an audit reads: a change of one of these makes its report old
_PARTS = ("images", "masks", "labels", "boxes.csv", "labels.csv", "classes.txt", "dataset.json")

_lock = threading.Lock()
_remembered: dict[Path, tuple[tuple[int, int, int], "Report"]] = {}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should look at.

    Attributes:
        kind: `suspect` (a box), `duplicate` (a group of copies), `unreadable` or `conflict`.
        box: x_min, y_min, x_max, y_max in pixels; None where it is about the whole picture.
        defect_class: of the box, where the report says it.
        members: all file names of a group of copies.
    """

    kind: str
    file: str
    reason: str
    box: tuple[float, float, float, float] | None = None
    defect_class: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """An audit's report, as far as it is of the expected form.

    Attributes:
        written: when, in unix seconds.
        stale: whether the dataset was changed after it.
        notes: sentences about the dataset as a whole.
    """

    path: Path
    written: float
    findings: tuple[Finding, ...] = ()
    class_counts: dict[str, int] = field(default_factory=dict)
    box_counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stale: bool = False

    @property
    def page(self) -> Path:
        """The same for a person, in Markdown."""
        return self.path.with_suffix(".md")

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def finding_count(self) -> int:
        """How many findings are mistakes; copies are none, they only have to stay in one split."""
        return sum(finding.kind != "duplicate" for finding in self.findings)


def report_file(settings: Settings, name: str) -> Path:
    return settings.datasets_dir / FOLDER / f"{name}.json"


def read_report(settings: Settings, folder: Path) -> Report | None:
    """Return the last audit of a dataset folder; None where there is none, or it cannot be read as one."""
    path = report_file(settings, folder.name)
    try:
        stat = path.stat()
    except OSError:
        return None
    stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    with _lock:
        known = _remembered.get(path)
    if known is None or known[0] != stamp:
        values = read_json(path)
        if not values:
            return None
        known = stamp, parse_report(path, stat.st_mtime, values)
        with _lock:
            _remembered[path] = known
    report = known[1]
    started = read_json(path.with_suffix(".audit.job")).get("started")
    # what changed while the audit was reading may or may not be in the report
    since = started if isinstance(started, int | float) and started <= report.written else report.written
    if changed_at(folder) <= since:
        return report
    return replace(report, stale=True)


def changed_at(folder: Path) -> float:
    """Return when a dataset was last changed (unix seconds), as far as its folders and tables tell."""
    times = [0.0]
    for part in _PARTS:
        try:
            times.append((folder / part).stat().st_mtime)
        except OSError:
            continue
    return max(times)


def parse_report(path: Path, written: float, values: dict[str, Any]) -> Report:
    """Make a report of the JSON that `clean_dataset.py --report` writes; keys that are not known are left alone."""
    findings = []
    for entry in _dicts(values.get("suspect_boxes")):
        findings.append(
            Finding("suspect", str(entry.get("file", "")), _reason(entry), _box(entry.get("box")), _class(entry))
        )
    for entry in _dicts(values.get("unreadable")):
        findings.append(Finding("unreadable", str(entry.get("file", "")), _reason(entry)))
    for entry in _dicts(values.get("conflicts")):
        names = str(entry.get("first", "")), str(entry.get("second", ""))
        findings.append(Finding("conflict", names[0], _reason(entry), members=names))
    for group in values.get("duplicate_groups") or []:
        if isinstance(group, list) and len(group) > 1:
            names = tuple(map(str, group))
            findings.append(Finding("duplicate", names[0], f"{len(names)} copies of one picture", members=names))
    return Report(
        path=path,
        written=written,
        findings=tuple(findings),
        class_counts=_counts(values.get("class_counts")),
        box_counts=_counts(values.get("box_counts")),
        notes=tuple(_note(entry) for entry in values.get("notes") or [] if entry),
    )


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {str(key): count for key, count in value.items() if isinstance(count, int)}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _reason(entry: dict[str, Any]) -> str:
    return str(entry.get("reason") or entry.get("kind") or "no reason given")


def _class(entry: dict[str, Any]) -> str | None:
    value = entry.get("defect_class")
    return value if isinstance(value, str) else None


def _box(value: object) -> tuple[float, float, float, float] | None:
    if isinstance(value, list) and len(value) == 4 and all(isinstance(corner, int | float) for corner in value):
        return float(value[0]), float(value[1]), float(value[2]), float(value[3])
    return None


def _note(entry: object) -> str:
    if isinstance(entry, dict):
        return ": ".join(str(entry[key]) for key in ("file", "reason") if entry.get(key))
    return str(entry)
