"""pause, resume, checkpoint and stop: asking a run that works; `resume` also lets one that was broken off go on.

`resume` and `stop` take sweeps too.
"""

from typing import Annotated

import typer

from experiments.commands.output import RunText, follow, note
from experiments.commands.study import print_comparison
from experiments.commands.sweep import resume_sweep, stop_sweep

RunOrSweep = Annotated[
    str, typer.Argument(metavar="RUN|SWEEP", help="Id of a run or sweep, the beginning of one, or latest (a run).")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has answered.")]


def pause(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint and pause the run."""
    _ask(run, "pause", wait)


def resume(
    run: RunOrSweep,
    wait: Wait = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Of a sweep: also let its failed runs go on.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Of a sweep: how many runs work at a time; as before if not set.")
    ] = None,
) -> None:
    """Let a paused run go on, or a run or sweep that was stopped, failed or killed from where it was."""
    from experiments import launcher, runs, sweeps
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    settings = Settings.load()
    if sweeps.is_sweep(run):
        resume_sweep(settings, run, wait, retry_failed, jobs)
        return
    if retry_failed or jobs:
        raise BadInput(f"--retry-failed and --jobs are for sweeps; {run} is a run, and goes on without them")
    directory = runs.find_run(settings, run)
    if runs.view(directory).is_active:
        _ask(run, "resume", wait)
        return
    launcher.resume(settings, directory)
    print(directory.run_id, flush=True)
    if wait:
        code = follow(directory)
        print_comparison(directory)
        raise typer.Exit(code)
    note(f"goes on; follow it with `python -m experiments logs -f {directory.run_id}`")


def checkpoint(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint now."""
    _ask(run, "checkpoint", wait)


def stop(run: RunOrSweep, wait: Wait = False) -> None:
    """Save a checkpoint and stop the run; of a sweep, the runs that work, and start no more."""
    from experiments import sweeps
    from pipeseg.settings import Settings

    if sweeps.is_sweep(run):
        stop_sweep(Settings.load(), run, wait)
        return
    _ask(run, "stop", wait)


def _ask(text: str, command: str, wait: bool) -> None:
    from experiments import launcher, runs, sweeps
    from pipeseg.errors import BadInput, RunFailed
    from pipeseg.settings import Settings

    if sweeps.is_sweep(text):
        raise BadInput(f"{text}: is a sweep, which can be stopped and resumed; {command} its runs one by one")
    settings = Settings.load()
    directory = runs.find_run(settings, text)
    seen = runs.view(directory)
    runs.send(settings, directory, command)
    print(directory.run_id)
    if not wait:
        note(f"asked to {command}; it answers within one step")
        return
    answered = launcher.await_answer(directory, command, seen)
    if not answered:
        raise RunFailed(f"{directory.run_id}: ended ({runs.run_status(directory)}) before it could {command}")
    note(f"{directory.run_id}: {answered}")
