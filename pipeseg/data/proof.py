"""What a proof about datasets found: which set passed which check, and every fact that breaks the proof."""

from dataclasses import asdict, dataclass, field
from typing import Any

CHECKS = ("fingerprint", "files", "masks", "groups", "pixels", "copies")


@dataclass(frozen=True, slots=True)
class Violation:
    """One fact that breaks the proof. `text` is a sentence that names the files and sets."""

    check: str
    sets: tuple[str, ...]
    files: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found.

    Attributes:
        sets: number of pictures by set name.
        skipped: checks that were not asked for.
        notes: facts to know that break nothing, such as a source that has changed since.
    """

    sets: dict[str, int]
    skipped: tuple[str, ...] = ()
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_proven(self) -> bool:
        return not self.violations

    def state(self, name: str, check: str) -> str:
        """Return `ok`, `skipped`, or how often the set violates the check."""
        if check in self.skipped:
            return "skipped"
        count = sum(name in found.sets for found in self.violations if found.check == check)
        return f"VIOLATED ({count})" if count else "ok"

    def as_json(self) -> dict[str, Any]:
        states = {
            name: {"pictures": pictures, **{check: self.state(name, check) for check in CHECKS}}
            for name, pictures in self.sets.items()
        }
        violations = [asdict(found) for found in self.violations]
        return {"proven": self.is_proven, "sets": states, "violations": violations, "notes": self.notes}
