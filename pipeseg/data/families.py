"""The sets that were derived from one source for one class, and which of them may share no picture."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeseg.data.description import read_description
from pipeseg.data.names import SUFFIXES, derived_name
from pipeseg.errors import BadInput, did_you_mean

ENDING = re.compile(r"_(?:EVAL|BASELINE(?:_F\d+)?(?:_VAL)?|H\d+(?:_VAL)?|BOXES(?:_VAL|_EVAL)?)$")
FOLD = re.compile(r"_F\d+(?:_VAL)?$")


@dataclass(frozen=True, slots=True)
class DerivedSet:
    """One set on disk.

    Attributes:
        family: what its siblings share, e.g. `sample_deposition`.
        source: the dataset that it was made from, which may be gone.
        part: train, validation or test.
        described: its dataset.json, `{}` where it has none.
    """

    path: Path
    family: str
    source: Path
    part: str
    described: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def line(self) -> str:
        """Train and validation set of one training are of one line: `..._H1` and `..._H1_VAL`."""
        return self.name.removesuffix("_VAL")

    @property
    def is_fold(self) -> bool:
        return "fold" in self.described or bool(FOLD.search(self.name))

    @property
    def is_hand_made(self) -> bool:
        """Split from hand masks, which know no half tones."""
        return "splits" in self.described


def must_be_apart(first: DerivedSet, second: DerivedSet) -> bool:
    """Tell whether no copy of a picture may be in both sets.

    Nothing of the test set is learned or chosen on, nothing of a validation set is learned by the model that it
    chooses. The folds' validation sets are parts of one whole; what one fold learns, another validates on.
    """
    if first.family != second.family:
        return False
    parts = {first.part, second.part}
    if len(parts) == 1:
        return parts == {"validation"} and first.is_fold and second.is_fold
    return "test" in parts or first.line == second.line


def find_sets(wanted: Path) -> list[DerivedSet]:
    """Return the sets derived from the dataset `wanted`, or, where it is a derived set, that one and its siblings.

    Raises:
        BadInput: no such dataset, nothing derived from it, or a dataset.json that is broken.
    """
    names = [path.name for path in _datasets(wanted.parent)]
    if wanted.name not in names:
        raise BadInput(f"{wanted}: no such dataset{did_you_mean(wanted.name, names)}")
    derived = {name: found for name in names if (found := _derived(wanted.with_name(name), names, wanted.name))}
    if wanted.name in derived:
        family = derived[wanted.name].family
        found = [chosen for chosen in derived.values() if chosen.family == family]
    else:
        found = [chosen for chosen in derived.values() if chosen.source == wanted]
    if not found:
        mend = f"make some with `python scripts/tools/preprocess_dataset.py {wanted.name}`"
        raise BadInput(f"{wanted}: no train, val or test set was derived from it; {mend}")
    order = list(SUFFIXES)
    return sorted(found, key=lambda chosen: (chosen.family, -order.index(chosen.part), chosen.name))


def _is_of_boxes(described: dict[str, Any]) -> bool:
    return described.get("labels") == "boxes"


def _datasets(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and (path / "images").is_dir():
                yield path


def _derived(path: Path, names: Sequence[str], wanted: str) -> DerivedSet | None:
    """Return the derived set at `path`, None for a source, or for a broken dataset.json that is not of our family."""
    try:
        described = read_description(path)
    except BadInput:
        if not path.name.startswith(ENDING.sub("", wanted)):
            return None
        raise
    source = described.get("source")
    if described.get("set") in SUFFIXES and isinstance(source, str):
        # drawn from boxes: another draw of the same pictures, which is never used with the hand-drawn one
        family = derived_name(source, described.get("defect_class"), "_BOXES" if _is_of_boxes(described) else "")
        return DerivedSet(path, family, path.with_name(source), described["set"], described)
    if not ENDING.search(path.name):
        return None
    # a set that says nothing: it comes from the longest name that it continues
    family = ENDING.sub("", path.name)
    sources = [name for name in names if not ENDING.search(name) and f"{family}_".startswith(f"{name}_")]
    part = "test" if path.name.endswith("_EVAL") else "validation" if path.name.endswith("_VAL") else "train"
    return DerivedSet(path, family, path.with_name(max(sources, key=len, default=family)), part, described)
