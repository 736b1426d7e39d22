"""pause, resume, checkpoint and stop: asking a run that works; `resume` also lets one that was broken off go on."""

from typing import Annotated

import typer

from experiments.commands.output import RunText, follow, note

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has answered.")]


def pause(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint and pause the run."""
    _ask(run, "pause", wait)


def resume(run: RunText, wait: Wait = False) -> None:
    """Let a paused run go on, or one that was stopped, failed or killed from its last checkpoint."""
    from experiments import launcher, runs
    from pipeseg.settings import Settings

    settings = Settings.load()
    directory = runs.find_run(settings, run)
    if runs.view(directory).is_active:
        _ask(run, "resume", wait)
        return
    launcher.resume(settings, directory)
    print(directory.run_id, flush=True)
    if wait:
        raise typer.Exit(follow(directory))
    note(f"goes on; follow it with `python -m experiments logs -f {directory.run_id}`")


def checkpoint(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint now."""
    _ask(run, "checkpoint", wait)


def stop(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint and stop the run."""
    _ask(run, "stop", wait)


def _ask(text: str, command: str, wait: bool) -> None:
    from experiments import launcher, runs
    from pipeseg.errors import RunFailed
    from pipeseg.settings import Settings

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
