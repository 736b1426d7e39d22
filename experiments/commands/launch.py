"""launch: start a run that outlives this terminal."""

from typing import Annotated

import typer

from experiments.commands.output import Overrides, follow, note


def launch(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of an experiment folder.")],
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="What you call this run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end and exit with its code.")] = False,
) -> None:
    """Start a run in the background and print its id."""
    from experiments import launcher
    from pipeseg.settings import Settings

    directory = launcher.launch(Settings.load(), experiment, overrides or [], name)
    for warning in directory.read_info().get("warnings", []):
        note(f"warning: {warning}")
    print(directory.run_id, flush=True)
    if not wait:
        note(f"started; follow it with `python -m experiments logs -f {directory.run_id}`")
        return
    raise typer.Exit(follow(directory))
