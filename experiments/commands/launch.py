"""launch: start a run that outlives this terminal."""

from typing import Annotated

import typer

from experiments.commands.output import Overrides, note


def launch(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of an experiment folder.")],
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="What you call this run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end and exit with its code.")] = False,
) -> None:
    """Start a run in the background and print its id."""
    from experiments import launcher
    from experiments.narration import Narrator
    from pipeseg.settings import Settings

    directory = launcher.launch(Settings.load(), experiment, overrides or [], name)
    for warning in directory.read_info().get("warnings", []):
        note(f"warning: {warning}")
    print(directory.run_id, flush=True)
    if not wait:
        note(f"started; follow it with `python -m experiments logs -f {directory.run_id}`")
        return
    narrator = Narrator()

    def tell(event: dict) -> None:
        if line := narrator.line(event):
            note(line)

    try:
        code = launcher.wait(directory, tell)
        launcher.await_upload(directory)
    except KeyboardInterrupt:
        note(f"detached; the run goes on, stop it with `python -m experiments stop {directory.run_id}`")
        raise typer.Exit(130) from None
    if code not in (0, 130):
        note(f"{directory.run_id} ended with code {code}; its log is {directory.log_file}")
    raise typer.Exit(code)
