"""One run, seen from inside: where the work tells what it does and hears what a person asks of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipeseg.errors import StopRequested
from pipeseg.events import Event, LineReader, append_event, read_events
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import Config
from pipeseg.settings import Settings

PROGRESS_SECONDS = 0.5
PAUSE_POLL_SECONDS = 0.1


class Person(Protocol):
    """Somebody at the terminal of the run."""

    def requests(self, paused: bool) -> list[str]:
        """Return what is asked now: `pause`, `resume`, `checkpoint` or `stop`."""
        ...

    def choose(self, title: str, options: list[str]) -> int | None:
        """Return the index of the chosen option, None where nobody answered."""
        ...


@dataclass(slots=True)
class Run:
    """Handed to the work of an experiment; writes the journal, answers `control.jsonl`.

    Attributes:
        observers: called with every event after it is in the journal (the terminal's display).
        person: who started the run by hand and can be asked; None in headless mode.
        watch: called whenever requests are looked for, also in a pause; what it raises ends the work.
    """

    config: Config
    settings: Settings
    directory: RunDirectory
    observers: list[Callable[[Event], None]] = field(default_factory=list)
    person: Person | None = None
    stop_asked: bool = False
    watch: Callable[[], None] = lambda: None
    _control: LineReader = field(init=False)
    _recorded: dict[str, int] = field(init=False)
    _last_progress: float = 0.0

    def __post_init__(self) -> None:
        self._control = LineReader(self.directory.control_file)
        self._recorded = _recorded_steps(self.directory.events_file)

    def emit(self, kind: str, /, *, sync: bool = False, **fields: Any) -> None:
        event = append_event(self.directory.events_file, kind, sync=sync, **fields)
        for observer in self.observers:
            observer(event)

    def status(self, status: str) -> None:
        """Say what the run is now: `running`, `paused`, `finished`, `failed` or `stopped`."""
        self.directory.update(status=status)
        self.emit("status", status=status, sync=True)

    def message(self, text: str) -> None:
        self.emit("message", text=text)

    def warn(self, text: str) -> None:
        self.emit("warning", text=text)

    def metrics(self, values: dict[str, float], *, step: int, epoch: int) -> None:
        """Record `values` at the end of optimizer step `step` (counted from 1) in `epoch` (counted from 1).

        A run that was killed and goes on takes the steps after its last checkpoint again: what an earlier attempt has
        recorded is not written twice.
        """
        new = {name: value for name, value in values.items() if step > self._recorded.get(name, 0)}
        if new:
            self.emit("metrics", step=step, epoch=epoch, values=new)

    def progress(self, step: int, total: int, *, force: bool = False, **fields: Any) -> None:
        """Tell how far the work is, at most twice a second: `step` of `total`, and what else a screen shows."""
        now = time.monotonic()
        if force or now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            self.emit("progress", step=step, total=total, **fields)

    def obey(self, save: Callable[[], None], hold: Callable[[bool], None] = lambda paused: None) -> None:
        """Answer what a person asked since the last call; call it once a step, no news costs microseconds.

        Args:
            save: writes a checkpoint; called for `checkpoint`, and before a pause or a stop.
            hold: told True when a pause begins and False when the work goes on; what has runs of its own holds them.

        Raises:
            StopRequested: after saving.
        """
        paused = False
        while True:
            self.watch()
            requests = [request.get("command") for request in self._control.poll()]
            if self.person is not None:
                requests += self.person.requests(paused)
            for command in requests:
                match command:
                    case "pause" if not paused:
                        paused = True
                        save()
                        hold(True)
                        self.status("paused")
                    case "resume" if paused:
                        paused = False
                        hold(False)
                        self.status("running")
                    case "checkpoint":
                        save()
                    case "stop":
                        self.stop_asked = True
            if self.stop_asked:
                save()
                raise StopRequested
            if not paused:
                return
            time.sleep(PAUSE_POLL_SECONDS)


def _recorded_steps(journal: Path) -> dict[str, int]:
    """Return metric -> the last step that a journal holds of it."""
    steps: dict[str, int] = {}
    for event in read_events(journal):
        if event.get("kind") == "metrics":
            steps.update(dict.fromkeys(event["values"], event["step"]))
    return steps
