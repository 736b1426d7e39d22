"""Ten thousand runs, listed, filtered, sorted and shown: `python benchmarks/runs.py [--json] [--quick]`.

| figure | reference |
|---|---|
| first listing of a folder, every journal read | `os.walk` and `json` over the same journals |
| listing by a new process, from the cache | the same walk |
| listing again: in full, and at a glance as the dashboard does every two seconds | the same walk |
| a filter over test IoU, class and status; one over a key of the configs, first and later; sorting | the same walk |
| runs that only MLflow knows, from its sqlite store | `MlflowClient.search_runs` on the same store |
| memory a run | `json` of the same journals' last values, as dicts |
| a frame of the Runs pane at 160x48; the longest hold-up of the keys while a filter is typed | 50 ms |

Each in a process of its own; the best of several rounds, but for what happens once.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part

CLASSES = ("crack", "deposition", "deformation", "obstacle", "rupture")
EPOCHS = 30
QUERY, CONFIG_QUERY = "class:dep iou>0.5 -status:failed", "config.batch_size>=16 lr<1e-3"
ROUNDS = 5
CONFIG = """\
stage: baseline
defect_class: {defect_class}
image_size: [512, 704]
model:
  name: UNet
  args: {{encoder_name: resnet18, encoder_weights: null}}
epochs: 30
learning_rate: {rate}
batch_size: {batch}
criterion:
  name: BCEDiceLoss
  args: {{}}
seed: {seed}
"""


def make_runs(folder: Path, count: int) -> None:
    """Write run directories as trainings leave them: 30 epochs, a hundred lines of journal."""
    numbers, hour_ago = random.Random(0), time.time() - 3600
    for index in range(count):
        created = hour_ago - 60 * index
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(created))}-baseline-{index:05x}"
        path = folder / run_id
        path.mkdir(parents=True)
        defect_class, score = CLASSES[index % len(CLASSES)], numbers.random()
        info = {"run_id": run_id, "experiment": "baseline", "stage": "baseline", "defect_class": defect_class}
        info |= {"created": created, "host": "gpu-1", "user": "ann", "upload": "done", "packages": {"torch": "2"}}
        (path / "run.json").write_text(json.dumps(info, indent=2))
        (path / "exit.json").write_text(json.dumps({"time": created + 900, "code": int(index % 9 == 0)}))
        values = {"defect_class": defect_class, "seed": index % 5}
        rates = {"rate": numbers.choice((0.001, 0.0005)), "batch": numbers.choice((8, 16))}
        (path / "config.yaml").write_text(CONFIG.format(**values, **rates))
        (path / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in journal(created, score)))
        os.utime(path, (hour_ago, hour_ago))


def journal(created: float, score: float) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"time": created, "kind": "status", "status": "running"}]
    for epoch in range(1, EPOCHS + 1):
        at = {"time": created + 30 * epoch, "step": 100 * epoch, "epoch": epoch}
        validation = {
            "val/loss": 1 / epoch,
            "val/iou": score * (1 - 1 / (epoch + 1)),
            "val/dice": score,
            "val/recall": 1,
        }
        events.append({**at, "kind": "metrics", "values": {"train/loss": 1 / epoch, "lr": 0.001}})
        events.append({**at, "kind": "metrics", "values": validation})
        events.append({**at, "kind": "progress", "total": 100 * EPOCHS, "epochs": EPOCHS, "phase": "train"})
    events.append({**events[-1], "kind": "metrics", "values": {"test/iou": score, "test/dice": score}})
    return [*events, {"time": created + 900, "kind": "status", "status": "finished"}]


def seconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def resident() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**10


# -- parts, each in a process of its own ---------------------------------------------------------------------------


def walk(folder: str) -> dict[str, Any]:
    """The reference: every run.json and journal, the plain way."""
    before, found = resident(), []

    def read() -> None:
        found.clear()
        for path, _, names in os.walk(folder):
            if "run.json" in names:
                last: dict[str, float] = {}
                for line in open(f"{path}/events.jsonl", encoding="utf-8"):  # noqa: SIM115
                    last |= json.loads(line).get("values", {})
                found.append((json.load(open(f"{path}/run.json", encoding="utf-8")), last))  # noqa: SIM115

    return {"seconds": seconds(read, 1), "kib": (resident() - before) / len(found)}


def first(folder: str) -> dict[str, Any]:
    from experiments.run_index import RunIndex

    (Path(folder) / ".runs.sqlite").unlink(missing_ok=True)
    return {"seconds": seconds(lambda: RunIndex(Path(folder)).look(), 1)}


def cold(folder: str) -> dict[str, Any]:
    from experiments.run_index import RunIndex

    before = resident()
    began = time.perf_counter()
    index = RunIndex(Path(folder))
    runs = index.look().runs
    cold = time.perf_counter() - began
    return {"seconds": cold, "kib": (resident() - before) / len(runs), "count": len(runs)}


def warm(folder: str) -> dict[str, Any]:
    from dataclasses import replace

    from experiments.run_choice import Order, choose, understood
    from experiments.runs import look
    from pipeseg.settings import Settings

    settings = replace(Settings.load(), runs_dir=Path(folder))
    runs = look(settings).runs
    order, started = Order.of("iou"), Order.of("started")
    query, by_config = understood(QUERY, runs), understood(CONFIG_QUERY, runs)
    chosen = choose(settings, runs, query, started).runs
    assert 0 < len(chosen) < len(runs)
    return {
        "thorough": seconds(lambda: look(settings, thorough=True)),
        "glance": seconds(lambda: look(settings)),
        "filter": seconds(lambda: choose(settings, runs, understood(QUERY, runs), started)),
        "list_and_filter": seconds(lambda: choose(settings, look(settings, thorough=True).runs, query, started)),
        "sort": seconds(lambda: choose(settings, runs, understood("", runs), order)),
        "config_first": seconds(lambda: choose(settings, runs, by_config, started), 1),
        "config": seconds(lambda: choose(settings, runs, by_config, started)),
    }


def pane(folder: str) -> dict[str, Any]:
    os.environ["RUNS_DIR"] = folder
    return asyncio.run(_pane())


async def _pane() -> dict[str, Any]:
    from app.dashboard import Dashboard

    gc.disable()  # as `python -m app` starts: the dashboard looks for garbage between keys
    app = Dashboard()
    async with app.run_test(size=(160, 48)) as pilot:

        async def until(condition: Callable[[], object]) -> None:
            while not condition():
                await pilot.pause()

        await until(lambda: app.furnished and app.runs)
        await pilot.press("5")
        await until(lambda: app.runs_pane.sifted.runs)
        worst, ends = 0.0, False

        async def tick() -> None:
            nonlocal worst
            while not ends:
                began = time.perf_counter()
                await asyncio.sleep(0)
                worst = max(worst, time.perf_counter() - began)
                await asyncio.sleep(0.001)

        grid = app.query_one("#runs-grid")

        def frame() -> None:
            grid._strips.clear()
            for y in range(grid.size.height):
                grid.render_line(y)

        best = seconds(frame)
        ticking = asyncio.create_task(tick())
        keys = {" ": "space", ":": "colon", ">": "greater_than_sign", ".": "full_stop", "-": "minus"}
        await pilot.press("slash")
        for character in QUERY:
            await pilot.press(keys.get(character, character))
        await until(lambda: app.runs_pane.sifted.query == QUERY and len(app.runs_pane.sifted.runs) < len(app.runs))
        ends = True
        await ticking
    return {"frame": best, "worst": worst}


def store(database: str, count: str) -> dict[str, Any]:
    """Our way to read a store that knows nothing but runs of other machines."""
    from dataclasses import replace

    from experiments.mlflow_runs import MlflowRuns
    from pipeseg.settings import Settings

    settings = replace(Settings.load(), tracking_uri=f"sqlite:///{database}", runs_dir=Path(database).parent / "none")
    began = time.perf_counter()
    reader = MlflowRuns(settings)
    found = reader.look(())
    took = time.perf_counter() - began
    assert found.problem is None and len(found.runs) == int(count)
    return {"seconds": took, "again": seconds(lambda: reader.look(()))}


def client(database: str, count: str) -> dict[str, Any]:
    from experiments.mlflow_query import every_run

    began = time.perf_counter()
    assert len(list(every_run(f"sqlite:///{database}"))) == int(count)
    return {"seconds": time.perf_counter() - began}


def make_store(folder: Path, count: int) -> Path:
    """An MLflow store with runs of another machine; written as rows, for MLflow takes minutes."""
    from experiments.mlflow_store import open_client

    database = folder / "mlflow.db"
    open_client(f"sqlite:///{database}")
    numbers = random.Random(0)
    with sqlite3.connect(database) as connection:
        for index in range(count):
            uuid, start = f"{index:032x}", 1_700_000_000_000 + 60_000 * index
            columns = (
                "run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri"
            )
            values = (uuid, f"run {index}", "LOCAL", "ann", "FINISHED", start, start + 9000, "active", f"/a/{uuid}", 0)
            connection.execute(f"INSERT INTO runs ({columns}, experiment_id) VALUES (?,?,?,?,?,?,?,?,?,?)", values)
            tags = {"run_id": f"far-{index}", "stage": "final", "defect_class": CLASSES[index % 5], "ended": "finished"}
            tags |= {"host": "gpu-2", "experiment": "final", "mlflow.user": "ann", "dataset": "x_EVAL", "seed": "1"}
            connection.executemany(
                "INSERT INTO tags (key, value, run_uuid) VALUES (?,?,?)", [(*tag, uuid) for tag in tags.items()]
            )
            params = {"learning_rate": "0.001", "batch_size": "16", "model.name": "UNet"} | {
                f"key{n}": "1" for n in range(30)
            }
            connection.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?,?,?)", [(*each, uuid) for each in params.items()]
            )
            names = ("train/loss", "val/iou", "val/dice", "val/loss", "test/iou", "test/dice")
            rows = [(name, numbers.random(), start, 0, 30, uuid) for name in names]
            for table in ("metrics", "latest_metrics"):
                connection.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, is_nan, step, run_uuid) VALUES (?,?,?,?,?,?)", rows
                )
    return database


PARTS = {
    name: part
    for name, part in globals().items()
    if name in ("walk", "first", "cold", "warm", "pane", "store", "client")
}


def measure(count: int) -> Figures:
    figures, folder = Figures(), Path(tempfile.mkdtemp(prefix="pipeseg-runs-"))
    try:
        runs = folder / "runs"
        make_runs(runs, count)
        once = measured(__file__, "first", runs)
        plain = measured(__file__, "walk", runs)
        listed = min((measured(__file__, "cold", runs) for _ in range(3)), key=lambda each: each["seconds"])
        again = measured(__file__, "warm", runs)
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'none.db'}"}
        shown = measured(__file__, "pane", runs, env=environment)
        ms, walked = 1000.0, 1000 * plain["seconds"]
        figures.record("runs", count, "")
        figures.record("first listing", ms * once["seconds"], "ms", walked)
        figures.record("listing by a new process", ms * listed["seconds"], "ms", walked)
        figures.record("listing again, in full", ms * again["thorough"], "ms", walked)
        figures.record("listing again, at a glance", ms * again["glance"], "ms", walked)
        figures.record("filter", ms * again["filter"], "ms", walked)
        figures.record("listing in full and filter", ms * again["list_and_filter"], "ms", walked)
        figures.record("sort by IoU", ms * again["sort"], "ms", walked)
        figures.record("filter by configs, first", ms * again["config_first"], "ms", walked)
        figures.record("filter by configs", ms * again["config"], "ms", walked)
        figures.record("memory a run", listed["kib"], "KiB", plain["kib"])
        figures.record("frame of the pane", ms * shown["frame"], "ms", 50)
        figures.record("longest hold-up of keys", ms * shown["worst"], "ms", 50)
        database = make_store(folder, count)
        theirs = measured(__file__, "client", database, count)
        ours = measured(__file__, "store", database, count)
        figures.record("MLflow's runs, first", ms * ours["seconds"], "ms", ms * theirs["seconds"])
        figures.record("MLflow's runs, again", ms * ours["again"], "ms", ms * theirs["seconds"])
    finally:
        shutil.rmtree(folder)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="1,000 runs instead of 10,000")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(PARTS, options.part)
    else:
        measure(1_000 if options.quick else 10_000).show(options.json)


if __name__ == "__main__":
    main()
