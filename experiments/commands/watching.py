"""diagnose and machine: what is wrong with a run, and what the machine does meanwhile."""

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from experiments.commands.output import Json, RunText, note, print_json, print_table

# busy cores are measured between two looks
LOOK_SECONDS = 0.5
GIB = 1 << 30


def diagnose(run: RunText = "latest", as_json: Json = False) -> None:
    """Say what is wrong with a run and what to do: NaN, divergence, overfitting, slow loading, memory, disk …"""
    from experiments.diagnosing import Diagnoser
    from experiments.diagnosis import GLYPHS
    from experiments.runs import find_run
    from pipeseg.settings import Settings

    directory = find_run(Settings.load(), run)
    found = Diagnoser(directory).look()
    if as_json:
        print_json([asdict(verdict) for verdict in found])
        return
    if not found:
        note(f"{directory.run_id}: nothing is wrong")
    for verdict in found:
        whose = f"{verdict.run_id}: " if verdict.run_id else ""
        print(f"{GLYPHS[verdict.severity]} {verdict.severity} ({verdict.kind}): {whose}{verdict.sentence}")
        print(f"  -> {verdict.what_to_do}")
        for line in verdict.lines:
            print(f"  | {line}")


def machine(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Also what this run takes, and its cards alone.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what this machine does: GPUs, memory, cores; with RUN also what its processes take."""
    from experiments.machine import Machine
    from experiments.run_facts import config_of
    from experiments.runs import find_run
    from pipeseg.settings import Settings

    info, device = None, "auto"
    if run is not None:
        directory = find_run(Settings.load(), run)
        info, device = directory.read_info(), str(config_of(directory).get("device", "auto"))
    looker = Machine()
    looker.look(info, device)
    time.sleep(LOOK_SECONDS)
    reading = looker.look(info, device)
    if as_json:
        record = asdict(reading)
        record["gpus"] = [{**asdict(gpu), "pids": sorted(gpu.pids)} for gpu in reading.gpus]
        print_json(record)
        return
    host, rows = reading.host, []
    for gpu in reading.gpus:
        rows.append((f"GPU {gpu.index}", gpu.name, _percent(gpu.utilisation), _memory(gpu), _degrees(gpu.temperature)))
    used = f"{host.memory_used / GIB:.1f} of {host.memory_total / GIB:.1f} GiB"
    rows.append(("host", f"{host.cores} cores", _percent(host.cpu), used, ""))
    if tree := reading.run:
        busy = "" if tree.cores is None else f"{tree.cores:.1f} cores"
        rows.append(("run", f"{tree.count} processes", busy, f"{tree.memory / GIB:.1f} GiB", ""))
    elif info is not None:
        note(f"{run}: no process of it works on this machine")
    print_table(["", "what", "busy", "memory", "°C"], rows, right=["busy", "°C"])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _degrees(value: int | None) -> str:
    return "" if value is None else str(value)


def _memory(gpu: Any) -> str:
    if gpu.memory_used is None:
        return ""
    return f"{gpu.memory_used / GIB:.1f} of {gpu.memory_total / GIB:.1f} GiB"
