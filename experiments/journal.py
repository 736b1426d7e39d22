"""What the journal of a run says so far, kept up to date by reading only what was appended."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeseg.events import Event, LineReader

ACTIVE = ("starting", "running", "paused")
TERMINAL = ("finished", "failed", "stopped")
BEST_METRIC = "val/iou"


@dataclass(slots=True)
class Journal:
    """Folds events into the latest state; `advance` costs what is new, however long the journal is.

    Attributes:
        status: of the last `status` event, None before the first; `status_time` is when it was written (unix seconds).
        last: latest value of every metric; values may be NaN.
        best_iou: highest finite `val/iou`, in [0, 1]; `best_epoch` is when it was reached first, counted from 1.
        checkpoints: number of `checkpoint` events.
        error: text of the last `error` event.
    """

    path: Path
    status: str | None = None
    status_time: float | None = None
    started: float | None = None
    progress: Event = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    best_iou: float | None = None
    best_epoch: int | None = None
    checkpoints: int = 0
    error: str | None = None
    reader: LineReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = LineReader(self.path)

    def advance(self) -> None:
        while events := self.reader.poll():
            for event in events:
                self._fold(event)

    def _fold(self, event: Event) -> None:
        match event.get("kind"):
            case "metrics":
                self._fold_metrics(event)
            case "progress":
                self.progress = event
            case "status":
                self.status, self.status_time = event.get("status"), number(event.get("time"))
                if self.status == "running" and self.started is None:
                    self.started = self.status_time
                if self.status == "starting":
                    # another attempt of a run that had ended: its error is history
                    self.error = None
            case "checkpoint":
                self.checkpoints += 1
            case "error":
                self.error = str(event.get("text", ""))

    def _fold_metrics(self, event: Event) -> None:
        values = event.get("values")
        if not isinstance(values, dict):
            return
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self.last[name] = value
        iou = number(values.get(BEST_METRIC))
        if iou is not None and (self.best_iou is None or iou > self.best_iou):
            epoch = number(event.get("epoch"))
            self.best_iou, self.best_epoch = iou, None if epoch is None else int(epoch)


def status_of_exit(code: Any) -> str:
    """Return how a process that ended with `code` (None: killed by a signal) has ended, one of `TERMINAL`."""
    return {0: "finished", 130: "stopped"}.get(code, "failed")


def number(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value
