"""list and validate: what can be launched."""

from typing import Annotated

import typer

from experiments.commands.output import (
    Json,
    Overrides,
    experiment_record,
    note,
    print_json,
    print_table,
    score,
    status_cell,
)


def list_folders(as_json: Json = False) -> None:
    """List the experiment folders with their last run."""
    from experiments.folders import list_experiments
    from experiments.runs import last_runs
    from pipeseg.settings import Settings

    settings = Settings.load()
    experiments = list_experiments(settings)
    last = last_runs(settings)
    if as_json:
        print_json([experiment_record(experiment, last.get(experiment.name)) for experiment in experiments])
        return
    if not experiments:
        note(f"{settings.experiments_dir}: no experiments here")
        return
    rows = []
    for experiment in experiments:
        run = last.get(experiment.name)
        state = [status_cell(run.status), score(run.best_iou), run.run_id] if run else ["", "", ""]
        rows.append([experiment.name, *state, experiment.description])
    print_table(["experiment", "last run", "best IoU", "run id", "description"], rows, right=["best IoU"])
    for experiment in experiments:
        if experiment.problem:
            note(f"{experiment.name}: {experiment.problem}")


def validate(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of an experiment folder.")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Check an experiment's config; every mistake is one line, exit code 2 when there is one."""
    from experiments.folders import find_experiment
    from experiments.preflight import check_datasets
    from experiments.sweep_grid import combinations
    from pipeseg.config import ConfigError, load_config
    from pipeseg.settings import Settings

    settings = Settings.load()
    found = find_experiment(settings, experiment)
    problems: list[tuple[str, str]] = []
    warnings: list[str] = []
    config, source = None, str(found.config_file)
    grid = combinations(overrides or [])
    for texts in grid:
        try:
            config, told = load_config(found.config_file, texts)
            told = [*told, *check_datasets(settings, config)]
            warnings += [warning for warning in told if warning not in warnings]
        except ConfigError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            source = error.source
    if not found.script.is_file():
        problems.append(("", f"{found.script}: no such file; copy one from another experiment"))
    for warning in warnings:
        note(f"warning: {warning}")
    for key, text in problems:
        note(": ".join(part for part in (source, key, text) if part))
    if as_json:
        print_json(
            {
                "experiment": found.name,
                "config": str(found.config_file),
                "valid": not problems,
                "problems": [{"key": key, "text": text} for key, text in problems],
                "warnings": warnings,
                # of a sweep, each run has its own
                "resolved": config.model_dump(mode="json") if config and len(grid) == 1 else None,
            }
        )
    elif not problems:
        print(f"{found.config_file}: valid{f', for all {len(grid)} runs' if len(grid) > 1 else ''}")
    if problems:
        raise typer.Exit(2)
