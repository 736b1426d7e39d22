"""Draw the pictures of the README and record its session, from the dashboard itself.

    make demo                       # what is shown: a study that has come to its table
    python -m docs.draw             # docs/screens/*.svg and docs/session.cast; --only NAME for one of them

A training is started for Live, and stopped again. The session is an asciicast (version 2): `asciinema play FILE`.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from app.dashboard import Dashboard
from app.widgets.charts_panel import ChartsPanel
from benchmarks.terminal import Terminal
from experiments import launcher, queue, runs
from experiments.queue_directory import QueueDirectory
from pipeseg.settings import Settings

SCREENS, SESSION = Path(__file__).parent / "screens", Path(__file__).parent / "session.cast"
COLUMNS, ROWS = 132, 38
SESSION_COLUMNS, SESSION_ROWS = 100, 30
TRAINING = ("epochs=60", "steps_per_epoch=10", "image_size=[96,128]", "track_experiment=false")
LIVE_POINTS = 40


async def until(pilot: Pilot[object], condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not seen within {seconds:.0f} s:\n{said(pilot)}")
        await pilot.pause()
        await asyncio.sleep(0.02)


def said(pilot: Pilot[object]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


class Visit:
    """The dashboard on a screen of `COLUMNS` x `ROWS`, driven by keys; each method leaves one picture's screen."""

    def __init__(self, pilot: Pilot[object], settings: Settings):
        self.pilot, self.settings = pilot, settings

    async def see(self, *texts: str) -> None:
        await until(self.pilot, lambda: all(text in said(self.pilot) for text in texts))
        await self.pilot.pause(0.3)

    async def overview(self) -> None:
        await self.pilot.press("2")
        await self.see("study")

    async def config(self) -> None:
        await self.pilot.press("3")
        await self.see("✓")

    async def launch(self) -> None:
        await self.pilot.press("2", "l")
        await self.see("run before", "disk")

    async def live(self) -> None:
        """A baseline at work, over one that has ended."""
        directory = launcher.launch(self.settings, "baseline", TRAINING)
        try:
            self.pilot.app.watch_run(directory.path)
            others = [run for run in runs.list_runs(self.settings) if run.stage == "final" and run.status == "finished"]
            self.pilot.app.overlay_runs([run.run_id for run in others[:1]])
            await self.pilot.press("4")
            panel = self.pilot.app.query_one(ChartsPanel)
            await until(self.pilot, lambda: panel.points("val/iou") >= 8 and panel.points("train/loss") >= LIVE_POINTS)
            await self.pilot.press("comma")
            await self.pilot.pause(0.5)
        finally:
            runs.send(self.settings, directory.run_id, "stop")
            launcher.wait(directory)

    async def runs(self) -> None:
        await self.pilot.press("5")
        await self.see("final")

    async def compare(self) -> None:
        await self.pilot.press("6")
        await self.see("read just now")

    async def pictures(self) -> None:
        """A class looked into: every test picture as a point, the worst and most changed ones beside."""
        await self.compare()
        await self.pilot.press("enter")
        await self.see("baseline →")
        await until(self.pilot, lambda: "fetching" not in said(self.pilot))
        await self.pilot.pause(1)

    async def data(self) -> None:
        await self.pilot.press("7")
        await until(self.pilot, lambda: self.pilot.app.datasets is not None)
        await self.see("sample")

    async def study(self) -> None:
        await self.pilot.press("8")
        await self.see("✓ compare")

    async def health(self) -> None:
        await self.pilot.press("9")
        await self.see("checked just now")

    async def queue(self) -> None:
        """Two runs that wait in a paused queue, taken out again."""
        queue.set_paused(self.settings, True)
        entries = queue.add(self.settings, "baseline", ["seed=1,2"])
        try:
            await self.pilot.press("0")
            await self.see("seed=2")
        finally:
            for entry in entries:
                QueueDirectory(self.settings).remove(entry.entry_id)
            queue.set_paused(self.settings, False)

    async def help(self) -> None:
        await self.pilot.press("4", "question_mark")
        await self.see("Crosshair")


NAMES = [name for name in vars(Visit) if not name.startswith("_") and name != "see"]


async def draw(name: str, settings: Settings) -> None:
    app = Dashboard()
    async with app.run_test(size=(COLUMNS, ROWS), notifications=False) as pilot:
        await until(pilot, lambda: app.furnished and app.runs is not None)
        visit = Visit(pilot, settings)
        leave: Callable[[], Awaitable[None]] = getattr(visit, name)
        await leave()
        SCREENS.mkdir(exist_ok=True)
        picture = app.export_screenshot(title="pipeseg")
        (SCREENS / f"{name}.svg").write_text(picture, encoding="utf-8")


OVERRIDES = "epochs=60 steps_per_epoch=10 image_size=[96,128] track_experiment=false"
# keys, what is waited for, and how long a person looks at it
PLOT = (
    ("", "study", 2.0),
    ("1", "", 0.5),
    ("\x1b[H", "", 1.0),
    ("3", "", 2.0),
    ("o", "run before", 2.5),
    (OVERRIDES, "", 1.0),
    ("\r", "★", 6.0),
    ("+", "", 1.0),
    ("+", "", 1.0),
    ("z", "", 1.0),
    ("s", "", 1.0),
    ("y", "stop", 3.0),
    ("5", "finished", 2.0),
    ("6", "just now", 4.0),
    ("8", "done", 3.0),
    ("7", "sample", 3.0),
    ("?", "", 2.5),
    ("\x1b", "", 0.5),
)


def record(file: Path) -> None:
    """Play `PLOT` on a terminal and keep what it wrote, and when."""
    events: list[tuple[float, str]] = []
    pending = b""

    def keep(piece: bytes) -> None:
        nonlocal pending
        pending += piece
        try:
            text, pending = pending.decode(), b""
        except UnicodeDecodeError as error:  # half a character at the end
            text, pending = pending[: error.start].decode(), pending[error.start :]
        events.append((time.perf_counter() - terminal.started, text))

    command, columns, rows = [sys.executable, "-m", "app"], SESSION_COLUMNS, SESSION_ROWS
    with Terminal(command, columns, rows, {"COLORTERM": "truecolor"}, keep) as terminal:
        for keys, mark, seconds in PLOT:
            for key in keys if keys == OVERRIDES else [keys]:
                terminal.press(key)
                terminal.watch(0.03)
            if mark:
                terminal.wait(mark, seconds=120)
            terminal.watch(seconds)
    header = {"version": 2, "width": columns, "height": rows, "title": "pipeseg", "env": {"TERM": "xterm-256color"}}
    lines = [header, *([round(at, 3), "o", text] for at, text in events)]
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=[*NAMES, "session"], action="append", help="one of them; may be repeated")
    wanted = parser.parse_args().only or [*NAMES, "session"]
    settings = Settings.load()
    for name in wanted:
        print(name, flush=True)
        if name == "session":
            record(SESSION)
        else:
            asyncio.run(draw(name, settings))


if __name__ == "__main__":
    main()
