"""File names that mean the same: composed and decomposed accents, upper and lower case."""

import unicodedata
from collections.abc import Iterable


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
