"""Following a run from its journal: what is new since the last look. No Textual in here.

The same reader serves a run that works and one that ended long ago: history comes in bounded chunks, then the tail.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from experiments.curves.run_curves import RunCurves
from experiments.curves.series import Series
from pipeseg.events import Event, LineReader
from pipeseg.run_directory import RunDirectory

# a long history is handed over in pieces of about this long, so that curves appear at once and keys are answered
SLICE_SECONDS = 0.08


@dataclass(slots=True)
class Advance:
    """What is new about a run.

    Attributes:
        curves: new pieces of the curves.
        child: the run within a study whose points these are, with the step of the study; a new child starts new curves.
        note: last message, warning or error, with its kind.
        behind: whether more is waiting in the files.
    """

    curves: RunCurves = field(default_factory=RunCurves)
    child: tuple[str, str] | None = None
    note: tuple[str, str] | None = None
    behind: bool = False
    changed: bool = False

    @property
    def points(self) -> dict[str, Series]:
        """New piece of the curve by metric."""
        return self.curves.series


class Follower:
    """Follows one run; `poll` is called from a thread, one call at a time."""

    def __init__(self, path: Path) -> None:
        self.directory = RunDirectory(path)
        self._journal = LineReader(self.directory.events_file)
        self._child: LineReader | None = None

    def poll(self) -> Advance:
        """Read what is new, for at most about `SLICE_SECONDS`."""
        advance = Advance()
        end = time.monotonic() + SLICE_SECONDS
        self._read(self._journal, advance, end, of_child=False)
        if self._child:
            self._read(self._child, advance, end, of_child=True)
        return advance

    def _read(self, reader: LineReader, advance: Advance, end: float, *, of_child: bool) -> None:
        while True:
            before = reader.offset
            events = reader.poll()
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
