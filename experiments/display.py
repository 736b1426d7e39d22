"""A run shown to the person who started it: a live bar on a terminal, plain lines anywhere else."""

import contextlib
import time
from typing import Any, Self, TextIO

from experiments.narration import Narrator
from pipeseg.events import Event


class LineDisplay:
    """One line per thing worth telling, stamped with the time of day, to several streams.

    A stream that goes away (the terminal hung up) is dropped; the run goes on.
    """

    def __init__(self, streams: list[TextIO]):
        self.streams = streams
        self._narrator = Narrator()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        line = self._narrator.line(event)
        if line is None:
            return
        stamped = f"{time.strftime('%H:%M:%S', time.localtime(event['time']))} {line}"
        for stream in list(self.streams):
            try:
                print(stamped, file=stream, flush=True)
            except OSError:
                self.streams.remove(stream)


class LiveDisplay:
    """A rich progress bar with the latest scores; the same lines as elsewhere go to the log."""

    def __init__(self, log: TextIO):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        self._lines = LineDisplay([log])
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[rest]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None, rest="")
        self._values: dict[str, float] = {}
        self._hung_up = False

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        self._lines(event)
        if not self._hung_up:
            try:
                self._show(event)
            except OSError:  # the run outlives its terminal
                self._hung_up = True

    def _show(self, event: Event) -> None:
        match event["kind"]:
            case "progress":
                self._progress.update(
                    self._task,
                    description=self._describe(event),
                    completed=event["step"],
                    total=event["total"],
                    rest=self._rest(event),
                )
            case "metrics":
                self._values.update(event["values"])
                if any(name.startswith(("val/", "test/")) for name in event["values"]):
                    self._print(f"epoch {event['epoch']:>3}  {_scores(event['values'])}")
            case "message":
                self._print(event["text"])
            case "warning":
                self._print(f"warning: {event['text']}", "yellow")
            case "error":
                self._print(f"error: {event['text']}", "bold red")
            case "status":
                self._print(event["status"], "bold")

    def _print(self, text: str, style: str | None = None) -> None:
        self._progress.console.print(text, style=style, markup=False, highlight=False)

    def _describe(self, event: Event) -> str:
        epoch = f" epoch {event['epoch']}/{event['epochs']}" if event.get("epochs") else ""
        return f"{event.get('phase', '')}{epoch}"

    def _rest(self, event: Event) -> str:
        parts = []
        if event.get("images_per_second"):
            parts.append(f"{event['images_per_second']:.1f} images/s")
        if event.get("eta_seconds") is not None:
            parts.append(f"{_clock(event['eta_seconds'])} left")
        if (loss := self._values.get("train/loss")) is not None:
            parts.append(f"loss {loss:.4f}")
        return "  ".join(parts)


def _scores(values: dict[str, Any]) -> str:
    wanted = ("loss", "iou", "dice", "recall", "precision")
    shown = [(name, value) for name, value in values.items() if name.split("/")[-1] in wanted]
    return "  ".join(f"{name} {value:.4f}" for name, value in shown)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
