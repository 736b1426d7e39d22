"""A small workshop in a temporary folder: real experiment folders whose scripts are real, quick programs."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from experiments import launcher
from experiments.processes import is_alive
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT, Settings

CONFIG = """\
# what this experiment learns from
stage: baseline
defect_class: deposition  # one of the classes of the dataset
train_dataset: sample_{defect_class}_BASELINE
validation_dataset: sample_{defect_class}_BASELINE_VAL
evaluation_dataset: sample_{defect_class}_EVAL
track_experiment: false
image_size: [64, 64]  # height, width
epochs: 3
model:
  name: "UNet"  # or UNetAttention
"""

# Works until its gate opens, answering requests meanwhile: a test decides when it ends.
SCRIPT = """\
import sys, time
from pathlib import Path
from pipeseg.config import load_config
from pipeseg.errors import StopRequested
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

directory = RunDirectory(Path(sys.argv[sys.argv.index("--run") + 1]))
config, _ = load_config(directory.config_file)
run = Run(config, Settings.load(), directory)

def save():
    run.emit("checkpoint", path="checkpoints/last.safetensors", which="last", step=1, epoch=1)

print("hello from the log", flush=True)  # before it is seen to run: what is killed then has said so
run.status("running")
run.progress(1, config.epochs, force=True, epoch=1, epochs=config.epochs, phase="train", eta_seconds=2.0)
run.metrics({"train/loss": 0.5, "val/iou": 0.25}, step=1, epoch=1)
try:
    while not Path(GATE).exists():
        run.obey(save)
        time.sleep(0.01)
except StopRequested:
    run.status("stopped")
    sys.exit(130)
run.metrics({"train/loss": 0.4, "val/iou": 0.75}, step=2, epoch=2)
run.metrics({"train/loss": 0.3, "val/iou": 0.5, "test/iou": 0.625}, step=3, epoch=3)
print("goodbye from the log", flush=True)
run.status("finished")
"""


@dataclass(frozen=True)
class Workshop:
    """Folders of one test, and ways to use them as a person would."""

    root: Path
    settings: Settings

    @property
    def gate(self) -> Path:
        return self.root / "gate"

    @property
    def environment(self) -> dict[str, str]:
        return {**launcher.child_environment(self.settings), "NO_COLOR": "1"}

    def add_experiment(self, name: str = "tiny", config: str = CONFIG, script: str = SCRIPT, readme: str = "") -> Path:
        folder = self.settings.experiments_dir / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        (folder / "experiment.py").write_text(script.replace("GATE", repr(str(self.gate))), encoding="utf-8")
        (folder / "README.md").write_text(readme or f"# The {name} one\n\nLearns little.\n", encoding="utf-8")
        return folder

    def add_dataset(self, name: str) -> Path:
        folder = self.settings.datasets_dir / name
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)
            (folder / part / "0.png").write_bytes(b"picture")
        (folder / "dataset.json").write_text(json.dumps({"fingerprint": f"print of {name}"}), encoding="utf-8")
        return folder

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
        """Run `python -m experiments ...` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "experiments", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            **options,
        )

    def open_command(self, *arguments: str, **options: Any) -> subprocess.Popen:
        """Start `python -m experiments ...` and leave it to the test."""
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "encoding": "utf-8",
        }
        command = [sys.executable, "-m", "experiments", *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, **streams | options)

    def write_run(self, run_id: str, *, exit_code: int | None = None, events: str = "", **info: Any) -> RunDirectory:
        """Write a run directory as an earlier session would have left it."""
        directory = RunDirectory(self.settings.runs_dir / run_id)
        directory.path.mkdir(parents=True)
        directory.info_file.write_text(json.dumps({"run_id": run_id, "experiment": "tiny"} | info), encoding="utf-8")
        directory.events_file.write_text(events, encoding="utf-8")
        if exit_code is not None:
            ending = {"time": 2.0, "code": exit_code, "signal": None}
            directory.exit_file.write_text(json.dumps(ending), encoding="utf-8")
        return directory


def run_processes(directory: RunDirectory) -> list[psutil.Process]:
    """Return the live training process and supervisor of a run, never this process (tests put it into `run.json`)."""
    info, found = directory.read_info(), []
    for pid, started in (("pid", "pid_started"), ("supervisor_pid", "supervisor_started")):
        if is_alive(info.get(pid), info.get(started)) and info[pid] != os.getpid():
            try:
                found.append(psutil.Process(info[pid]))
            except psutil.NoSuchProcess:
                continue
    return found
