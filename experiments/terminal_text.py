"""What a program wrote for a terminal, as the terminal would show it in the end: bars folded, escapes gone."""

import re
from dataclasses import dataclass, field

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# to another row: how several progress bars are redrawn one below the other
_MOVE = re.compile(r"\x1b\[(\d*)([ABEF])")
_ERASE = re.compile(r"\x1b\[[0-2]?[JK]")
# no program redraws more rows than a terminal has; more would be a mistake in the log
MOST_ROWS = 100


def fold(line: str) -> str:
    """Return a line as a terminal would show it in the end: after its last carriage return, without escapes."""
    if line.isprintable():
        return line.rstrip()
    parts = [part for part in line.split("\r") if part.strip()]
    text = _CONTROL.sub("", _ESCAPE.sub("", parts[-1] if parts else ""))
    return text.expandtabs().rstrip()


def moves(text: str) -> bool:
    """Tell whether a text goes to another row than the one it begins on."""
    return "\x1b[" in text and _MOVE.search(text) is not None


@dataclass(slots=True)
class Rows:
    """The rows at the end of a log that may still be redrawn; everything above them is finished.

    Attributes:
        rows: from the uppermost that the cursor may go back to, down to the last one drawn.
        at: the row that the cursor is on, as an index of `rows`.
    """

    rows: list[str] = field(default_factory=list)
    at: int = 0

    def feed(self, line: str, done: list[str]) -> None:
        """Take one whole line, without its newline; append to `done` what can no longer change.

        A line that goes further up than `rows` takes lines from the end of `done` back.
        """
        if not self.rows and not moves(line):
            done.append(fold(line))
            return
        self._draw(line, done)
        self.at += 1
        if self.at >= len(self.rows):
            done += self.rows
            self.rows, self.at = [], 0

    def reserve(self, rest: str, done: list[str]) -> None:
        """Take back from `done` what an unfinished line is about to redraw."""
        height = lowest = self.at
        for count, kind in _MOVE.findall(rest):
            height += int(count or 1) * (-1 if kind in "AF" else 1)
            lowest = min(lowest, height)
        if lowest < 0:
            self._take_back(-lowest, done)

    def shown_with(self, rest: str) -> list[str]:
        """Return the rows as they stand with the unfinished line `rest`, without blank ones at the end."""
        seen = Rows([*self.rows], self.at)
        if rest:
            seen._draw(rest, [])
        while seen.rows and not seen.rows[-1]:
            seen.rows.pop()
        return seen.rows

    def copy(self) -> "Rows":
        return Rows([*self.rows], self.at)

    def _take_back(self, count: int, done: list[str]) -> None:
        count = min(count, len(done), MOST_ROWS)
        if count:
            self.rows[:0] = done[-count:]
            del done[-count:]
            self.at += count

    def _draw(self, line: str, done: list[str]) -> None:
        texts = _MOVE.split(line)
        self._put(texts[0])
        for count, kind, text in zip(texts[1::3], texts[2::3], texts[3::3], strict=True):
            self.at += min(int(count or 1), MOST_ROWS) * (-1 if kind in "AF" else 1)
            if self.at < 0:
                self._take_back(-self.at, done)
                # what is above is out of reach: it stays as it is, and is drawn a second time
                self.rows[:0] = [""] * -self.at
                self.at = max(0, self.at)
            self._put(text)

    def _put(self, text: str) -> None:
        while len(self.rows) <= self.at:
            self.rows.append("")
        # a row that is only passed stays; one that is wiped with blanks or an escape is blank
        if (shown := fold(text)) or text.strip("\r").isspace() or _ERASE.search(text):
            self.rows[self.at] = shown
