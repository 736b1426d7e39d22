"""Run directories with curves, for what the charts show."""

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
from driving import screen_text
from textual.pilot import Pilot

from app.widgets.chart import Chart
from app.widgets.charts_panel import ChartsPanel
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory

STEPS_PER_EPOCH = 10
SECONDS_PER_STEP = 3.0
START = 1_700_000_000.0


def metrics_event(step: int, values: dict[str, float]) -> dict:
    """One event; an epoch is `STEPS_PER_EPOCH` steps, a step `SECONDS_PER_STEP`."""
    epoch = -(-step // STEPS_PER_EPOCH)
    when = START + step * SECONDS_PER_STEP
    return {"time": when, "kind": "metrics", "step": step, "epoch": epoch, "values": values}


def write_run(
    runs_dir: Path,
    experiment: str,
    curves: dict[str, Iterable[float]],
    *,
    stage: str = "baseline",
    seed: int = 0,
    running: bool = False,
    age: float = 60.0,
    defect_class: str = "deposition",
) -> RunDirectory:
    """Write a run with curves that have a value a step, from step 1."""
    info = {"stage": stage, "defect_class": defect_class, "created": time.time() - age, "upload": "off"}
    info["status"] = "running" if running else "finished"
    if running:
        info |= {"pid": os.getpid(), "pid_started": psutil.Process().create_time()}
    directory = RunDirectory.create(runs_dir, experiment, f"stage: {stage}\nseed: {seed}\n", info)
    events = [{"time": START, "kind": "status", "status": "running"}]
    columns = {name: list(values) for name, values in curves.items()}
    for index in range(max(map(len, columns.values()), default=0)):
        values = {name: column[index] for name, column in columns.items() if index < len(column)}
        events.append(metrics_event(index + 1, values))
    if not running:
        events.append({"time": START + 9999, "kind": "status", "status": "finished"})
        directory.write_exit(0)
    directory.events_file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    directory.log_file.write_text("at work\n", encoding="utf-8")
    return directory


def add_point(directory: RunDirectory, step: int, values: dict[str, float]) -> None:
    """Append a point as a run does."""
    event = metrics_event(step, values)
    append_event(directory.events_file, "metrics", step=step, epoch=event["epoch"], values=values)


def panel_of(pilot: Pilot) -> ChartsPanel:
    return pilot.app.screen_stack[0].query_one(ChartsPanel)


def chart_text(pilot: Pilot, number: int = 0) -> str:
    """What stands on the screen where a chart is, line by line; nothing while it is not there."""
    charts = list(panel_of(pilot).query(Chart))
    if number >= len(charts):
        return ""
    region, lines = charts[number].region, screen_text(pilot.app).split("\n")
    return "\n".join(line[region.x : region.right] for line in lines[region.y : region.bottom])


def window(pilot: Pilot) -> tuple[float, float]:
    panel = panel_of(pilot)
    return panel.view.window(*panel.extent())
