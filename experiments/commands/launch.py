"""launch: start a run, or a sweep of runs, that outlives this terminal."""

from typing import Annotated

import typer

from experiments.commands.output import follow, note
from experiments.commands.study import print_comparison
from experiments.commands.sweep import follow_sweep


def launch(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of an experiment folder.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE[,VALUE]",
            help="Override a key of the config, e.g. epochs=2 or model.name=UNet; several values, as in seed=1,2 or "
            "seed=1..5, make a sweep of runs. Repeatable.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call this run or sweep.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Of a sweep: how many runs work at a time.")] = 1,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end and exit with its code.")] = False,
) -> None:
    """Start a run in the background and print its id; lists of values start a sweep."""
    from experiments.sweep_grid import combinations
    from pipeseg.settings import Settings

    settings, grid = Settings.load(), combinations(overrides or [])
    if len(grid) > 1:
        from experiments import sweeps

        sweep = sweeps.launch(settings, experiment, overrides or [], name, jobs)
        print(sweep.sweep_id, flush=True)
        note(f"sweep of {len(grid)} runs, {jobs} at a time")
        if wait:
            raise typer.Exit(follow_sweep(settings, sweep))
        note(f"started; look at it with `python -m experiments sweep {sweep.sweep_id}`")
        return
    from experiments import launcher

    directory = launcher.launch(settings, experiment, grid[0], name)
    for warning in directory.read_info().get("warnings", []):
        note(f"warning: {warning}")
    print(directory.run_id, flush=True)
    if not wait:
        note(f"started; follow it with `python -m experiments logs -f {directory.run_id}`")
        return
    code = follow(directory)
    print_comparison(directory)
    raise typer.Exit(code)
