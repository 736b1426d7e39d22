"""The whole path with real trainings, from the dashboard's keys: baseline, refine, final, table."""

import shutil
from pathlib import Path

import pytest
from driving import choose, opened, point_count, screen_text, until
from real_pictures import REAL, REAL_CLASSES, convert
from textual.pilot import Pilot

from experiments.comparison import Verdict
from experiments.config_file import set_values
from experiments.launcher import await_upload
from experiments.runs import list_runs
from pipeseg.data.splits import SplitRatios, split_dataset
from pipeseg.settings import ROOT, Settings
from pipeseg.synthetic.generate import generate
from pipeseg.synthetic.options import Options

TINY = {
    "image_size": [64, 64],
    "model": {
        "name": "UNetAttention",
        "args": {"encoder_name": "resnet18", "encoder_weights": None, "decoder_channels": [16, 16, 8, 8, 8]},
    },
    "epochs": 4,
    "steps_per_epoch": 5,
    "visualization_samples": 2,
}


def make_sample(datasets: Path) -> tuple[str, str]:
    options = Options(24, 12, 2, 64, 96, ["deposition"], 0)
    generate(datasets / "sample", options, 2, False, lambda done, total: None)
    return "sample", "deposition"


def make_real(datasets: Path) -> tuple[str, str]:
    if not REAL.is_dir():
        pytest.skip("the real pictures are not beside this checkout")
    convert(REAL, datasets / "steel", REAL_CLASSES, hand=20, limit=150)
    return "steel", "patches"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The project's own experiments, copied, on folders of their own."""
    for key in ("experiments", "datasets", "runs", "models"):
        monkeypatch.setenv(f"{key.upper()}_DIR", str(tmp_path / key))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    (tmp_path / "datasets").mkdir()
    for name in ("baseline", "refine", "final"):
        shutil.copytree(ROOT / "scripts" / "experiment" / name, tmp_path / "experiments" / name)
    return Settings.load()


def point_at(settings: Settings, source: str, defect_class: str) -> None:
    """Edit the configs as a person would: other datasets, a tiny budget."""
    prefix = f"{source}_{{defect_class}}"
    hand = {"defect_class": defect_class, "evaluation_dataset": f"{prefix}_EVAL"}
    values = {
        "baseline": TINY | {"train_dataset": f"{prefix}_BASELINE", "validation_dataset": f"{prefix}_BASELINE_VAL"},
        "final": TINY | {"train_dataset": f"{prefix}_H1", "validation_dataset": f"{prefix}_H1_VAL"},
        "refine": {
            "source_dataset": source,
            "baseline_dataset": f"{prefix}_BASELINE",
            "validation_dataset": f"{prefix}_BASELINE_VAL",
            "hybrid_dataset": f"{prefix}_H1",
            "refiner.args": {"steps": 4},
        },
    }
    for name, changes in values.items():
        file = settings.experiments_dir / name / "config.yaml"
        file.write_text(set_values(file.read_text(encoding="utf-8"), hand | changes), encoding="utf-8")


async def launch_and_watch(pilot: Pilot, settings: Settings, name: str) -> None:
    before = len(list_runs(settings))
    await choose(pilot, name)
    await pilot.press("l", "enter")
    await until(pilot, lambda: len(list_runs(settings)) == before + 1)
    await until(pilot, lambda: not list_runs(settings)[0].is_active, seconds=240)
    run = list_runs(settings)[0]
    assert (run.experiment, run.status) == (name, "finished"), run.directory.log_file.read_text(encoding="utf-8")
    if name != "refine":
        await until(pilot, lambda: point_count(pilot.app, "val/iou") == TINY["epochs"])
        assert 0 <= run.test["iou"] <= 1
    await_upload(run.directory)


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_sample, make_real])
async def test_from_boxes_to_the_table_by_keys(settings: Settings, make) -> None:
    source, defect_class = make(settings.datasets_dir)
    split_dataset(settings.datasets_dir / source, defect_class, ratios=SplitRatios(), seed=0)
    point_at(settings, source, defect_class)
    async with opened() as pilot:
        for name in ("baseline", "refine", "final"):
            await launch_and_watch(pilot, settings, name)
        await pilot.press("6")
        await until(pilot, lambda: any(verdict in screen_text(pilot.app) for verdict in Verdict), seconds=60)
        assert defect_class in screen_text(pilot.app)
    runs = [run for run in reversed(list_runs(settings)) if run.stage != "refine"]
    baseline, final = (run.directory.read_info()["datasets"] for run in runs)
    assert baseline["test"] == final["test"] and baseline["train"] != final["train"]
