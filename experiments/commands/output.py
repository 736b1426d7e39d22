"""How the command line speaks: data on stdout (a table for people, JSON for programs), narration on stderr."""

import json
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.narration import STATUS_GLYPHS, duration

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView
    from pipeseg.run_directory import RunDirectory

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of a table.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config, e.g. epochs=2 or model.name=UNet."),
]
RunText = Annotated[str, typer.Argument(metavar="RUN", help="Run id, the beginning of one, or latest.")]

__all__ = [
    "Json",
    "Overrides",
    "RunText",
    "duration",
    "experiment_record",
    "follow",
    "note",
    "print_json",
    "print_table",
    "run_record",
    "score",
    "status_cell",
    "when",
]

_STATUS_STYLES = {
    "starting": "cyan",
    "running": "cyan",
    "paused": "yellow",
    "finished": "green",
    "failed": "red",
    "stopped": "yellow",
    "lost": "red",
}


def note(text: str) -> None:
    """Tell the person something: one line on stderr."""
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print standard JSON: what is not finite becomes null."""
    print(json.dumps(_standard(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print a table: drawn to the width of a terminal, whole and plain everywhere else. Nameless columns: no header."""
    from rich.console import Console
    from rich.table import Table

    piped = not sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for column in columns:
        table.add_column(column, no_wrap=piped, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*(cell if hasattr(cell, "plain") else _text(cell) for cell in row))
    console = Console(width=10_000 if piped else None, highlight=False)
    if not piped:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())


def status_cell(status: str) -> Any:
    """Return glyph and word, coloured."""
    from rich.text import Text

    return Text(f"{STATUS_GLYPHS.get(status, '·')} {status}", style=_STATUS_STYLES.get(status, ""))


def experiment_record(experiment: "Experiment", last: "RunView | None") -> dict[str, Any]:
    """Return what `list --json` says of one folder."""
    return {
        "name": experiment.name,
        "path": str(experiment.path),
        "title": experiment.title,
        "description": experiment.description,
        "config": str(experiment.config_file),
        "last_run": run_record(last) if last else None,
        "problem": experiment.problem,
    }


def run_record(view: "RunView") -> dict[str, Any]:
    """Return what `runs --json` says of one run; times are unix seconds."""
    fields = (
        *("run_id", "path", "experiment", "name", "stage", "defect_class", "status", "created", "started", "ended"),
        *("epoch", "epochs", "step", "total", "phase", "eta_seconds", "images_per_second", "loader_share"),
        *("best_iou", "best_epoch", "last", "test", "error", "note", "tags", "archived", "elsewhere"),
    )
    known = ("user", "host", "pid", "git_commit", "git_dirty", "upload", "mlflow_run_id", "overrides", "sweep")
    return {field: getattr(view, field) for field in fields} | {key: view.info.get(key) for key in known}


def when(seconds: float | None) -> str:
    """Return unix seconds as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


def score(value: float | None) -> str:
    """Return a metric with four decimals; nothing for one that is not there."""
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _text(cell: Any) -> Any:
    from rich.text import Text

    # a Text, for a plain string would be read as markup: [704, 512] is not a style
    return Text("" if cell is None else str(cell))


def _standard(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _standard(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_standard(entry) for entry in value]
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def follow(directory: "RunDirectory") -> int:
    """Tell on stderr what a run does until its end and MLflow has it; return its exit code, 130 after Ctrl-C."""
    from experiments import launcher
    from experiments.narration import Narrator

    narrator = Narrator()

    def tell(event: dict) -> None:
        if line := narrator.line(event):
            note(line)

    try:
        code = launcher.wait(directory, tell)
        launcher.await_upload(directory)
    except KeyboardInterrupt:
        note(f"detached; the run goes on, stop it with `python -m experiments stop {directory.run_id}`")
        return 130
    if code not in (0, 130):
        note(f"{directory.run_id} ended with code {code}; its log is {directory.log_file}")
    return code
