"""A log of any length, read in blocks: memory does not grow with it, and every line of it can be had at once.

Of each block its place in the file and its number of lines are kept; the lines are read when somebody looks at them.
"""

import codecs
import re
import threading
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.log_lines import Joiner, Line, LogFilter, lines_of
from experiments.terminal_text import Rows, fold, moves

BLOCK = 1 << 16
# a bar or a traceback that never ends is cut here
LONGEST_BLOCK = 16 * BLOCK
REMEMBERED_BLOCKS = 8
LONGEST_LINE = 4096

# what makes a block's lines depend on the lines around it
_TIED = re.compile(rb"\x1b\[\d*[ABEF]|Traceback|Warning: ")
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(slots=True)
class _Open:
    """The end of the log: the block that still grows."""

    start: int = 0
    rows: Rows = field(default_factory=Rows)
    done: list[str] = field(default_factory=list)
    joiner: Joiner = field(default_factory=Joiner)
    rest: bytes = b""


class LogFile:
    """Lines of a log that may still be written. One thread calls `poll`, any may ask for lines.

    Attributes:
        count: finished lines so far.
        version: grows whenever a line is finished, changed or taken back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        with self._lock:
            self.version = getattr(self, "version", 0) + 1
            self.offset = 0
            # of every block, the open one last: where it begins in the file, and how many lines lie before it
            self._starts, self._firsts = array("Q", [0]), array("Q", [0])
            self._rows: dict[int, Rows] = {}
            self._lines: OrderedDict[int, list[Line]] = OrderedDict()
            self._open = _Open()
            self._tail: list[Line] = []
            self._live: list[Line] = []

    # -- what is there -------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        with self._lock:
            return self._firsts[-1] + len(self._tail)

    @property
    def block_count(self) -> int:
        return len(self._starts)

    @property
    def live(self) -> list[Line]:
        """The lines at the end that may still be redrawn: bars, and what has no newline yet."""
        return self._live

    def line(self, index: int) -> Line:
        """Return finished line `index`, counted from 0."""
        with self._lock:
            number = bisect_right(self._firsts, index) - 1
            if number >= len(self._starts) - 1:
                return self._tail[index - self._firsts[number]]
            if (lines := self._lines.get(number)) is None:
                lines = lines_of(self.texts(number))
                remember(self._lines, number, lines)
            return lines[index - self._firsts[number]]

    def first_of(self, number: int) -> int:
        """Return how many lines lie before block `number`."""
        with self._lock:
            return self._firsts[number]

    def texts(self, number: int) -> list[str]:
        """Return the lines of a block as texts, read from the file."""
        with self._lock:
            if number >= len(self._starts) - 1:
                return [line.text for line in self._tail]
            begin, end = self._starts[number], self._starts[number + 1]
            count = self._firsts[number + 1] - self._firsts[number]
            rows = self._rows.get(number, Rows()).copy()
        try:
            with open(self.path, "rb") as file:
                file.seek(begin)
                raw = file.read(end - begin)
        except OSError:  # deleted meanwhile: the lines are blank, as many as there were
            raw = b""
        # what follows the last newline belongs to the next block
        if not rows.rows and not _CONTROL.search(raw):
            done = [text.rstrip() for text in raw.decode("utf-8", "replace").split("\n")[:-1]]
        else:
            done = []
            for line in raw.split(b"\n")[:-1]:
                rows.feed(_text(line), done)
        return (done + [""] * count)[:count]

    # -- reading what is new -------------------------------------------------------------------------------------

    def poll(self, seconds: float = 0.08) -> bool:
        """Read what was appended, for at most about `seconds`; return whether more is waiting."""
        end = time.monotonic() + seconds
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2)
                if size < self.offset:  # another file by now
                    self._reset()
                if size == self.offset:
                    return False
                while self.offset < size:
                    file.seek(self.offset)
                    data = file.read(min(BLOCK, size - self.offset))
                    if not data:
                        break
                    self._take(data)
                    if time.monotonic() > end:
                        break
        except FileNotFoundError:
            if self.offset:
                self._reset()
            return False
        self._publish()
        return self.offset < size

    def _take(self, data: bytes) -> None:
        now = self._open
        if len(data) == BLOCK and self._take_whole(data):
            return
        self.offset += len(data)
        begin = self.offset - len(data) - len(now.rest)
        *lines, now.rest = (now.rest + data).split(b"\n")
        for raw in lines:
            self._feed(_text(raw), begin)
            begin += len(raw) + 1
        if len(now.rest) > LONGEST_LINE:
            # of a bar that redraws itself only the newest state is worth keeping
            now.rest = now.rest[now.rest.rfind(b"\r", 0, -1) + 1 :]
        if not now.done or self.offset - now.start >= LONGEST_BLOCK:
            self._close(self.offset - len(now.rest))

    def _feed(self, text: str, begin: int) -> None:
        """Take one line that begins at byte `begin`; where the block is full, it is the first of the next one."""
        now = self._open
        size = begin - now.start
        joins = now.joiner.joins(fold(text))
        if size >= BLOCK and not joins and not now.rows.rows and text and not moves(text):
            self._close(begin)
        now.rows.feed(text, now.done)

    def _close(self, place: int) -> None:
        """Let the open block end before byte `place` of the file; one without lines moves there instead."""
        now = self._open
        with self._lock:
            number = len(self._starts) - 1
            if now.done:
                self._starts.append(place)
                self._firsts.append(self._firsts[-1] + len(now.done))
                number += 1
            else:
                self._starts[number] = place
            if now.rows.rows:
                self._rows[number] = now.rows.copy()
            else:
                self._rows.pop(number, None)
            now.start, now.done, self._tail = place, [], []
            self.version += 1

    def _take_whole(self, data: bytes) -> bool:
        """Take a long piece of plain lines without looking at each: a gigabyte in a second or two."""
        now = self._open
        cut = data.rfind(b"\n") + 1
        if now.rest or now.rows.rows or not cut or now.joiner.state or _TIED.search(data):
            return False
        self._close(self.offset)
        with self._lock:
            self._firsts.append(self._firsts[-1] + data.count(b"\n"))
            self.offset += cut
            self._starts.append(self.offset)
            now.start = self.offset
            self.version += 1
        return True

    def _publish(self) -> None:
        """Let others see the end of the log as it is now."""
        now = self._open
        rest = codecs.getincrementaldecoder("utf-8")("replace").decode(now.rest)
        now.rows.reserve(rest, now.done)
        live = lines_of(now.rows.shown_with(rest))
        tail = lines_of(now.done)
        with self._lock:
            self._tail, self._live = tail, live
            self.version += 1


def _text(raw: bytes) -> str:
    if len(raw) > LONGEST_LINE:
        # a bar that was redrawn for hours: what it was before does not matter
        raw = raw[raw.rstrip(b"\r").rfind(b"\r") + 1 :][: 16 * LONGEST_LINE]
    return raw.decode("utf-8", "replace")


def remember(cache: OrderedDict[int, Any], number: int, value: Any) -> None:
    """Keep what was made of a block until enough others were looked at."""
    cache[number] = value
    if len(cache) > REMEMBERED_BLOCKS:
        cache.popitem(last=False)


class FilteredLog:
    """What a filter lets through of a log; looked for in a thread, block by block."""

    def __init__(self, log: LogFile, line_filter: LogFilter) -> None:
        self.log, self.filter = log, line_filter
        self._lock = threading.RLock()
        self._restart()

    def _restart(self) -> None:
        # of every block that was looked at: how many lines were shown before it
        self._before = array("Q", [0])
        self._tail: list[int] = []
        self._live: list[Line] = []
        self._tail_version = -1
        self._shown: OrderedDict[int, list[int]] = OrderedDict()

    @property
    def count(self) -> int:
        """Finished lines that are shown, as far as the log was looked through."""
        with self._lock:
            return self._before[-1] + len(self._tail)

    @property
    def live(self) -> list[Line]:
        return self._live

    def line(self, index: int) -> Line:
        """Return shown line `index`, counted from 0."""
        return self.log.line(self.number(index))

    def number(self, index: int) -> int:
        """Return which line of the log shown line `index` is."""
        with self._lock:
            number = bisect_right(self._before, index) - 1
            within = self._tail if number >= len(self._before) - 1 else self._select(number)
            return self.log.first_of(number) + within[index - self._before[number]]

    def nearest(self, number: int) -> int:
        """Return the index of the first shown line at or after line `number` of the log."""
        with self._lock:
            low, high = 0, self.count
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if self.number(middle) < number else (low, middle)
            return low

    def advance(self, seconds: float = 0.08) -> bool:
        """Look through what is new, for at most about `seconds`; return whether more is waiting."""
        end = time.monotonic() + seconds
        with self._lock:
            if self.log.block_count < len(self._before):  # the log began anew
                self._restart()
        while len(self._before) < self.log.block_count:
            number = len(self._before) - 1
            found = len(self._select(number))
            with self._lock:
                self._before.append(self._before[-1] + found)
                self._tail, self._tail_version = [], -1
            if time.monotonic() > end:
                return True
        version = self.log.version
        if version != self._tail_version:
            live = self.log.live
            tail = self.filter.select(self.log.texts(self.log.block_count - 1))
            shown = [live[index] for index in self.filter.select([line.text for line in live])]
            with self._lock:
                self._tail, self._live, self._tail_version = tail, shown, version
        return False

    def _select(self, number: int) -> list[int]:
        if (found := self._shown.get(number)) is None:
            found = self.filter.select(self.log.texts(number))
            with self._lock:
                remember(self._shown, number, found)
        return found


@dataclass
class LogView:
    """A log as it is looked at: whole, or through a filter. `advance` belongs to one thread, the rest to anyone."""

    log: LogFile
    filtered: FilteredLog | None = None

    def set_filter(self, line_filter: LogFilter | None) -> None:
        self.filtered = FilteredLog(self.log, line_filter) if line_filter else None

    @property
    def shown(self) -> LogFile | FilteredLog:
        return self.filtered or self.log

    def advance(self) -> bool:
        """Read and look through what is new; return whether more is waiting."""
        behind = self.log.poll()
        filtered = self.filtered
        return (filtered.advance() if filtered else False) or behind

    def number(self, index: int) -> int:
        """Return which line of the log shown line `index` is."""
        return self.filtered.number(index) if self.filtered else index
