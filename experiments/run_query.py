"""The language in which runs are looked for: `class:deposition iou>0.5 -status:failed`. Pure: no file is read.

| words | all must be in name, experiment, class, tags or id |
|---|---|
| field:value | begins with it, or `*` and `?` as in file names; field=value exactly, field!=value not |
| field>1e-3 | numbers, lengths of time (age<2d), dates (started>2026-01-01): > >= < <= = != |
| is:archived has:note | what a run is and has |
| -term OR ( ) "…" | not; either; together; with spaces |
"""

import fnmatch
import math
import operator
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from experiments.run_fields import FLAGS, PARTS, Field, find_field, number_of
from experiments.run_view import RunView
from pipeseg.errors import BadInput, did_you_mean

Test = Callable[[RunView, Sequence[Any]], bool]

DEEPEST = 40
_OPERATORS = ("!=", ">=", "<=", ":", "=", ">", "<")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][\w./-]*")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(sec|s|min|m|h|d|w)")
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_EXAMPLES = {"number": "0.5", "seconds": "2d, 3h or 30min", "time": "2026-01-31 or 2026-01-31T12:00"}


class BadQuery(BadInput):
    """A query that cannot be understood; `at` is the place, counted from 1."""

    def __init__(self, at: int, text: str) -> None:
        self.at = at
        super().__init__(f"character {at}: {text}")


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood.

    Attributes:
        config_keys: what it has to know of configs; `matches` gets their values in this order.
        shows_archived: whether it says itself which archived runs it wants; else it wants none.
    """

    text: str
    config_keys: tuple[str, ...]
    shows_archived: bool
    test: Test

    def matches(self, run: RunView, config: Sequence[Any] = ()) -> bool:
        return (self.shows_archived or not run.archived) and self.test(run, config)


def parse(text: str, *, now: float | None = None, config_keys: Collection[str] = ()) -> Query:
    """Understand a query; an empty one wants every run that is not archived.

    Args:
        now: unix seconds, for ages.
        config_keys: dotted keys that configs are known to have, to tell what was meant.

    Raises:
        BadQuery: one sentence with the place of the mistake.
    """
    reader = _Reader(text, time.time() if now is None else now, config_keys)
    test = reader.whole()
    return Query(text.strip(), tuple(reader.keys), reader.shows_archived, test)


class _Reader:
    """Reads a query from left to right: whole = terms joined by OR, each a row of terms that must all hold."""

    def __init__(self, text: str, now: float, config_keys: Collection[str]) -> None:
        self.text, self.at, self.now, self.config_keys = text, 0, now, config_keys
        self.keys: dict[str, int] = {}
        self.shows_archived = False
        self.depth = 0

    def whole(self) -> Test:
        test = self._either()
        if self.at < len(self.text):
            raise self._wrong("this ) closes nothing; take it out")
        return test

    def _either(self) -> Test:
        tests = [self._together()]
        while self._keyword("OR"):
            self._expect_more("OR")
            tests.append(self._together())
        return tests[0] if len(tests) == 1 else lambda run, config: any(test(run, config) for test in tests)

    def _together(self) -> Test:
        tests: list[Test] = []
        while True:
            if self._keyword("AND"):
                if not tests:
                    raise self._wrong("AND needs something before it", back=3)
                self._expect_more("AND")
            self._skip()
            if self.at == len(self.text) or self.text[self.at] == ")" or self._sees("OR"):
                break
            tests.append(self._term())
        if not tests:
            if self._sees("OR"):
                raise self._wrong("OR needs something before it")
            return lambda run, config: True
        return tests[0] if len(tests) == 1 else lambda run, config: all(test(run, config) for test in tests)

    def _term(self) -> Test:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._wrong("too many brackets or - within each other")
        test = self._deeper()
        self.depth -= 1
        return test

    def _deeper(self) -> Test:
        if self.text[self.at] == "-" or self._sees("NOT"):
            word = "-" if self.text[self.at] == "-" else "NOT"
            self.at += len(word)
            self._expect_more(word)
            test = self._term()
            return lambda run, config: not test(run, config)
        if self.text[self.at] == "(":
            opened = self.at
            self.at += 1
            self._skip()
            if self.text[self.at : self.at + 1] == ")":
                raise self._wrong("there is nothing between ( and )")
            test = self._either()
            if self.text[self.at : self.at + 1] != ")":
                raise BadQuery(opened + 1, "this ( is not closed; add )")
            self.at += 1
            return test
        return self._comparison() or self._word()

    def _comparison(self) -> Test | None:
        start = self.at
        if not (name := _NAME.match(self.text, self.at)):
            return None
        self.at = name.end()
        after_name = self.at
        self._skip()
        sign = next((sign for sign in _OPERATORS if self.text.startswith(sign, self.at)), None)
        if sign is None or (sign == ":" and self.at > after_name):
            self.at = start
            return None
        self.at += len(sign)
        if sign != ":":
            self._skip()
        value_at = self.at
        value = self._value()
        if not value and self.text[value_at : value_at + 1] not in ('"', "'"):
            raise BadQuery(value_at + 1, f"what is {name[0]} to be? write it after {sign}")
        return self._compare(name[0], start, sign, value, value_at)

    def _compare(self, name: str, at: int, sign: str, value: str, value_at: int) -> Test:
        if name.casefold() in ("is", "has"):
            return self._flag(name.casefold(), sign, value, value_at)
        try:
            field = find_field(name, self.config_keys)
        except BadInput as error:
            raise BadQuery(at + 1, str(error)) from None
        if field.kind == "config":
            return self._of_config(field, sign, value, value_at)
        if field.kind in ("text", "words"):
            if sign in (">", ">=", "<", "<="):
                raise BadQuery(value_at, f"{field.name} is text and has no size; write {field.name}:{value}")
            return _of_text(field, sign, value, self.now)
        return self._of_number(field, sign, value, value_at)

    def _flag(self, name: str, sign: str, value: str, value_at: int) -> Test:
        known = FLAGS if name == "is" else PARTS
        value = {"tags": "tag", "notes": "note"}.get(value.casefold(), value.casefold())
        if sign not in (":", "="):
            raise BadQuery(value_at, f"write {name}:{value}; -{name}:{value} is the contrary")
        if value not in known:
            hint = did_you_mean(value, list(known)) or f" (there are: {', '.join(known)})"
            raise BadQuery(value_at + 1, f"{name}: knows no {value!r}{hint}")
        self.shows_archived |= name == "is" and value in ("archived", "any")
        flag = known[value]
        return lambda run, config: flag(run)

    def _of_number(self, field: Field, sign: str, value: str, value_at: int) -> Test:
        read, now = field.read, self.now
        wanted = {"number": _number, "seconds": _length, "time": _moment}[field.kind](value, now)
        if wanted is None:
            raise BadQuery(
                value_at + 1, f"{value!r} is no {_KINDS[field.kind]}; {field.name} is like {_EXAMPLES[field.kind]}"
            )
        if field.kind == "time" and sign in (":", "=", "!=") and len(value) <= 10:
            day = lambda run, config: (found := read(run, now)) is not None and wanted <= found < wanted + 86400  # noqa: E731
            return day if sign != "!=" else lambda run, config: not day(run, config)
        compare = _COMPARE["=" if sign == ":" else sign]
        return lambda run, config: (found := number_of(read(run, now))) is not None and compare(found, wanted)

    def _of_config(self, field: Field, sign: str, value: str, value_at: int) -> Test:
        place = self.keys.setdefault(field.config_key or "", len(self.keys))
        wanted = _number(value, self.now)
        if sign in (">", ">=", "<", "<="):
            if wanted is None:
                raise BadQuery(value_at + 1, f"{value!r} is no number; {field.name}{sign}0.001 compares, : finds text")
            compare = _COMPARE[sign]
            return lambda run, config: (found := number_of(config[place])) is not None and compare(found, wanted)
        matches = _pattern(value, exact=sign != ":")

        def test(run: RunView, config: Sequence[Any]) -> bool:
            found = config[place]
            if wanted is not None and (number := number_of(found)) is not None:
                return math.isclose(number, wanted, rel_tol=1e-9)
            return found is not None and matches(_plain(found))

        return test if sign != "!=" else lambda run, config: not test(run, config)

    def _word(self) -> Test:
        wanted = self._value().casefold()

        def test(run: RunView, config: Sequence[Any]) -> bool:
            texts = (run.name, run.experiment, run.defect_class, *run.tags, run.run_id)
            return any(text and wanted in text.casefold() for text in texts)

        return test

    # -- characters ----------------------------------------------------------------------------------------------

    def _value(self) -> str:
        """Read up to the next space or bracket; quotes hold together."""
        found = ""
        while self.at < len(self.text) and not self.text[self.at].isspace() and self.text[self.at] not in "()":
            mark = self.text[self.at]
            if mark in "\"'" and not found:
                end = self.text.find(mark, self.at + 1)
                if end < 0:
                    raise self._wrong(f"this {mark} is not closed; add another")
                found, self.at = self.text[self.at + 1 : end], end + 1
                break
            found += mark
            self.at += 1
        return found

    def _skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def _sees(self, word: str) -> bool:
        end = self.at + len(word)
        return self.text.startswith(word, self.at) and (end == len(self.text) or self.text[end] in " \t(")

    def _keyword(self, word: str) -> bool:
        self._skip()
        if self._sees(word):
            self.at += len(word)
            return True
        return False

    def _expect_more(self, word: str) -> None:
        self._skip()
        if self.at == len(self.text) or self.text[self.at] == ")" or self._sees("OR") or self._sees("AND"):
            raise self._wrong(f"{word} needs something after it")

    def _wrong(self, text: str, back: int = 0) -> BadQuery:
        return BadQuery(self.at + 1 - back, text)


_KINDS = {"number": "number", "seconds": "length of time", "time": "date"}


def _of_text(field: Field, sign: str, value: str, now: float) -> Test:
    read, is_words = field.read, field.kind == "words"
    if field.name == "note" and sign == ":":
        value = f"*{value}*"
    matches = _pattern(value, exact=sign != ":")

    def test(run: RunView, config: Sequence[Any]) -> bool:
        found = read(run, now)
        return any(map(matches, found)) if is_words else found is not None and matches(found)

    return test if sign != "!=" else lambda run, config: not test(run, config)


def _pattern(value: str, *, exact: bool) -> Callable[[str], bool]:
    """Return what tells whether a text is meant: by glob where there is one, else wholly or by a part's beginning."""
    wanted = value.casefold()
    if not exact and any(mark in wanted for mark in "*?["):
        matches = re.compile(fnmatch.translate(wanted)).match
        return lambda text: matches(text.casefold()) is not None
    if exact:
        return lambda text: text.casefold() == wanted
    # of a nested experiment, the folder's own name too
    return lambda text: (folded := text.casefold()).startswith(wanted) or f"/{wanted}" in folded


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _number(value: str, now: float) -> float | None:
    try:
        found = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _length(value: str, now: float) -> float | None:
    parts = _LENGTH.findall(value.casefold())
    if not parts or _LENGTH.sub("", value.casefold()).strip():
        return None
    return sum(float(count) * _SECONDS[unit] for count, unit in parts)


def _moment(value: str, now: float) -> float | None:
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        return (named.get(value.casefold()) or datetime.fromisoformat(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
