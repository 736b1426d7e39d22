"""Shared by all tests: a tiny workshop with real pictures, where a real training takes a second."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# what a shell starts in the background ignores Ctrl-C, and hands that down to the processes that tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# two tests at once on two cores: OpenMP's threads would spin against each other, many times slower than one thread
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from inside import Ended, run_inside
from PIL import Image
from waiting import wait_until

from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT, Settings

MODEL = {
    "name": "UNetAttention",
    "args": {
        "encoder_name": "tu-mobilenetv3_small_050",
        "encoder_weights": None,
        "decoder_channels": [16, 16, 8, 8, 8],
    },
}
CONFIG = {
    "stage": "baseline",
    "seed": 7,
    "defect_class": "deposition",
    "train_dataset": "tiny_deposition_BASELINE",
    "validation_dataset": "tiny_deposition_BASELINE_VAL",
    "evaluation_dataset": "tiny_deposition_EVAL",
    "image_size": [64, 64],
    "model": MODEL,
    "criterion": {"name": "BCEDiceLoss", "args": {}},
    "epochs": 2,
    "steps_per_epoch": 2,
    "batch_size": 4,
    "learning_rate": 0.003,
    "visualization_samples": 2,
    "device": "cpu",
}


def picture(index: int, height: int = 64, width: int = 64, defect: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return (RGB, mask): a bright block on noise, at a place that depends on `index`."""
    random = np.random.default_rng(index)
    image = random.integers(40, 90, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    if defect:
        top, left = random.integers(4, height // 2), random.integers(4, width // 2)
        mask[top : top + height // 3, left : left + width // 3] = 255
        image[mask > 0] += 120
    return image, mask


@dataclass(frozen=True)
class Tiny:
    """Folders of a tiny workshop and what a test does in them."""

    root: Path
    settings: Settings

    def add_dataset(
        self, name: str, indices: range, sizes: tuple[tuple[int, int], ...] = ((64, 64),), **facts: Any
    ) -> Path:
        """Write a dataset of one picture per index; every fourth holds no defect."""
        folder = self.settings.datasets_dir / name
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)
        for index in indices:
            image, mask = picture(index, *sizes[index % len(sizes)], defect=index % 4 != 3)
            Image.fromarray(image).save(folder / "images" / f"p{index:03}.png")
            Image.fromarray(mask).save(folder / "masks" / f"p{index:03}.png")
        groups = {f"p{index:03}.png": f"g{index:03}" for index in indices}
        (folder / "dataset.json").write_text(json.dumps({"groups": groups, **facts}), encoding="utf-8")
        return folder

    def run(self, values: dict[str, Any] | None = None, **changes: Any) -> Run:
        """Return a run of `CONFIG` with `changes`, prepared but not started."""
        from pipeseg.config import check_config, dump_config

        config, _ = check_config({**(values or CONFIG), **changes})
        info = {"stage": config.stage, "defect_class": config.defect_class, "status": "starting"}
        directory = RunDirectory.create(self.settings.runs_dir, "tiny", dump_config(config), info)
        return Run(config, self.settings, directory)

    def train(self, **changes: Any) -> Run:
        """Train to the end in this process."""
        from pipeseg.training.loop import train

        run = self.run(**changes)
        train(run)
        return run

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATASETS_DIR": str(self.settings.datasets_dir),
            "MODELS_DIR": str(self.settings.models_dir),
            "RUNS_DIR": str(self.settings.runs_dir),
            "MLFLOW_TRACKING_URI": self.settings.tracking_uri,
            "NO_COLOR": "1",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(self.root / "hf"),
        }

    def experiment(self, *arguments: str, name: str = "baseline", **changes: Any) -> list[str]:
        """Return the command of an experiment's script with the tiny config as overrides."""
        values = {**CONFIG, "track_experiment": False, **changes}
        sets = [part for key, value in values.items() for part in ("--set", f"{key}={json.dumps(value)}")]
        return [sys.executable, str(ROOT / "scripts" / "experiment" / name / "experiment.py"), *sets, *arguments]

    def call(self, command: list[str], **options: Any) -> subprocess.CompletedProcess:
        """Run a command to its end, without stdin."""
        settled = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8", "timeout": 120}
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.run(command, env=environment, **{**settled, **options})

    def tool(self, name: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
        return self.call([sys.executable, str(ROOT / "scripts" / "tools" / name), *arguments], **options)

    def inside(self, name: str, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
        """Run a tool as `tool` does, but in this process: no seconds for a fresh interpreter and its imports."""
        script = str(ROOT / "scripts" / "tools" / name)
        return run_inside([sys.executable, script, *arguments], {**self.environment, **(env or {})}, cwd)

    def run_folders(self) -> list[Path]:
        return sorted(self.settings.runs_dir.iterdir()) if self.settings.runs_dir.is_dir() else []

    wait_until = staticmethod(wait_until)


def make_tiny(root: Path, datasets: Path | None = None) -> Tiny:
    settings = replace(
        Settings.load(),
        datasets_dir=datasets or root / "datasets",
        models_dir=root / "models",
        runs_dir=root / "runs",
        tracking_uri=f"sqlite:///{(root / 'mlflow.db').as_posix()}",
        user="tester",
    )
    return Tiny(root, settings)


@pytest.fixture(scope="session")
def tiny_session(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Three datasets of one class, made once; nobody may write to them."""
    tiny = make_tiny(tmp_path_factory.mktemp("tiny"))
    # test pictures of two sizes, neither of them the network's
    tiny.add_dataset("tiny_deposition_BASELINE", range(9))
    tiny.add_dataset("tiny_deposition_BASELINE_VAL", range(20, 24))
    tiny.add_dataset("tiny_deposition_EVAL", range(40, 45), sizes=((80, 72), (56, 100)))
    return tiny


@pytest.fixture
def tiny(tiny_session: Tiny, tmp_path: Path) -> Tiny:
    """The session's datasets, with runs, models and tracking store of one test."""
    return make_tiny(tmp_path, tiny_session.settings.datasets_dir)


@pytest.fixture
def own_tiny(tmp_path: Path) -> Tiny:
    """A workshop of one test, empty: its datasets may be spoiled."""
    (tmp_path / "datasets").mkdir(exist_ok=True)
    return make_tiny(tmp_path)


@pytest.fixture(scope="module")
def module_tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """An empty workshop that the tests of one file share."""
    return make_tiny(tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="session")
def trained(tiny_session: Tiny) -> Run:
    """One finished run that several tests look at."""
    return tiny_session.train()
