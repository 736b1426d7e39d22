"""`python -m experiments compare`: is the final model better than the baseline, class by class?"""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.output import note

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from pipeseg.settings import Settings

Format = StrEnum("Format", ["table", "markdown", "csv", "latex", "json"])
Metric = StrEnum("Metric", ["iou", "dice", "precision", "recall"])


def compare(
    format: Annotated[Format, typer.Option("--format", "-f", help="how the table is written")] = Format.table,
    metric: Annotated[Metric, typer.Option("--metric", help="per-image metric to compare")] = Metric.iou,
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
) -> None:
    """Compare baseline and final runs from MLflow, per class, with interval and p-value."""
    from experiments.tables import render

    rows, notes = collect(
        metric=metric.value,
        baseline=baseline or (),
        final=final or (),
        dataset=dataset,
        defect_class=defect_class,
        experiment_name=experiment_name,
    )
    form = "json" if as_json else format.value
    terminal = output is None and sys.stdout.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
    drawn = render(rows, form, metric=metric.value, width=width, color=terminal and not os.environ.get("NO_COLOR"))
    if output is None:
        sys.stdout.write(drawn)
    else:
        _write(output, drawn)
    for text in notes:
        note(f"note: {text}")


def collect(
    *,
    metric: str = "iou",
    baseline: Sequence[str] = (),
    final: Sequence[str] = (),
    dataset: str | None = None,
    defect_class: str | None = None,
    experiment_name: str | None = None,
    settings: "Settings | None" = None,
) -> "tuple[list[Comparison], list[str]]":
    """Read MLflow and return (rows, notes); what the dashboard shows comes from here too.

    Raises:
        BadInput: an unknown run, class or experiment name.
        StoreUnreachable: the tracking store does not answer.
    """
    from experiments.comparison import compare as compare_pairs
    from experiments.pairing import pair_runs
    from experiments.tracking import TrackingReader
    from pipeseg.settings import Settings

    reader = TrackingReader((settings or Settings.load()).tracking_uri)
    runs = reader.finished_runs(experiment_name)
    pairings, notes = pair_runs(runs, baseline=baseline, final=final, dataset=dataset, defect_class=defect_class)
    rows, remarks = compare_pairs(pairings, lambda run: reader.per_image(run, metric), metric)
    if not runs:
        notes.append(
            "nothing to compare: MLflow holds no finished baseline or final run; "
            "start with `python -m experiments launch baseline --set defect_class=CLASS`"
        )
    elif not rows and not notes and not remarks:
        notes.append("nothing to compare: no run was tested on this dataset; `python -m experiments runs` lists them")
    return rows, notes + remarks


def _write(path: Path, text: str) -> None:
    from pipeseg.errors import BadInput, os_error_sentence
    from pipeseg.run_directory import write_atomically

    try:
        write_atomically(path, text)
    except OSError as error:
        raise BadInput(f"--output: {os_error_sentence(OSError(error.errno, error.strerror, str(path)))}") from error
