"""What the dashboard costs on a real pseudo-terminal: `python benchmarks/dashboard.py [--quick] [--wandb PATH]`.

| figure | reference |
|---|---|
| first paint, 80x24 | an empty Textual app on the same terminal |
| key to frame, pressed at the first paint | none |
| first paint, curve and memory, with a run of `--points` points | `wandb leet` on such a run, where it is installed |
| key to frame, while a run writes 1000 log lines/s and 100 points/s | 50 ms |
| key to frame while the comparison is read (MLflow is imported for it) | 100 ms |
| bytes to the terminal while that run is watched, 80x24 | 30 KiB/s |
| CPU while an ended run is shown | 1 % |
| memory after the journal and log of 8 h have passed by, at speed | memory after the first of them |

Keys go to the program as a person's would; a frame is there when the text that it must show has been written. Needs a
POSIX terminal (pty).
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures
from benchmarks.terminal import NotSeen, Terminal

EMPTY = """
from textual.app import App
from textual.widgets import Footer, Static

class Empty(App):
    def compose(self):
        yield Static("Experiments")
        yield Footer()

Empty().run()
"""
LEET_RUN = """
import math, sys, wandb
run = wandb.init(project="curves", mode="offline", dir=sys.argv[1], settings=wandb.Settings(console="off"))
for step in range(int(sys.argv[2])):
    value = math.exp(-step / 3000)
    run.log({"train/loss": value, "val/loss": 1.1 * value, "val/iou": 1 - value})
run.finish()
"""
CONFIG = """\
stage: baseline
defect_class: deposition
train_dataset: learn
validation_dataset: choose
evaluation_dataset: report
epochs: 3
image_size: [64, 64]
"""
LINES_PER_SECOND, POINTS_PER_SECOND = 1000, 100
DAY_HOURS = 8
# what a training of hours writes: a point and a few lines a second
HOUR_POINTS, HOUR_LINES = 3600, 3 * 3600
SETTLE_SECONDS, QUIET_SECONDS = 6, 1
README_MARK = "watched by a benchmark"


class Workshop:
    """Folders with one experiment, in which runs are written as trainings write them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            "RUNS_DIR": str(folder / "runs"),
            "DATASETS_DIR": str(folder / "datasets"),
            "MODELS_DIR": str(folder / "models"),
            "EXPERIMENTS_DIR": str(folder / "experiments"),
            "XDG_STATE_HOME": str(folder / "state"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{(folder / 'mlflow.db').as_posix()}",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }
        for name in ("runs", "datasets/learn/images", "models", "experiments/toy"):
            (folder / name).mkdir(parents=True)
        (folder / "experiments/toy/config.yaml").write_text(CONFIG)
        (folder / "experiments/toy/experiment.py").touch()
        (folder / "experiments/toy/README.md").write_text(f"# Toy\n\nIt is {README_MARK}.\n")

    def run(self, points: int, *, ended: bool) -> Path:
        """Write a run with so many points of three metrics."""
        from pipeseg.run_directory import RunDirectory

        now = time.time()
        info = {"stage": "baseline", "defect_class": "deposition", "created": now - points, "upload": "off"}
        info |= {} if ended else {"pid": os.getpid(), "pid_started": _own_start(), "status": "running"}
        directory = RunDirectory.create(self.folder / "runs", "toy", CONFIG, info)
        with directory.events_file.open("w") as file:
            file.write(json.dumps({"time": now - points, "kind": "status", "status": "running"}) + "\n")
            file.writelines(_points(range(points), now - points))
            if ended:
                file.write(json.dumps({"time": now, "kind": "status", "status": "finished"}) + "\n")
        directory.log_file.write_text("".join(f"line {number}\n" for number in range(1000)))
        if ended:
            directory.write_exit(0)
        return directory.path

    def open(self) -> Terminal:
        os.environ.update(self.environment)
        os.chdir(ROOT)
        return Terminal([sys.executable, "-m", "app"])


def _own_start() -> float:
    import psutil

    return psutil.Process().create_time()


def _points(steps: range, begun: float) -> Iterator[str]:
    for step in steps:
        value = math.exp(-step / 3000)
        values = {"train/loss": value, "val/loss": 1.1 * value, "val/iou": 1 - value}
        event = {"time": begun + step, "kind": "metrics", "step": step + 1, "epoch": 1, "values": values}
        yield json.dumps(event) + "\n"


def write_live(path: str, seconds: str) -> None:
    """Write log lines and points into a run at a steady rate, as a process of its own."""
    directory, begun, ticks = Path(path), time.time(), 20
    with (directory / "events.jsonl").open("a") as events, (directory / "train.log").open("a") as log:
        for tick in range(round(float(seconds) * ticks)):
            step = tick * POINTS_PER_SECOND // ticks
            loss = math.exp(-step / 3000)
            events.writelines(_points(range(step, step + POINTS_PER_SECOND // ticks), begun))
            for number in range(LINES_PER_SECOND // ticks):
                log.write(f"step {step} line {tick * LINES_PER_SECOND // ticks + number} loss {loss:.5f}\n")
            events.flush()
            log.flush()
            time.sleep(max(0.0, begun + (tick + 1) / ticks - time.time()))


@contextmanager
def writing(run: Path, seconds: float) -> Iterator[None]:
    command = [sys.executable, __file__, "--write", str(run), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def first_paint(figures: Figures, workshop: Workshop, points: int, rounds: int, leet: "Leet | None") -> None:
    """Measure ours and the references in turn, and keep the best of each: noise only ever adds."""
    ours, firsts, empty, curves, memories, theirs = [], [], [], [], [], []
    for _ in range(rounds):
        with workshop.open() as terminal:
            ours.append(terminal.wait("Experiments") - terminal.started)
            firsts.append(terminal.press("2", README_MARK))
            terminal.wait("finished")
            terminal.press("4", f"@ {points}")  # the best is the last
            curves.append(time.perf_counter() - terminal.started)
            memories.append(terminal.memory())
        with Terminal([sys.executable, "-c", EMPTY]) as terminal:
            empty.append(terminal.wait("Experiments") - terminal.started)
        if leet:
            theirs.append(leet.measure())
    figures.record("first paint", min(ours), "s", min(empty))
    figures.record("key to frame, at the first paint: median", 1000 * statistics.median(firsts), "ms")
    if leet:
        paints, drawn, memory = (min(values) for values in zip(*theirs, strict=True))
        figures.record("first paint against leet", min(ours), "s", paints)
        figures.record(f"curve of {leet.points} points against leet", min(curves), "s", drawn)
        figures.record("memory against leet", min(memories), "MiB", memory)


class Leet:
    """`wandb leet` on a run that was written offline by the same wandb."""

    def __init__(self, wandb: Path, folder: Path, points: int):
        self.wandb, self.folder, self.points = wandb, folder, points
        self.environment = {"HOME": str(folder), "WANDB_MODE": "offline"}
        folder.mkdir()
        interpreter = wandb.with_name("python")
        command = [interpreter, "-c", LEET_RUN, folder, str(points)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **self.environment})
        (self.run,) = (folder / "wandb").glob("offline-run-*")

    def measure(self) -> tuple[float, float, float]:
        """Return seconds to the first frame, seconds until the run is drawn to its end, and MiB."""
        with Terminal([self.wandb, "leet", self.run], environment=self.environment) as terminal:
            first = terminal.wait("loss", "iou", "Overview") - terminal.started
            drawn = terminal.wait("Finished") - terminal.started
            return first, drawn, terminal.memory()


def live(figures: Figures, workshop: Workshop, seconds: float) -> None:
    """Watch a run that writes as much as it can, and press keys all the while."""
    run = workshop.run(10, ended=False)
    with writing(run, seconds * 4 + 60), workshop.open() as terminal:
        settle(terminal)
        terminal.press("4", "best")
        terminal.watch(3)
        before, began = terminal.count, time.perf_counter()
        terminal.watch(seconds)
        rate = (terminal.count - before) / 1024 / (time.perf_counter() - began)
        waits = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            waits.append(terminal.press("2", README_MARK))
            terminal.watch(0.2)
            waits.append(terminal.press("4", "best"))
            terminal.watch(0.2)
    figures.record("key to frame, live run: median", 1000 * statistics.median(waits), "ms", 50)
    figures.record("key to frame, live run: 95 %", 1000 * _quantile(waits, 0.95), "ms", 50)
    figures.record("to the terminal, live run", rate, "KiB/s", 30)
    shutil.rmtree(run)


def comparing(figures: Figures, workshop: Workshop) -> None:
    """Press keys while a process of its own imports MLflow and compares."""
    with workshop.open() as terminal:
        settle(terminal)
        terminal.press("6", "Baseline against final")
        waits = []
        for _ in range(15):
            waits.append(terminal.press("2", README_MARK))
            waits.append(terminal.press("6", "Baseline against final"))
            terminal.watch(0.1)
    figures.record("key to frame, MLflow read: longest", 1000 * max(waits), "ms", 100)


def idle(figures: Figures, workshop: Workshop, seconds: float) -> None:
    with workshop.open() as terminal:
        settle(terminal)
        terminal.press("4", "best")
        terminal.watch(5)
        before, began = terminal.cpu(), time.perf_counter()
        terminal.watch(seconds)
        share = (terminal.cpu() - before) / (time.perf_counter() - began)
    figures.record("CPU at rest", 100 * share, "%", 1)


def whole_day(figures: Figures, workshop: Workshop, hours: int) -> None:
    """Let the journal and log of hours pass by as fast as the dashboard reads them."""
    run = workshop.run(10, ended=False)
    begun, memories = time.time(), []
    with workshop.open() as terminal:
        settle(terminal)
        terminal.press("4", "best")
        for hour in range(hours):
            first = 10 + hour * HOUR_POINTS
            with (run / "events.jsonl").open("a") as events, (run / "train.log").open("a") as log:
                events.writelines(_points(range(first, first + HOUR_POINTS), begun))
                log.writelines(f"hour {hour} line {number}\n" for number in range(HOUR_LINES))
                log.write(f"end of hour {hour}\n")
            terminal.wait(f"end of hour {hour}")
            terminal.watch(2)
            memories.append(terminal.memory())
    figures.record(f"memory after {hours} h against 1 h", memories[-1], "MiB", memories[0])
    shutil.rmtree(run)


def settle(terminal: Terminal) -> None:
    """Wait until what is read at start is there: nothing new is written for a while, or the run writes on."""
    terminal.wait("Experiments")
    end = time.perf_counter() + SETTLE_SECONDS
    while time.perf_counter() < end and terminal.read(QUIET_SECONDS):
        pass
    terminal.press("1")  # what is there already would not be written again
    terminal.watch(0.5)
    terminal.press("2", README_MARK)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def measure(figures: Figures, folder: Path, points: int, quick: bool, wandb: Path | None) -> None:
    leet = Leet(wandb, folder / "leet", points) if wandb else None
    workshop = Workshop(folder / "workshop")
    workshop.run(points, ended=True)
    first_paint(figures, workshop, points, 3 if quick else 10, leet)
    comparing(figures, workshop)
    idle(figures, workshop, 5 if quick else 20)
    live(figures, workshop, 5 if quick else 20)
    whole_day(figures, workshop, 2 if quick else DAY_HOURS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter looks")
    parser.add_argument("--points", type=int, default=20_000, help="points of the run that is opened")
    parser.add_argument("--wandb", type=Path, help="the wandb command of an environment that has it")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_live(*options.write)
        return 0
    found = options.wandb or shutil.which("wandb")
    if not found:
        print("wandb is not installed: no figures of leet (pip install wandb elsewhere, --wandb PATH)", file=sys.stderr)
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        try:
            measure(figures, Path(folder), options.points, options.quick, found and Path(found).absolute())
        except NotSeen as error:
            print(error, file=sys.stderr)
            return 1
    figures.show(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
