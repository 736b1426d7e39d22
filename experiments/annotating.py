"""Saying something about any run, here or known from MLflow alone; MLflow hears of it from a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence

from experiments.mlflow_runs import ask_mlflow
from experiments.notes import Notes, change_notes, read_notes
from experiments.processes import detached
from experiments.run_view import RunView
from experiments.runs import find_run, matching, view
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory, read_json, write_json
from pipeseg.settings import Settings

# what MLflow has heard, in the run directory
SENT = ".notes-sent.json"

_started: list[subprocess.Popen[bytes]] = []


def find_any(settings: Settings, text: str) -> RunView:
    """Return the run that `text` means, also one that only MLflow knows.

    Raises:
        BadInput: none or several match.
    """
    from experiments.mlflow_runs import MlflowRuns

    try:
        return view(find_run(settings, text))
    except BadInput as error:
        if "is the beginning of" in str(error) or text == "latest":
            raise
        found = matching({run.run_id: run for run in MlflowRuns(settings).look(()).runs}, text)
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"{text!r} is the beginning of {len(found)} runs in MLflow; type more of the id") from None
        raise


def annotate(
    settings: Settings,
    runs: Sequence[RunView],
    *,
    text: str | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    archived: bool | None = None,
) -> None:
    """Change what is said about runs; see `Notes.changed`.

    Of a run that is here MLflow hears later: nobody waits. One that MLflow alone knows is changed there, which takes
    seconds.

    Raises:
        BadInput: a tag that is no word, or a note that is too long; nothing was changed.
        RunFailed: MLflow does not answer, and the run is nowhere else.
    """
    change = {"text": text, "add": list(add), "remove": list(remove), "archived": archived}
    changed = [Notes(run.note, run.tags, run.archived).changed(**change) for run in runs]
    for run in runs:
        if not run.elsewhere:
            change_notes(run.directory, **change)
    start_sending(settings, [run.directory for run in runs if not run.elsewhere])
    for run, notes in zip(runs, changed, strict=True):
        if run.elsewhere:
            ask_mlflow(settings, "tag", run.info["mlflow_run_id"], json.dumps(notes.mlflow_tags()))


def set_tags(uri: str, mlflow_run_id: str, notes: Notes) -> None:
    """Set what is said as the tags of an MLflow run; imports MLflow.

    Raises:
        StoreUnreachable: no answer.
    """
    from experiments.mlflow_store import TrackingStore

    store = TrackingStore(uri)
    store.mlflow_run_id = mlflow_run_id
    store.set_tags(notes.mlflow_tags())


def is_unsent(directory: RunDirectory) -> bool:
    """Tell whether MLflow has the run, but has not heard the newest that was said about it."""
    info = directory.read_info()
    if info.get("upload") == "off" or not info.get("mlflow_run_id") or not directory.notes_file.is_file():
        return False
    return read_json(directory.path / SENT) != read_notes(directory).mlflow_tags()


def mark_sent(directory: RunDirectory, notes: Notes) -> None:
    write_json(directory.path / SENT, notes.mlflow_tags())


def start_sending(settings: Settings, directories: Sequence[RunDirectory]) -> None:
    """Start the process that tells MLflow; what it cannot tell now, `python -m experiments sync` does later.

    Raises:
        OSError: no process can be started.
    """
    from experiments.launcher import child_environment

    unsent = [str(directory.path) for directory in directories if is_unsent(directory)]
    _started[:] = [process for process in _started if process.poll() is None]
    if not unsent:
        return
    with open(settings.runs_dir / "notes.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.note_sender", *unsent],
            cwd=settings.root,
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached(),
        )
    _started.append(process)  # kept, so that it is reaped by the next one
