"""A workshop in a temporary folder: real experiment folders whose script writes a journal as a training does."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

CONFIG = """\
# what this run is in the study
stage: baseline
defect_class: deposition
train_dataset: learn  # about 200 hand masks
validation_dataset: choose
evaluation_dataset: report
epochs: 3
image_size: [64, 64]
track_experiment: false
"""

# Honest about the protocol, fast about the rest: `Run` is what real trainings use.
SCRIPT = """\
import math, os, sys, time
from pathlib import Path

import psutil

from pipeseg.config import load_config
from pipeseg.errors import StopRequested
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

directory = RunDirectory(Path(sys.argv[sys.argv.index("--run") + 1]))
config, _ = load_config(directory.config_file)
directory.update(pid=os.getpid(), pid_started=psutil.Process().create_time())
run = Run(config, Settings.load(), directory)
run.status("running")
steps, step = 10, 0


def save():
    run.emit("checkpoint", which="last", step=step, epoch=1)


try:
    for epoch in range(1, config.epochs + 1):
        for _ in range(steps):
            step += 1
            time.sleep(0.01)
            run.obey(save)
            run.metrics({"train/loss": math.exp(-step / 30)}, step=step, epoch=epoch)
            total = steps * config.epochs
            run.progress(step, total, epoch=epoch, epochs=config.epochs, phase="train", force=step == total)
        run.metrics({"val/loss": math.exp(-step / 40), "val/iou": 1 - math.exp(-step / 20)}, step=step, epoch=epoch)
        print(f"epoch {epoch} Отложения")
    run.metrics({"test/iou": 0.5}, step=step, epoch=config.epochs)
    run.status("finished")
except StopRequested:
    run.status("stopped")
    sys.exit(130)
"""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two experiments that work, one that is broken, three datasets."""
    for key in ("experiments", "datasets", "runs", "models"):
        monkeypatch.setenv(f"{key.upper()}_DIR", str(tmp_path / key))
        (tmp_path / key).mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    for name in ("learn", "choose", "report"):
        (tmp_path / "datasets" / name / "images").mkdir(parents=True)
        (tmp_path / "datasets" / name / "images" / "picture.png").touch()
    for name in ("toy", "nested/inner"):
        add_experiment(tmp_path / "experiments" / name, CONFIG)
    (tmp_path / "experiments" / "toy" / "README.md").write_text("# Toy\n\nLearns nothing, quickly.\n", encoding="utf-8")
    add_experiment(tmp_path / "experiments" / "broken", "epochs: [1\n")
    return Settings.load()


def add_experiment(folder: Path, config: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "experiment.py").write_text(SCRIPT, encoding="utf-8")


@pytest.fixture
def add_run(workshop: Settings) -> Callable[..., RunDirectory]:
    """Makes the directory of a run; `ended=False` leaves it without its end."""

    def make(
        experiment: str = "toy", *, points: int = 50, status: str = "finished", ended: bool = True, age: float = 60.0
    ) -> RunDirectory:
        info = {"stage": "baseline", "defect_class": "deposition", "created": time.time() - age, "upload": "off"}
        directory = RunDirectory.create(workshop.runs_dir, experiment, CONFIG, {**info, "status": status})
        lines = ['{"time": 1, "kind": "status", "status": "running"}']
        for step in range(1, points + 1):
            values = f'{{"train/loss": {1 / step}, "val/loss": {2 / step}, "val/iou": {min(step, 40) / 100}}}'
            lines.append(f'{{"time": {step}, "kind": "metrics", "step": {step}, "epoch": 1, "values": {values}}}')
        counts = f'"step": {points}, "total": {points}, "epoch": 1, "epochs": 1'
        lines.append(f'{{"time": 99, "kind": "progress", {counts}, "phase": "train"}}')
        lines.append(
            f'{{"time": 99, "kind": "metrics", "step": {points}, "epoch": 1, "values": {{"test/iou": 0.625}}}}'
        )
        if ended:
            lines.append(f'{{"time": 100, "kind": "status", "status": "{status}"}}')
            directory.write_exit({"finished": 0, "stopped": 130}.get(status, 1))
        directory.events_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        directory.log_file.write_text("first line\n\x1b[32mgreen\x1b[0m Отложения\n 10%\r 20%\r", encoding="utf-8")
        return directory

    return make
