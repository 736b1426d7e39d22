"""Names: which files are pictures, which mean the same, and what derived datasets are called.

Standard library only, for the dashboard reads it too.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

# the folders of a dataset, each file named after its picture; the last two are optional
PARTS = ("images", "masks", "boxes", "weights")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
# the original's names: EVAL is our test set
SUFFIXES = {"train": "_BASELINE", "validation": "_BASELINE_VAL", "test": "_EVAL"}
# the same three sets where the masks are filled boxes
BOX_SUFFIXES = {"train": "_BOXES", "validation": "_BOXES_VAL", "test": "_BOXES_EVAL"}


def derived_name(source: str, defect_class: str | None, suffix: str) -> str:
    """Return e.g. `sample_deposition_BASELINE`, or `Deposition_BASELINE` for a source of a single class."""
    return f"{source}_{defect_class}{suffix}" if defect_class else f"{source}{suffix}"


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture of a dataset."""
    # hidden: what macOS writes beside a file on a foreign disk has the file's suffix
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def same_form(name: str) -> str:
    """Return `name` in Unicode form NFC: macOS writes `й` as two characters, everybody else as one."""
    return unicodedata.normalize("NFC", name)


def case_twins(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names that differ in case only, sorted: on Windows and macOS each is one file."""
    first: dict[str, str] = {}
    twins = []
    for name in sorted(names):
        other = first.setdefault(same_form(name).casefold(), name)
        if other != name:
            twins.append((other, name))
    return twins
