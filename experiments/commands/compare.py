"""`python -m experiments compare`: is the final model better than the baseline, class by class?"""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from experiments.commands.output import note

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from experiments.pairing import Pairing
    from experiments.tracking import TrackingReader

Format = StrEnum("Format", ["table", "markdown", "csv", "latex", "json"])
Metric = StrEnum("Metric", ["iou", "dice", "precision", "recall", "specificity", "false_alarms"])


def compare(
    format: Annotated[Format, typer.Option("--format", "-f", help="how the table is written")] = Format.table,
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
) -> None:
    """Compare baseline and final runs from MLflow, per class, with interval and p-value.

    "visible" is the smallest difference that would have been found with 80 % power: (t(1 - 0.05/2m) + t(0.8)) * se,
    m = verdicts of the table, groups - 1 degrees of freedom; 2.8 * se for one verdict on many groups.
    """
    from experiments.comparison import METRICS
    from experiments.tables import render
    from pipeseg.errors import BadInput

    if chart is not None and chart.suffix.lower() != ".png":
        raise BadInput(f"--chart: {chart} is no .png file; write --chart {chart.with_suffix('.png')}")
    found = collect(
        metrics=METRICS if all_metrics else (metric.value,),
        baseline=baseline or (),
        final=final or (),
        dataset=dataset,
        defect_class=defect_class,
        experiment_name=experiment_name,
    )
    form = "json" if as_json else format.value
    terminal = output is None and sys.stdout.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
    drawn = render(found.rows, form, width=width, color=terminal and not os.environ.get("NO_COLOR"))
    if output is None:
        sys.stdout.write(drawn)
    else:
        _write("--output", output, drawn)
    for text in found.notes:
        note(f"note: {text}")
    if chart is not None:
        from experiments.comparison_chart import draw

        _write("--chart", chart, draw(found.rows))
        note(f"chart: {chart}")
    if pictures is not None:
        _draw_pictures(found, pictures, top)


class Collected(NamedTuple):
    """What `compare` found: the rows, notes for the person, and what they were made from."""

    rows: "list[Comparison]"
    notes: list[str]
    pairings: "list[Pairing]"
    reader: "TrackingReader"


def collect(
    *,
    metrics: Sequence[str] = ("iou",),
    baseline: Sequence[str] = (),
    final: Sequence[str] = (),
    dataset: str | None = None,
    defect_class: str | None = None,
    experiment_name: str | None = None,
) -> Collected:
    """Read MLflow and compare; what the dashboard shows comes from here too.

    Raises:
        BadInput: an unknown run, class or experiment name.
        StoreUnreachable: the tracking store does not answer.
    """
    from experiments.comparing import compare as compare_pairs
    from experiments.pairing import pair_runs
    from experiments.tracking import TrackingReader
    from pipeseg.settings import Settings

    reader = TrackingReader(Settings.load().tracking_uri)
    runs = reader.finished_runs(experiment_name)
    pairings, notes = pair_runs(runs, baseline=baseline, final=final, dataset=dataset, defect_class=defect_class)
    rows, remarks = [], []
    for metric in metrics:
        more, said = compare_pairs(
            pairings, lambda run, metric=metric: reader.per_image(run, metric), metric, reader.summary
        )
        rows += more
        remarks += said
    if not runs:
        notes.append(
            "nothing to compare: MLflow holds no finished baseline or final run; "
            "start with `python -m experiments launch baseline --set defect_class=CLASS`"
        )
    elif not rows and not notes and not remarks:
        notes.append("nothing to compare: no run was tested on this dataset; `python -m experiments runs` lists them")
    return Collected(rows, list(dict.fromkeys(notes + remarks)), pairings, reader)


def _draw_pictures(found: Collected, folder: Path, top: int) -> None:
    from experiments.comparison_pictures import contact_sheets

    drawn = False
    for path, sheet in contact_sheets(found.pairings, found.reader, top, note):
        drawn = True
        _write("--pictures", folder / path, sheet)
        note(f"pictures: {folder / path}")
    if not drawn:
        note("pictures: none drawn")


def _write(option: str, path: Path, content: str | bytes) -> None:
    from pipeseg.errors import BadInput, os_error_sentence
    from pipeseg.run_directory import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise BadInput(f"{option}: {os_error_sentence(OSError(error.errno, error.strerror, str(path)))}") from error
