"""A sweep shown to the person who waits for it: live bars on a terminal, plain lines anywhere else."""

import contextlib
import sys
import time
from typing import Any, Self, TextIO

from experiments.launcher import await_upload
from experiments.narration import STATUS_GLYPHS, duration
from experiments.run_view import RunView
from experiments.sweep_view import WAITING, Combination, SweepView, directories, seconds_left

LINE_SECONDS = 30.0


class SweepLines:
    """A line whenever a run starts or ends, and now and then how far all of them are.

    A terminal that hangs up takes no more lines; the sweep goes on.
    """

    def __init__(self, stream: TextIO | None):
        self.stream = stream
        self._statuses: dict[int, str] = {}
        self._next_line = time.monotonic() + LINE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, view: SweepView) -> None:
        for line in self.changes(view):
            self.write(line)
        if view.is_active and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            self.write(progress_line(view))

    def changes(self, view: SweepView) -> list[str]:
        """Return a line for every run whose status is another than at the last call."""
        lines = []
        for combination in view.combinations:
            status = combination.status
            if status not in (WAITING, "starting", self._statuses.get(combination.place)):
                self._statuses[combination.place] = status
                lines.append(change_line(combination, len(view.combinations)))
        return lines

    def write(self, text: str) -> None:
        try:
            if self.stream is not None:
                print(" ".join(text.splitlines()), file=self.stream, flush=True)
        except OSError:
            self.stream = None


class SweepBars:
    """One bar for the sweep and one for each run that works; the lines of `SweepLines` pass above them."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        self._lines = SweepLines(None)
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(ratio=3, no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=None, table_column=Column(ratio=2)),
            TextColumn("{task.fields[rest]}", table_column=Column(no_wrap=True)),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )
        self._total = self._progress.add_task("sweep", total=None, rest="")
        self._bars: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # the terminal has hung up
            self._progress.stop()

    def __call__(self, view: SweepView) -> None:
        for line in self._lines.changes(view):
            self.write(line)
        with contextlib.suppress(OSError):
            self._draw(view)

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._progress.console.print(text, markup=False, highlight=False)

    def _draw(self, view: SweepView) -> None:
        total = len(view.combinations)
        self._progress.update(
            self._total, description=f"{view.done} of {total} runs", completed=view.done, total=total, rest=_left(view)
        )
        working = {each.place: each for each in view.combinations if each.run and each.run.is_active}
        for place in [place for place in self._bars if place not in working]:
            self._progress.remove_task(self._bars.pop(place))
        for place, combination in working.items():
            if place not in self._bars:
                self._bars[place] = self._progress.add_task("", total=None, rest="")
            run = combination.run
            assert run is not None
            self._progress.update(
                self._bars[place],
                description=f"{STATUS_GLYPHS.get(run.status, '·')} {combination.label}",
                completed=run.step or 0,
                total=run.total,
                rest=_rest(run),
            )


def open_display() -> SweepLines | SweepBars:
    """Return what fits stderr."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return SweepBars() if is_terminal else SweepLines(sys.stderr)


def tell_end(view: SweepView) -> int:
    """Tell on stderr how a sweep has ended, once MLflow has its runs; return its exit code."""
    for run in directories(view):
        await_upload(run)
    lines = SweepLines(sys.stderr)
    failed = [each.label for each in view.combinations if each.has_failed]
    total = len(view.combinations)
    if failed:
        lines.write(f"{len(failed)} of {total} runs failed: {'; '.join(failed)}")
    if view.status in ("stopped", "lost"):
        resume = f"`python -m experiments resume {view.sweep_id}` goes on"
        lines.write(f"{view.status}: {view.counts['finished']} of {total} runs have finished; {resume}")
    elif not failed:
        lines.write(f"all {total} runs have finished; `python -m experiments sweep {view.sweep_id}` shows their scores")
    # killed: nobody was left to say how it ended
    code = view.directory.read_exit().get("code")
    return code if isinstance(code, int) else 1


def change_line(combination: Combination, total: int) -> str:
    """Tell where one run of a sweep stands: `[2/6] ✓ seed=2: finished, val IoU 0.51, test IoU 0.49, 3 min 02 s`."""
    run, status = combination.run, combination.status
    parts = [status]
    if run and status == "finished":
        parts += [f"{word} IoU {value:.4f}" for word, value in _scores(run) if value is not None]
        parts += [duration(run.ended - run.started)] if run.ended and run.started else []
    if combination.has_failed and (why := combination.refused or (run and run.error)):
        parts.append(why)
    if run and status != "finished":
        parts.append(run.run_id)
    glyph = STATUS_GLYPHS.get(status, "·")
    return f"[{combination.place + 1}/{total}] {glyph} {combination.label}: {', '.join(parts)}"


def progress_line(view: SweepView) -> str:
    """Tell how far a sweep is in one line."""
    working = [
        f"{each.label} step {each.run.step} of {each.run.total}"
        for each in view.combinations
        if each.run and each.run.is_active and each.run.step is not None
    ]
    counted = f"{view.done} of {len(view.combinations)} runs have ended"
    return ", ".join(part for part in (counted, *working, _left(view)) if part)


def _scores(run: RunView) -> list[tuple[str, float | None]]:
    return [("val", run.best_iou), ("test", run.test.get("iou"))]


def _left(view: SweepView) -> str:
    left = seconds_left(view)
    return "" if left is None else f"about {duration(left)} left"


def _rest(run: RunView) -> str:
    left = "" if run.eta_seconds is None or run.status != "running" else f"{duration(run.eta_seconds)} left"
    score = "" if run.best_iou is None else f"val IoU {run.best_iou:.3f}"
    return "  ".join(part for part in (score, left or run.status) if part)
