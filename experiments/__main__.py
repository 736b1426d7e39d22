"""The command line of the experiment manager: `python -m experiments --help`."""

import sys
from collections.abc import Sequence

import typer

from experiments.tool import run_app

PROGRAM = "python -m experiments"


def build_app() -> typer.Typer:
    """Return the command line; every verb imports what it needs when it is called."""
    from experiments.commands import (
        compare,
        configs,
        control,
        curves,
        datasets,
        folders,
        launch,
        queue,
        run_files,
        run_notes,
        runs,
        study,
        sweep,
        sync,
        watching,
    )

    app = typer.Typer(
        help="Experiments of this project: what there is, what runs, and what came out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command("list")(folders.list_folders)
    app.command()(runs.show)
    app.command()(folders.validate)
    app.command()(configs.new)
    app.command()(configs.diff)
    app.command()(queue.preflight)
    app.command()(launch.launch)
    app.add_typer(queue.build(), name="queue")
    app.command()(runs.runs)
    app.command()(runs.logs)
    app.command()(watching.diagnose)
    app.command()(watching.machine)
    app.command()(curves.curves)
    app.command("note")(run_notes.note_run)
    app.command()(run_notes.archive)
    app.command()(run_notes.unarchive)
    app.command()(run_files.artifacts)
    app.command()(run_files.diff_runs)
    app.command()(sweep.sweeps)
    app.command()(sweep.sweep)
    app.add_typer(study.build_app(), name="study")
    for verb in (control.pause, control.resume, control.checkpoint, control.stop):
        app.command()(verb)
    for verb in (datasets.datasets, datasets.audit, datasets.verify, datasets.next_masks):
        app.command()(verb)
    app.command()(compare.compare)
    app.command()(sync.sync)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; see `run_app`."""
    return run_app(build_app(), arguments, PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
