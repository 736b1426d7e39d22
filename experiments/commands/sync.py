"""`python -m experiments sync`: upload what the tracking store did not take while the runs were alive."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.output import note

if TYPE_CHECKING:
    from threading import Event

    from pipeseg.run_directory import RunDirectory
    from pipeseg.settings import Settings


def sync(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="run ids; all that are not uploaded yet")
    ] = None,
) -> None:
    """Upload every ended run that MLflow does not have in full; exit code 1 when some remain."""
    import signal
    import threading

    from experiments.annotating import is_unsent
    from experiments.note_sender import send
    from experiments.runs import find_run
    from pipeseg.settings import Settings

    settings, stop = Settings.load(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directories = [find_run(settings, text) for text in runs] if runs else pending(settings)
    unsent = [directory for directory in _every_run(settings) if is_unsent(directory)] if not runs else []
    if not directories and not unsent:
        note("everything is uploaded")
        return
    remaining = upload_all(settings, directories, stop)
    for directory in unsent if not remaining and not stop.is_set() else ():
        note(f"{directory.run_id}: what was noted about it")
        send(directory)
    if stop.is_set():
        raise typer.Exit(130)
    if remaining:
        note(f"{remaining} of {len(directories)} runs remain; sync again when the store answers")
        raise typer.Exit(1)


def pending(settings: "Settings") -> "list[RunDirectory]":
    """Return the directories of the runs that are not uploaded in full, oldest first."""
    found = _every_run(settings)
    return [directory for directory in found if directory.read_info().get("upload") not in ("done", "off")]


def _every_run(settings: "Settings") -> "list[RunDirectory]":
    from pipeseg.run_directory import RunDirectory

    return [RunDirectory(path.parent) for path in sorted(settings.runs_dir.glob("*/run.json"))]


def upload_all(settings: "Settings", directories: "Sequence[RunDirectory]", stop: "Event") -> int:
    """Upload the runs one after another, telling on stderr how long it will take; return how many remain."""
    from experiments.runs import view
    from experiments.uploader import tracked, upload

    remaining, began = 0, time.monotonic()
    for index, directory in enumerate(directories):
        place = f"[{index + 1}/{len(directories)}] {directory.run_id}"
        left = (time.monotonic() - began) / index * (len(directories) - index) if index else None
        if view(directory).is_active:
            note(f"{place}: still runs; its own uploader follows it")
        elif not tracked(directory):
            directory.update(upload="off")
            note(f"{place}: its config says track_experiment: false")
        else:
            note(f"{place}: uploading{f', {left:.0f} s left' if left is not None else ''}")
            if upload(directory, settings.tracking_uri, stop, grace=0) != 0:
                remaining += 1
                if stop.is_set() or directory.read_info().get("upload") == "unreachable":
                    # the store would keep each of the others waiting as long
                    return remaining + len(directories) - index - 1
    return remaining
