"""pause, resume, checkpoint and stop: asking a run that works."""

from typing import Annotated

import typer

from experiments.commands.output import RunText, note

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has answered.")]


def pause(run: RunText, wait: Wait = False) -> None:
    """Save a checkpoint and pause the run."""
    _ask(run, "pause", wait)


def resume(run: RunText, wait: Wait = False) -> None:
    """Let a paused run go on."""
    _ask(run, "resume", wait)


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
