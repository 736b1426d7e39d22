"""curves: what the charts of the dashboard show, as table, JSON, CSV or picture."""

import csv
import math
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.output import Json, note, print_json, print_table, score

if TYPE_CHECKING:
    from experiments.curves.table import Point, Wanted


def curves(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, beginnings of them, or latest.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only this curve, e.g. val/iou; may be given again. Default: losses and IoU."),
    ] = None,
    x: Annotated[str, typer.Option("--x", help="Axis: step, epoch, or time (seconds since the start).")] = "step",
    smooth: Annotated[
        float, typer.Option(min=0.0, max=0.999, help="Weight of TensorBoard's smoothing; 0 = none.")
    ] = 0.0,
    left: Annotated[float | None, typer.Option("--from", help="Only from here on the axis.")] = None,
    right: Annotated[float | None, typer.Option("--to", help="Only to here on the axis.")] = None,
    at: Annotated[
        float | None, typer.Option("--at", help="Only the point of every curve that is nearest to this.")
    ] = None,
    points: Annotated[int, typer.Option(min=0, help="At most about so many a curve, spikes kept; 0 = all.")] = 0,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Also the baseline of the class of the first run.")
    ] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout instead of a table.")] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture.")] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic values in the picture.")] = False,
) -> None:
    """Print the curves of one or several runs."""
    from experiments.curves import table
    from experiments.curves.baseline import baseline_of
    from experiments.curves.run_curves import read_curves
    from experiments.runs import find_run
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    if sum((as_json, as_csv, png is not None)) > 1:
        raise BadInput("--json, --csv, --png: only one of them")
    if log and png is None:
        raise BadInput("--log: only with --png FILE; numbers are printed as they are")
    settings = Settings.load()
    directories = {directory.run_id: directory for directory in (find_run(settings, text) for text in runs)}
    ghost = None
    if baseline:
        first = next(iter(directories.values()))
        ghost = baseline_of(settings, first)
        if ghost is None:
            raise BadInput(f"{first.run_id}: --baseline: no finished baseline of its class, or it is no final run")
        directories.setdefault(ghost.run_id, ghost)
    read = [(run_id, read_curves(directory)) for run_id, directory in directories.items()]
    metrics = table.chosen_metrics(read, metric or [])
    wanted = table.Wanted(x, left, right, smooth, points)
    found = table.nearest(read, metrics, wanted, at) if at is not None else list(table.points(read, metrics, wanted))
    if png is not None:
        _write_picture(png, found, wanted, log, ghost.run_id if ghost else None)
    elif as_json:
        print_json({"x": x, "smooth": smooth, "curves": _by_curve(found, smooth)})
    elif as_csv:
        _print_csv(found, wanted)
    elif at is not None:
        rows = [[p.run, p.metric, f"{p.step:g}", f"{p.place:g}", score(p.value), score(p.smoothed)] for p in found]
        print_table(["run", "curve", "step", x, "value", "smoothed"], rows, right=["step", x, "value", "smoothed"])
    else:
        _print_summary(found, wanted)
    if not found:
        note("no points there")


def _by_curve(found: "Sequence[Point]", smooth: float) -> list[dict]:
    listed = []
    for (run, metric), group in groupby(found, key=lambda point: (point.run, point.metric)):
        points = list(group)
        columns = {"step": [p.step for p in points], "x": [p.place for p in points], "value": [p.value for p in points]}
        if smooth:
            columns["smoothed"] = [p.smoothed for p in points]
        listed.append({"run": run, "metric": metric, **columns})
    return listed


def _print_csv(found: "Sequence[Point]", wanted: "Wanted") -> None:
    """A gap is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(
        ["run", "metric", "step", *([wanted.kind] if wanted.kind != "step" else []), "value"]
        + ["smoothed"] * bool(wanted.weight)
    )
    for point in found:
        place = [f"{point.place:.6g}"] if wanted.kind != "step" else []
        values = [point.value, *([point.smoothed] if wanted.weight else [])]
        texts = ["" if value is None or math.isnan(value) else repr(value) for value in values]
        writer.writerow([point.run, point.metric, f"{point.step:.15g}", *place, *texts])


def _print_summary(found: "Sequence[Point]", wanted: "Wanted") -> None:
    """One row a curve: how many points, and newest, lowest, highest with their places."""
    rows = []
    for (run, metric), group in groupby(found, key=lambda point: (point.run, point.metric)):
        curve = list(group)
        of = {point: point.value if point.smoothed is None else point.smoothed for point in curve}
        numbers = [point for point in curve if not math.isnan(of[point])]
        ends = [numbers[-1], min(numbers, key=of.get), max(numbers, key=of.get)] if numbers else []
        cells = [f"{score(of[point])} @ {point.place:.6g}" for point in ends]
        rows.append([run, metric, len(curve), len(curve) - len(numbers) or "", *cells])
    columns = ["newest", "lowest", "highest"]
    print_table(["run", "curve", "points", "gaps", *columns], rows, right=["points", "gaps", *columns])


def _write_picture(path: Path, found: "Sequence[Point]", wanted: "Wanted", log: bool, faint: str | None) -> None:
    from experiments.curves.picture import draw
    from pipeseg.errors import BadInput, os_error_sentence
    from pipeseg.run_directory import write_atomically

    try:
        write_atomically(path, draw(found, wanted, log=log, faint=faint))
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    note(f"wrote {path}")
