"""What an audit of a dataset found: plain data, and the JSON that outside readers get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeseg.data.boxes import Box
    from pipeseg.data.duplicates import Duplicates

# kinds of suspects that are told by contents
FALSE, WRONG_CLASS = "false", "wrong_class"


@dataclass(frozen=True, slots=True)
class SuspectBox:
    """A box that is probably wrong; cleaning puts it into quarantine.

    Attributes:
        box: x_min, y_min, x_max, y_max in pixels, as the source has it.
        reason: `kind: sentence`, e.g. `twice: the same box is drawn a second time`.
        score: 0..1, how much likelier something else is; None where it is a matter of rules.
    """

    file: str
    defect_class: str
    box: Box
    reason: str
    score: float | None = None

    @property
    def kind(self) -> str:
        """The word before the colon of the reason."""
        return self.reason.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that cannot be decoded to its last byte."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two copies of one picture whose labels differ; which of them is right, the labels alone cannot say.

    Attributes:
        kind: `classes` (another set of classes) or `boxes` (a box without a counterpart).
    """

    first: str
    second: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to look at that is no reason to withdraw anything. `file` may be empty: the dataset as a whole."""

    file: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How much of one class a dataset holds: pictures with it, its boxes, its hand-drawn regions."""

    pictures: int
    boxes: int
    regions: int


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything one audit found.

    Attributes:
        format: how the labels were stored, e.g. `yolo`.
        pictures: number of picture files, readable or not.
        hand_labelled: names of the pictures that a person has outlined (or found to be clean).
        sizes: (width, height) -> number of pictures.
        content: whether it was looked at what boxes show.
        judged: boxes that networks have judged by what they show.
        not_judged: class -> why networks say nothing about its boxes.
    """

    name: str
    path: str
    format: str
    pictures: int
    hand_labelled: tuple[str, ...]
    sizes: dict[tuple[int, int], int]
    class_counts: dict[str, ClassCount]
    duplicates: Duplicates
    conflicts: tuple[Conflict, ...]
    suspects: tuple[SuspectBox, ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[Note, ...]
    content: bool
    judged: int = 0
    not_judged: Mapping[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, int]:
        """Return how many findings of each kind there are, in the order of a report."""
        suspects = Counter(suspect.kind for suspect in self.suspects)
        notes = Counter(note.kind for note in self.notes)
        return {
            "unreadable": len(self.unreadable),
            "duplicate_groups": len(self.duplicates.groups),
            "duplicate_pictures": sum(len(group) - 1 for group in self.duplicates.groups),
            "conflicts": len(self.conflicts),
            "suspect_boxes": len(self.suspects),
            **{f"suspect_{kind}": count for kind, count in sorted(suspects.items())},
            **{f"note_{kind}": count for kind, count in sorted(notes.items())},
        }

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs. `class_counts` counts pictures, `box_counts` boxes."""
        return {
            "name": self.name,
            "path": self.path,
            "format": self.format,
            "pictures": self.pictures,
            "hand_labelled": len(self.hand_labelled),
            "content_checked": self.content,
            "boxes_judged": self.judged,
            "classes_not_judged": dict(self.not_judged),
            "sizes": {f"{width}x{height}": count for (width, height), count in sorted(self.sizes.items())},
            "class_counts": {key: count.pictures for key, count in self.class_counts.items()},
            "box_counts": {key: count.boxes for key, count in self.class_counts.items()},
            "region_counts": {key: count.regions for key, count in self.class_counts.items()},
            "summary": self.summary(),
            "duplicate_groups": [list(group) for group in self.duplicates.groups],
            "duplicate_pairs": [asdict(pair) for pair in self.duplicates.pairs],
            "conflicts": [
                {"files": [conflict.first, conflict.second], "kind": conflict.kind, "reason": conflict.reason}
                for conflict in self.conflicts
            ],
            "suspect_boxes": [
                {
                    "file": suspect.file,
                    "defect_class": suspect.defect_class,
                    "box": list(suspect.box),
                    "kind": suspect.kind,
                    "reason": suspect.reason,
                    "score": suspect.score,
                }
                for suspect in self.suspects
            ],
            "unreadable": [asdict(item) for item in self.unreadable],
            "notes": [asdict(note) for note in self.notes],
        }
