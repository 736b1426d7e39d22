"""`python -m experiments compare`: is the final model better than the baseline, class by class?"""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.collecting import Collected, collect
from experiments.commands.output import note, print_json, print_table, score, when

if TYPE_CHECKING:
    from experiments.comparison_report import Report

Format = StrEnum("Format", ["table", "markdown", "csv", "latex", "json", "html", "report"])
Metric = StrEnum("Metric", ["iou", "dice", "precision", "recall", "specificity", "false_alarms"])
Order = StrEnum("Order", ["changed", "lost", "gained", "worst", "name"])


def compare(
    format: Annotated[
        Format,
        typer.Option("--format", "-f", help="how the table is written; report: JSON with notes and runs, for --read"),
    ] = Format.table,
    metric: Annotated[Metric, typer.Option("--metric", help="per-image metric to compare")] = Metric.iou,
    all_metrics: Annotated[bool, typer.Option("--all-metrics", help="every metric, one table after another")] = False,
    baseline: Annotated[
        list[str] | None, typer.Option("--baseline", metavar="RUN", help="this run as baseline (repeatable)")
    ] = None,
    final: Annotated[
        list[str] | None, typer.Option("--final", metavar="RUN", help="this run as final (repeatable)")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="only runs tested on this dataset")] = None,
    defect_class: Annotated[str | None, typer.Option("--class", help="only this class")] = None,
    experiment_name: Annotated[
        str | None, typer.Option("--experiment-name", help="only this MLflow experiment")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write to this file instead of stdout")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="same as --format json")] = False,
    chart: Annotated[
        Path | None, typer.Option("--chart", metavar="FILE.png", help="also draw it: dots and intervals")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="FOLDER", help="also draw the pictures that gained, lost and failed most"),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=50, help="pictures of each kind, with --pictures")] = 6,
    read: Annotated[
        Path | None, typer.Option("--read", metavar="FILE", help="a --format report or --json file instead of MLflow")
    ] = None,
    list_runs: Annotated[bool, typer.Option("--runs", help="list the runs that can be on either side")] = False,
    per_image: Annotated[
        str | None, typer.Option("--per-image", metavar="CLASS", help="both scores of every test picture of this class")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="FOLDER", help="also write what --per-image says, of every class and metric"),
    ] = None,
    sort: Annotated[Order, typer.Option("--sort", help="order of the pictures, with --per-image")] = Order.changed,
    archives: Annotated[
        Path | None,
        typer.Option(
            "--archives", metavar="FOLDER", help="with --per-image: fetch the test pictures of one run a side"
        ),
    ] = None,
) -> None:
    """Compare baseline and final runs from MLflow, per class, with interval and p-value.

    "visible" is the smallest difference that would have been found with 80 % power: (t(1 - 0.05/2m) + t(0.8)) * se,
    m = verdicts of the table, groups - 1 degrees of freedom; 2.8 * se for one verdict on many groups.
    """
    from experiments.comparison import METRICS
    from pipeseg.errors import BadInput

    if chart is not None and chart.suffix.lower() != ".png":
        raise BadInput(f"--chart: {chart} is no .png file; write --chart {chart.with_suffix('.png')}")
    form = "json" if as_json else format.value
    metrics = METRICS if all_metrics else (metric.value,)
    if read is not None:
        chosen = (baseline, final, dataset, defect_class, experiment_name)
        if any((list_runs, per_image, pictures, images, *chosen)):
            raise BadInput("--read shows what was compared before; only --metric, --format and --chart go with it")
        from experiments.comparison_report import read_report

        found, report = None, _only(read_report(read), metrics)
    else:
        from experiments.collecting import report as report_of
        from experiments.tool import ticking

        with ticking("reading runs") as tick:
            found = collect(
                metrics=() if list_runs or per_image else metrics,
                baseline=baseline or (),
                final=final or (),
                dataset=dataset,
                defect_class=per_image or defect_class,
                experiment_name=experiment_name,
                tick=tick,
            )
        report = report_of(found, baseline or (), final or ())
        if list_runs:
            _list_runs(report, form)
            return
        if per_image:
            _write_images(found, per_image, metric.value, form, sort.value, archives, output)
            return
    _write_table(report, form, output)
    for remark in report.remarks:
        note(f"note: {remark.line}")
    if chart is not None:
        from experiments.comparison_chart import draw

        _write("--chart", chart, draw(report.rows))
        note(f"chart: {chart}")
    if pictures is not None and found is not None:
        _draw_pictures(found, pictures, top)
    if images is not None and found is not None:
        _write_all_images(found, metrics, images)


def _only(report: "Report", metrics: Sequence[str]) -> "Report":
    """Return a report without the rows and remarks of other metrics."""
    from dataclasses import replace

    from experiments.comparison_report import rows_of

    remarks = tuple(remark for remark in report.remarks if remark.metric in (None, *metrics))
    return replace(report, rows=tuple(rows_of(report, metrics)), remarks=remarks)


def _write_table(report: "Report", form: str, output: Path | None) -> None:
    from experiments.tables import render

    terminal = output is None and sys.stdout.isatty()
    if form == "html":
        from experiments.comparison_page import charts, page

        drawn = page(report, charts(report.rows))
    elif form == "report":
        from experiments.comparison_report import to_json

        drawn = to_json(report)
    else:
        width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
        drawn = render(report.rows, form, width=width, color=terminal and not os.environ.get("NO_COLOR"))
    _hand_out(drawn, output)


def _list_runs(report: "Report", form: str) -> None:
    from experiments.candidates import for_side

    if form == "json":
        print_json([candidate.record() for candidate in report.candidates])
        return
    print_table(
        ("run", "stage", "class", "seed", "test IoU", "tested on", "ended"),
        (
            (each.run_id, each.stage, ", ".join(each.classes), each.seed, score(each.mean_iou), tests, when(each.ended))
            for each in for_side(report.candidates, "baseline")
            for tests in [", ".join(dict.fromkeys(each.tests.values()))]
        ),
        right=("seed", "test IoU"),
    )


def _write_images(
    found: Collected, name: str, metric: str, form: str, sort: str, archives: Path | None, output: Path | None
) -> None:
    """Write both scores of every picture of one class, and fetch the pictures themselves."""
    from dataclasses import replace

    from experiments.image_changes import image_changes, ordered, render
    from experiments.picture_archives import fetch
    from pipeseg.errors import BadInput

    if not found.pairings:
        said = "; ".join(remark.text for remark in found.remarks)
        raise BadInput(f"--per-image {name}: nothing to compare{f' ({said})' if said else ''}")
    pairing = found.pairings[0]
    images = image_changes(pairing, lambda run: found.reader.per_image(run, metric), metric)
    images = replace(images, images=tuple(ordered(images.images, sort, metric)))
    extra = {}
    if archives is not None:
        try:
            fetched = fetch(pairing, found.reader, archives)
        except OSError as error:
            raise _unwritable("--archives", archives, error) from error
        extra = {"archives": fetched.record()}
        if form != "json":
            for text in [*(f"pictures: {path}" for path in fetched.paths if path), *fetched.problems]:
                note(text)
    _hand_out(render(images, form, extra), output)
    for text in images.notes if form != "json" else ():
        note(f"note: {text}")


def _write_all_images(found: Collected, metrics: Sequence[str], folder: Path) -> None:
    """Write a JSON file a class and metric; the tables are in memory by now."""
    from experiments.image_changes import file_name, image_changes, render

    for pairing in found.pairings:
        for metric in metrics:
            images = image_changes(pairing, lambda run, metric=metric: found.reader.per_image(run, metric), metric)
            _write("--images", folder / file_name(pairing.defect_class, metric), render(images, "json"))


def _draw_pictures(found: Collected, folder: Path, top: int) -> None:
    from experiments.comparison_pictures import contact_sheets

    drawn = False
    for path, sheet in contact_sheets(found.pairings, found.reader, top, note):
        drawn = True
        _write("--pictures", folder / path, sheet)
        note(f"pictures: {folder / path}")
    if not drawn:
        note("pictures: none drawn")


def _hand_out(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        _write("--output", output, text)


def _write(option: str, path: Path, content: str | bytes) -> None:
    from pipeseg.run_directory import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise _unwritable(option, path, error) from error


def _unwritable(option: str, path: Path, error: OSError) -> Exception:
    from pipeseg.errors import BadInput, os_error_sentence

    return BadInput(f"{option}: {os_error_sentence(OSError(error.errno, error.strerror, str(path)))}")
