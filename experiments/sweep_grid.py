"""From lists of values to combinations: `seed=1,2` and `learning_rate=1e-4,3e-4` are four runs."""

import itertools
import re
import shlex
from collections.abc import Iterable, Sequence

from pipeseg.errors import BadInput

MAX_COMBINATIONS = 1000
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_OPENING, _CLOSING = "[{", "]}"


def combinations(overrides: Iterable[str]) -> list[list[str]]:
    """Return the overrides of every run: the product of the values of each key, the last key varying fastest.

    Commas separate values, but not within brackets, braces or quotes: `image_size=[128,160]` and
    `experiment_name="a, b"` (a shell needs quotes around it) are single values. `1..5` stands for the whole numbers
    from 1 to 5.

    Raises:
        BadInput: an empty value, a key with several values that is set twice, or more than `MAX_COMBINATIONS` runs.
    """
    keys, choices, total = [], [], 1
    for text in overrides:
        key, _, value = text.partition("=")
        values = split_values(value)
        if len(values) > 1 and not all(values):
            raise BadInput(f"--set: {key}: {value!r} holds an empty value; remove a comma, or quote the text")
        ranges = [_RANGE.fullmatch(item) for item in values]
        total *= sum(_length(found) if found else 1 for found in ranges)
        if total > MAX_COMBINATIONS:
            raise BadInput(f"--set: {key}: makes more than {MAX_COMBINATIONS} runs; take fewer values")
        items = [item for plain, found in zip(values, ranges, strict=True) for item in _numbers(found) or [plain]]
        keys.append(key.strip())
        # a single value stays as it was typed, right or wrong: `load_config` judges it
        choices.append([f"{key}={item}" for item in items] if len(items) > 1 or any(ranges) else [text])
    for key, texts in zip(keys, choices, strict=True):
        if len(texts) > 1 and keys.count(key) > 1:
            raise BadInput(f"--set: {key}: is set twice, once to several values; write all of them in one list")
    return [list(chosen) for chosen in itertools.product(*choices)]


def differing(grid: Sequence[Sequence[str]]) -> list[int]:
    """Return the places at which the overrides of the combinations differ."""
    return [place for place, texts in enumerate(zip(*grid, strict=True)) if len(set(texts)) > 1]


def split_values(text: str) -> list[str]:
    """Split at the commas that separate values; `""` is one empty value."""
    values, start, depth, quote, before = [], 0, 0, "", ","
    place = 0
    while place < len(text):
        letter = text[place]
        if quote:
            if letter == "\\" and quote == '"':
                place += 1  # whatever follows is part of the text
            elif letter == quote:
                quote = ""
        elif letter in "\"'" and before in ",:[{":
            quote = letter  # elsewhere it is an apostrophe
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            values.append(text[start:place].strip())
            start = place + 1
        if not letter.isspace():
            before = letter
        place += 1
    return [*values, text[start:].strip()]


def _length(found: re.Match[str]) -> int:
    return abs(int(found[2]) - int(found[1])) + 1


def _numbers(found: re.Match[str] | None) -> list[str]:
    if not found:
        return []
    first, last = int(found[1]), int(found[2])
    step = 1 if last >= first else -1
    return [str(number) for number in range(first, last + step, step)]


def split_line(line: str) -> list[str]:
    """Split a line as a person types it into `key=value` texts; brackets hold together what a shell wants quoted.

    Raises:
        BadInput: a quote is not closed, or a word is no `key=value`.
    """
    words: list[str] = []
    depth = 0
    try:
        parts = shlex.split(line)
    except ValueError:
        raise BadInput("a quote is not closed") from None
    for word in parts:
        if depth > 0:
            words[-1] += f" {word}"
        else:
            words.append(word)
        depth += sum(word.count(mark) for mark in "[{") - sum(word.count(mark) for mark in "]}")
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals or not key:
            raise BadInput(f"{word!r} is not of the form key=value")
    return words
