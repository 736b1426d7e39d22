"""Run directories and MLflow stores for the tests of tracking; real ones, written by our own code."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory

CONFIG = """\
stage: {stage}
experiment_name: {experiment_name}
track_experiment: {track}
defect_class: {defect_class}
seed: {seed}
train_dataset: sample_BASELINE
validation_dataset: sample_VAL
evaluation_dataset: {dataset}
epochs: {epochs}
model: {{name: UNet, args: {{encoder_name: resnet18, encoder_weights: null}}}}
"""


def make_template(folder: Path) -> Path:
    """Create an empty, migrated store once; copying it is a hundred times faster."""
    from experiments.mlflow_store import open_client

    open_client(f"sqlite:///{(folder / 'template.db').as_posix()}")
    return folder / "template.db"


def copy_store(template: Path, folder: Path) -> str:
    """Copy the template; return the tracking URI."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / "mlflow.db")
    return f"sqlite:///{(folder / 'mlflow.db').as_posix()}"


def make_run(
    runs: Path,
    uri: str,
    *,
    stage: str = "baseline",
    defect_class: str = "crack",
    seed: int = 0,
    dataset: str = "sample_EVAL",
    experiment_name: str = "Study",
    track: str = "true",
    epochs: int = 10,
    several: str | None = None,
    **info: object,
) -> RunDirectory:
    """Make the directory of a run that belongs to this test process; `several` are its classes, if there are more."""
    import psutil

    text = CONFIG.format(**{key: value for key, value in locals().items() if isinstance(value, str | int)})
    if several:
        text = text.replace(f"defect_class: {defect_class}", f"defect_classes: [{several}]")
    details = {
        "stage": stage,
        "defect_class": defect_class,
        "user": "tester",
        "pid": os.getpid(),
        "pid_started": psutil.Process().create_time(),
        "created": time.time(),
        "status": "running",
        "tracking_uri": uri,
        "upload": "pending",
    }
    return RunDirectory.create(runs, stage, text, {**details, **info})


def write_metrics(run: RunDirectory, steps: Iterable[int], keys: Iterable[str] = ("train/loss", "val/iou")) -> int:
    """Append one `metrics` event a step; return how many points that is."""
    keys, count = list(keys), 0
    for step in steps:
        values = {key: 1 / (step + index + 1) for index, key in enumerate(keys)}
        append_event(run.events_file, "metrics", step=step, epoch=1, values=values)
        count += len(keys)
    return count


def write_results(
    run: RunDirectory,
    iou: Iterable[float],
    *,
    fingerprint: str = "f1",
    total_steps: int = 100,
    groups: int | None = None,
    alarm: bool = False,
    several: str | None = None,
) -> None:
    """Write `results/` for a test set of pictures 0.png, 1.png, ... with these IoU (NaN = no defect in the truth).

    Args:
        alarm: something is predicted where no defect is.
        several: the class of these results, of a network that learned several.
    """
    iou = list(iou)
    lines = ["file,group,height,width,has_defect,iou,dice,precision,recall,alarm"]
    for index, value in enumerate(iou):
        cells = (
            ["", "", "", ""] if value != value else [f"{v:.6f}" for v in (value, 2 * value / (1 + value), value, value)]
        )
        group = index if groups is None else index % groups
        has_defect = value == value
        lines.append(
            ",".join([f"{index}.png", f"g{group}", "64", "64", f"{has_defect:d}", *cells, f"{has_defect or alarm:d}"])
        )
    folder = run.results / several if several else run.results
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "per_image.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    kept = [value for value in iou if value == value]
    summary = {
        "test": {"iou": sum(kept) / len(kept)},
        "test_fingerprint": fingerprint,
        "total_steps": total_steps,
        "best": {"epoch": 7, "step": 70, "score": 0.5, "metric": "val/iou"},
    }
    (run.results / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    append_event(run.events_file, "metrics", step=total_steps, epoch=1, values={"test/iou": summary["test"]["iou"]})
    append_event(run.events_file, "metrics", step=total_steps, epoch=1, values={"val/iou": 0.4})


def write_pictures(run: RunDirectory, folder: Path, count: int, reach: int) -> None:
    """Write `results/test_pictures.zip`: a block of 16 pixels in each picture, found with an edge of `reach` pixels."""
    import numpy as np
    from PIL import Image

    from pipeseg.data.scored_pictures import ScoredPictures

    kept = ScoredPictures(count)
    for index in range(count):
        path = folder / f"{index}.png"
        truth, found = np.zeros((2, 64, 64), bool)
        truth[16:32, 16:32] = index > 0
        found[16 - reach : 32, 16:32] = True
        Image.fromarray(np.where(truth, 200, 60).astype(np.uint8)).save(path)
        kept.add(path, truth, found)
    kept.write(run.results / "test_pictures.zip")


def end_run(run: RunDirectory, status: str = "finished", code: int | None = 0, signal: str | None = None) -> None:
    append_event(run.events_file, "status", status=status)
    run.write_exit(code, signal)


def query(uri: str, sql: str, *values: object) -> list[tuple]:
    """Read the store past MLflow: the rows are what is really there."""
    with sqlite3.connect(uri.removeprefix("sqlite:///"), timeout=20) as connection:
        return connection.execute(sql, values).fetchall()


def count_points(uri: str) -> int:
    return query(uri, "select count(*) from metrics")[0][0]
