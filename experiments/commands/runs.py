"""runs, show and logs: what ran, and how it went."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.output import (
    Json,
    RunText,
    duration,
    experiment_record,
    note,
    print_json,
    print_table,
    run_record,
    score,
    status_cell,
    when,
)
from experiments.commands.sweep import sweep

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView
    from pipeseg.settings import Settings


def runs(
    stage: Annotated[str | None, typer.Option(help="Only this stage: baseline, refine, final or study.")] = None,
    defect_class: Annotated[str | None, typer.Option("--class", help="Only this defect class.")] = None,
    status: Annotated[str | None, typer.Option(help="Only this status, or `active`.")] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="QUERY",
            help="Such as 'class:deposition iou>0.5 -status:failed age<2d config.batch_size>=8 tag:best is:archived'.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Best or newest first by iou, val, took, lr, …; -FIELD turns it."),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Without the runs that only MLflow knows.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most so many, newest first; 0 = all.")] = 20,
    as_json: Json = False,
) -> None:
    """List the runs of this machine and of MLflow, newest first; archived ones only where the filter asks for them."""
    from experiments.mlflow_runs import MlflowRuns
    from experiments.run_choice import NEWEST, Order, choose, together, understood
    from experiments.runs import STATUSES, list_runs
    from pipeseg.errors import BadInput, did_you_mean
    from pipeseg.schema import STAGES
    from pipeseg.settings import Settings

    for option, value, known in (("--stage", stage, [*STAGES]), ("--status", status, ["active", *STATUSES])):
        if value is not None and value not in known:
            raise BadInput(f"{option}: unknown {value!r}{did_you_mean(value, known)} (known: {', '.join(known)})")
    settings = Settings.load()
    order = Order.of(sort) if sort else NEWEST
    understood(query or "", ())
    views, filtered = list_runs(settings), stage or defect_class or status or query
    if not here:
        others = MlflowRuns(settings).look({view.run_id for view in views})
        views = together(views, others.runs)
        if others.problem:
            note(f"{others.problem}; {f'as of {when(others.read)}' if others.read else 'its runs are not listed'}")
    chosen = [
        view
        for view in choose(settings, views, understood(query or "", views), order).runs
        if stage in (None, view.stage)
        and defect_class in (None, view.defect_class)
        and (status in (None, view.status) or (status == "active" and view.is_active))
    ][: limit or None]
    if as_json:
        print_json([run_record(view) for view in chosen])
        return
    if not chosen:
        note(f"{settings.runs_dir}: no {'such ' if filtered else ''}runs")
        return
    rows = []
    for view in chosen:
        progress = f"{view.step}/{view.total}" if view.step is not None and view.total else ""
        scores = [score(view.best_iou), score(view.test.get("iou"))]
        left = duration(view.eta_seconds) if view.status == "running" else ""
        marks = " ".join([*("MLflow" for _ in [1] if view.elsewhere), *(f"#{tag}" for tag in view.tags)])
        about = [view.run_id, status_cell(view.status), view.stage, view.defect_class]
        rows.append([*about, progress, left, *scores, f"{marks}  {view.note}".strip()])
    columns = ["run", "status", "stage", "class", "step", "left", "best val IoU", "test IoU", "notes"]
    print_table(columns, rows, right=["step", "left", "best val IoU", "test IoU"])


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT|RUN|SWEEP", help="Experiment name, run or sweep id, its beginning, latest (a run)."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show one experiment folder, one run or one sweep."""
    from experiments.folders import list_experiments
    from experiments.runs import find_run, view
    from experiments.sweeps import is_sweep
    from pipeseg.errors import BadInput, did_you_mean
    from pipeseg.settings import Settings

    settings = Settings.load()
    experiments = {experiment.name: experiment for experiment in list_experiments(settings)}
    if name in experiments:
        _show_experiment(settings, experiments[name], as_json)
        return
    if is_sweep(name):
        sweep(name, as_json)
        return
    try:
        directory = find_run(settings, name)
    except BadInput as error:
        if "is the beginning of" in str(error):
            raise
        hint = did_you_mean(name, list(experiments)) or "; `list` and `runs` name them"
        raise BadInput(f"no experiment and no run {name!r}{hint}") from None
    _show_run(view(directory), as_json)


def _show_experiment(settings: "Settings", experiment: "Experiment", as_json: bool) -> None:
    from experiments.config_file import describe_keys
    from experiments.runs import last_runs
    from pipeseg.config import ConfigError, read_yaml
    from pipeseg.schema import STAGES

    last = last_runs(settings).get(experiment.name)
    try:
        values = read_yaml(experiment.config_file)
        text = experiment.config_file.read_text(encoding="utf-8")
    except ConfigError:  # told as the folder's problem
        values, text = {}, ""
    stage = values.get("stage", "baseline")
    keys = describe_keys(stage) if isinstance(stage, str) and stage in STAGES else []
    if as_json:
        told = [{"key": key, "default": default, "description": words} for key, default, words in keys]
        print_json(experiment_record(experiment, last) | {"config_text": text, "keys": told})
        return
    rows = [("experiment", experiment.name), ("title", experiment.title), ("description", experiment.description)]
    rows += [("folder", experiment.path), ("problem", experiment.problem)]
    rows += [("last run", f"{last.run_id} ({last.status})")] if last else []
    print_table(["", ""], [row for row in rows if row[1]])
    print(f"\n{text}")
    print_table(["key", "default", "what it is"], keys)


def _show_run(run: "RunView", as_json: bool) -> None:
    if as_json:
        print_json(run_record(run) | {"info": run.info})
        return
    rows = [
        ("run", run.run_id),
        ("name", run.name),
        ("status", status_cell(run.status)),
        ("experiment", run.experiment),
    ]
    rows += [("stage", run.stage), ("class", run.defect_class), ("folder", run.path)]
    rows += [("created", when(run.created)), ("started", when(run.started)), ("ended", when(run.ended))]
    if run.step is not None:
        rows.append(("progress", f"step {run.step} of {run.total}, epoch {run.epoch or '-'} of {run.epochs or '-'}"))
    if run.status == "running":
        rows.append(("left", duration(run.eta_seconds)))
    rows += [("best val IoU", score(run.best_iou)), ("epoch of best", run.best_epoch), ("error", run.error)]
    rows += [("tags", " ".join(run.tags)), ("note", run.note), ("archived", "yes" if run.archived else "")]
    rows += [(name, score(value)) for name, value in run.last.items()]
    rows += [(f"test/{name}", score(value)) for name, value in run.test.items()]
    rows += [(key, run.info.get(key)) for key in ("user", "host", "git_commit", "upload", "mlflow_run_id")]
    rows += [("overrides", "  ".join(run.info.get("overrides") or []))]
    print_table(["", ""], [row for row in rows if row[1] not in (None, "")])


def logs(
    run: RunText = "latest",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    text: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="TEXT",
            help="Only lines with all of these words; `!word`: without it; `re:expression`. Tracebacks stay whole.",
        ),
    ] = None,
) -> None:
    """Print what a run wrote to its log."""
    import time

    from experiments.commands.logs import FilteredPrinter
    from experiments.launcher import POLL_SECONDS, has_ended
    from experiments.runs import find_run
    from pipeseg.settings import Settings

    directory = find_run(Settings.load(), run)
    if not directory.log_file.exists() and not follow:
        note(f"{directory.log_file}: no log yet")
        return
    offset, printer = 0, None if text is None else FilteredPrinter(directory.log_file, text)
    while True:
        # asked before reading: what is written between the two belongs to the last read
        ended = not follow or has_ended(directory)
        if printer:
            printer.print_new(last=ended)
        else:
            offset = _copy_log(directory.log_file, offset)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def _copy_log(path: Path, offset: int) -> int:
    """Write what follows `offset` bytes to stdout, byte for byte; return the new offset."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            while chunk := file.read(1 << 20):
                sys.stdout.buffer.write(chunk)
                offset += len(chunk)
    except FileNotFoundError:
        return offset
    sys.stdout.buffer.flush()
    return offset
