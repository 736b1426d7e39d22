"""Following a run from its files: what is new in journal and log since the last look. No Textual in here.

The same reader serves a run that works and one that ended long ago: history comes in bounded chunks, then the tail.
"""

import codecs
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series
from pipeseg.events import Event, LineReader
from pipeseg.run_directory import RunDirectory

JOURNAL_CHUNK = 1 << 18
LOG_TAIL = 1 << 19
# a long history is handed over in pieces of about this long, so that curves appear at once and keys are answered
SLICE_SECONDS = 0.08

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(slots=True)
class Advance:
    """What is new about a run.

    Attributes:
        curves: new pieces of the curves.
        child: the run within a study whose points these are, with the step of the study; a new child starts new curves.
        lines: finished lines of the log; `pending` is the unfinished last one.
        note: last message, warning or error, with its kind.
        behind: whether more is waiting in the files.
    """

    curves: RunCurves = field(default_factory=RunCurves)
    child: tuple[str, str] | None = None
    lines: list[str] = field(default_factory=list)
    pending: str = ""
    note: tuple[str, str] | None = None
    behind: bool = False
    changed: bool = False

    @property
    def points(self) -> dict[str, Series]:
        """New piece of the curve by metric."""
        return self.curves.series


class LogReader:
    """Reads what was appended to a log: escapes stripped, `\\r` folded, a progress bar only as it stands now."""

    def __init__(self, path: Path, tail: int = LOG_TAIL) -> None:
        self.path, self.tail = path, tail
        self.offset: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def poll(self, limit: int = LOG_TAIL) -> tuple[list[str], str, bool]:
        """Return new finished lines, the unfinished line, and whether anything was read."""
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2)
                cut = self.offset is None and size > self.tail
                if self.offset is None or size < self.offset:
                    self.offset, self._rest = max(0, size - self.tail), ""
                if size == self.offset:
                    return [], fold(self._rest), False
                file.seek(self.offset)
                data = file.read(limit)
        except FileNotFoundError:
            return [], "", False
        self.offset += len(data)
        *lines, rest = (self._rest + self._decoder.decode(data)).split("\n")
        if cut and lines:
            lines[0] = f"… the first {self.offset - len(data):,} bytes are left out; they are in {self.path}"
        # of a bar that redraws itself only the newest state is worth keeping
        self._rest = rest if len(rest) < 4096 else rest[rest.rfind("\r", 0, -1) + 1 :]
        return [fold(line) for line in lines], fold(self._rest), True


def fold(line: str) -> str:
    """Return a line as a terminal would show it in the end: after its last carriage return, without escapes."""
    parts = [part for part in line.split("\r") if part.strip()]
    text = _CONTROL.sub("", _ESCAPE.sub("", parts[-1] if parts else ""))
    return text.expandtabs().rstrip()


class Follower:
    """Follows one run; `poll` is called from a thread, one call at a time.

    Args:
        log: whether its log is read too.
    """

    def __init__(self, path: Path, *, log: bool = True) -> None:
        self.directory = RunDirectory(path)
        self._journal = LineReader(self.directory.events_file)
        self._log = LogReader(self.directory.log_file) if log else None
        self._child: LineReader | None = None

    def poll(self) -> Advance:
        """Read what is new, for at most about `SLICE_SECONDS`."""
        advance = Advance()
        end = time.monotonic() + SLICE_SECONDS
        self._read(self._journal, advance, end, of_child=False)
        if self._child:
            self._read(self._child, advance, end, of_child=True)
        if self._log:
            advance.lines, advance.pending, read = self._log.poll()
            advance.changed = advance.changed or read
        return advance

    def _read(self, reader: LineReader, advance: Advance, end: float, *, of_child: bool) -> None:
        while True:
            before = reader.offset
            events = reader.poll(JOURNAL_CHUNK)
            for event in events:
                self._take(event, advance, of_child)
            if reader.offset == before:
                return
            advance.changed = True
            if time.monotonic() > end:
                advance.behind = True
                return

    def _take(self, event: Event, advance: Advance, of_child: bool) -> None:
        advance.curves.take(event)
        match event:
            # of several steps at a time, the one that began last; one that ends says so too
            case {"kind": "child", "run_id": str() as run_id, "status": "running"} if not of_child:
                self._turn_to(run_id, str(event.get("step", "")), advance)
            case {"kind": "message" | "warning" | "error" as kind, "text": text} if not of_child:
                advance.note = kind, str(text)

    def _turn_to(self, run_id: str, step: str, advance: Advance) -> None:
        """Curves of a study are those of the run that it works on."""
        directory = RunDirectory(self.directory.path.with_name(run_id))
        if "/" in run_id or (self._child and self._child.path == directory.events_file):
            return
        self._child = LineReader(directory.events_file)
        advance.child = run_id, step
        advance.curves = RunCurves()
