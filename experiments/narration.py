"""Events of a run as lines for a person who follows it."""

import math
import time
from dataclasses import dataclass
from typing import Any

from pipeseg.events import Event

PROGRESS_LINE_SECONDS = 5.0
# stands beside the status word wherever one is shown: nothing is told by colour alone
STATUS_GLYPHS = {
    "starting": "◌",
    "running": "●",
    "paused": "‖",
    "finished": "✓",
    "failed": "✗",
    "stopped": "■",
    "lost": "?",
}


@dataclass(slots=True)
class Narrator:
    """Turns a stream of events into few lines: every metric and message, but progress only now and then."""

    _next_progress: float = 0.0
    _phase: str | None = None

    def line(self, event: Event) -> str | None:
        """Return the line for one event, None where there is nothing to tell."""
        match event.get("kind"):
            case "status":
                return str(event.get("status"))
            case "message":
                return str(event.get("text", ""))
            case "warning" | "error" as kind:
                return f"{kind}: {event.get('text', '')}"
            case "metrics":
                return self._metrics(event)
            case "progress":
                return self._progress(event)
            case "checkpoint":
                return f"checkpoint {event.get('which', '')}: {event.get('path', '')}"
            case "child" if event.get("reused") or event.get("problem"):
                return None  # a message or warning says it
            case "child":
                return f"{event.get('step', '')}: {event.get('status', '')} ({event.get('run_id', '')})"
            case _:
                return None

    def _metrics(self, event: Event) -> str | None:
        values = event.get("values")
        if not isinstance(values, dict):
            return None
        shown = "  ".join(f"{name} {_number(value)}" for name, value in values.items())
        return f"epoch {event.get('epoch', '?')}, step {event.get('step', '?')}: {shown}"

    def _progress(self, event: Event) -> str | None:
        now, phase = time.monotonic(), event.get("phase")
        if now < self._next_progress and phase == self._phase:
            return None
        self._next_progress, self._phase = now + PROGRESS_LINE_SECONDS, phase
        parts = [f"{phase or 'work'}: step {event.get('step', '?')} of {event.get('total', '?')}"]
        if event.get("epoch"):
            parts.append(f"epoch {event['epoch']} of {event.get('epochs', '?')}")
        if isinstance(eta := event.get("eta_seconds"), (int, float)) and math.isfinite(eta):
            parts.append(f"{round(eta)} s left")
        return ", ".join(parts)


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """Return seconds as `3 h 05 min`, `2 min 07 s` or `8 s`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
