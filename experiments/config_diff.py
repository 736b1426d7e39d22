"""What differs between two configs: resolved values key by key, and the text line by line."""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

_WORD = re.compile(r"[^\W\d][\w./+-]*(?: [\w./+-]+)*")
_NO_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


class Absent(Enum):
    """The value of a key that one side does not have; null is a value."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that is not the same on both sides.

    Attributes:
        key: dotted, `model.args.encoder_name`.
        left, right: plain values; `ABSENT` where a side has no such key.
    """

    key: str
    left: object
    right: object


def flat(mapping: Mapping[str, Any]) -> dict[str, object]:
    """Return dotted key -> value; lists are values, and so is an empty mapping."""
    return dict(_flat(mapping, ""))


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """Return the keys whose values differ, in the order of `left`, then those that `right` alone has."""
    first, second = flat(left), flat(right)
    found = []
    for key in dict.fromkeys([*first, *second]):
        pair = first.get(key, ABSENT), second.get(key, ABSENT)
        if not same(*pair):
            found.append(Difference(key, *pair))
    return found


def same(left: object, right: object) -> bool:
    """Tell whether two values mean the same in a config: 1 and 1.0 do, 1 and true do not, NaN and NaN do."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right):
        return True
    return left == right


def as_text(value: object) -> str:
    """Return a value as it would stand in a config, on one line; nothing for `ABSENT`."""
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else _inner(value)


def _inner(value: object) -> str:
    """Write a value inside brackets: words without quotes where YAML reads them back as words."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inner(key)}: {_inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inner, value)) + "]"
    if isinstance(value, str) and _WORD.fullmatch(value) and value.casefold() not in _NO_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def line_diff(left: str, right: str, names: tuple[str, str]) -> list[str]:
    """Return a unified diff of two texts, three lines around each change; nothing where they are equal."""
    lines: Sequence[str] = left.splitlines(), right.splitlines()
    return [line.rstrip("\n") for line in difflib.unified_diff(*lines, *names, lineterm="")]


def _flat(mapping: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
