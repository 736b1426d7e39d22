"""The runs in `runs/`: what they are doing, how they ended, and how to ask something of one that works."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from experiments.run_view import ACTIVE, STATUSES, RunRecord, RunView
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.events import COMMANDS, send_command
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

__all__ = [
    "ACTIVE",
    "STATUSES",
    "RunView",
    "find_run",
    "finished_runs",
    "is_prepared_only",
    "last_runs",
    "latest_finished",
    "list_runs",
    "matching",
    "run_status",
    "runs_by_study_key",
    "runs_by_sweep",
    "send",
    "view",
]

Named = TypeVar("Named")

# a supervisor has written its pid long before
SETTLE_SECONDS = 5.0

_lock = threading.RLock()
_records: dict[Path, RunRecord] = {}


def list_runs(settings: Settings, *, limit: int | None = None) -> list[RunView]:
    """Return the runs, newest first; the second call reads only what changed. A folder without `run.json` is no run."""
    return [_record(directory).view() for directory in _newest_first(settings)[:limit]]


def last_runs(settings: Settings) -> dict[str, RunView]:
    """Return experiment name -> its newest run; journals of older ones are not read."""
    newest: dict[str, RunView] = {}
    for directory in _newest_first(settings):
        record = _record(directory)
        if record.experiment() not in newest:
            newest[record.experiment()] = record.view()
    return newest


def runs_by_sweep(settings: Settings) -> dict[str, dict[int, RunDirectory]]:
    """Return sweep id -> place in the sweep (counted from 0) -> the newest run of that place."""
    found: dict[str, dict[int, RunDirectory]] = {}
    for directory in _newest_first(settings):
        info = _record(directory).read_info()
        sweep, place = info.get("sweep"), info.get("sweep_place")
        if isinstance(sweep, str) and isinstance(place, int):
            found.setdefault(sweep, {}).setdefault(place, directory)
    return found


def runs_by_study_key(settings: Settings) -> dict[str, list[RunDirectory]]:
    """Return the key of a step of a study -> its runs, newest first; see `experiments.study_key`."""
    found: dict[str, list[RunDirectory]] = {}
    for directory in _newest_first(settings):
        if isinstance(key := _record(directory).read_info().get("study_key"), str):
            found.setdefault(key, []).append(directory)
    return found


def view(directory: RunDirectory) -> RunView:
    """Return one run as it stands now; cheap to call again and again."""
    return _record(directory).view()


def run_status(directory: RunDirectory) -> str:
    """Return `starting`, `running`, `paused`, `finished`, `failed`, `stopped` or `lost`."""
    return view(directory).status


def is_prepared_only(run: RunView) -> bool:
    """Tell whether the directory of a run was written, but nobody lived to start it."""
    if run.status not in ("starting", "lost") or run.info.get("pid") or run.info.get("supervisor_pid"):
        return False
    return time.time() - run.created > SETTLE_SECONDS


def matching(named: Mapping[str, Named], text: str) -> list[Named]:
    """Return what is called `text`, else everything whose name begins with it; nothing for an empty text."""
    if text in named:
        return [named[text]]
    return [each for name, each in named.items() if text and name.startswith(text)]


def find_run(settings: Settings, text: str) -> RunDirectory:
    """Return the run that `text` means: a full id, the beginning of exactly one id, or `latest`.

    Raises:
        BadInput: none or several match.
    """
    found = _newest_first(settings)
    if not found:
        raise BadInput(f"{settings.runs_dir}: no runs yet; start one with `python -m experiments launch EXPERIMENT`")
    if text == "latest":
        return found[0]
    matches = matching({directory.run_id: directory for directory in found}, text)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        hint = did_you_mean(text, [directory.run_id for directory in found])
        raise BadInput(f"no run {text!r} in {settings.runs_dir}{hint or '; `python -m experiments runs` lists them'}")
    shown = ", ".join(directory.run_id for directory in matches[:5])
    more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
    raise BadInput(f"{text!r} is the beginning of {len(matches)} runs ({shown}{more}); type more of the id")


def send(settings: Settings, run: RunDirectory | str, command: str) -> RunDirectory:
    """Ask a run to `pause`, `resume`, `checkpoint` or `stop`; it answers within one step. Returns the run asked.

    Raises:
        BadInput: no such run, no such command, or the run has ended.
    """
    if command not in COMMANDS:
        raise BadInput(f"unknown command {command!r} (known: {', '.join(COMMANDS)})")
    directory = find_run(settings, run) if isinstance(run, str) else run
    status = run_status(directory)
    if status not in ACTIVE:
        gone = "its processes are gone" if status == "lost" else f"it has {status}"
        raise BadInput(f"{directory.run_id}: cannot {command} this run: {gone}")
    send_command(directory.control_file, command)
    return directory


def latest_finished(
    settings: Settings, *, stage: str, defect_class: str | None = None, **config_equals: Any
) -> RunDirectory | None:
    """Return the newest finished run of a stage (and class) whose resolved config holds `config_equals`, else None."""
    return next(finished_runs(settings, (stage,), defect_class, **config_equals), None)


def finished_runs(
    settings: Settings, stages: Collection[str], defect_class: str | None = None, **config_equals: Any
) -> Iterator[RunDirectory]:
    """Yield the finished runs of some stages, newest first; see `latest_finished`."""
    for directory in _newest_first(settings):
        info = _record(directory).read_info()
        if info.get("stage") not in stages or (defect_class is not None and info.get("defect_class") != defect_class):
            continue
        if run_status(directory) == "finished" and _config_holds(directory, config_equals):
            yield directory


def _config_holds(directory: RunDirectory, wanted: dict[str, Any]) -> bool:
    if not wanted:
        return True
    from pipeseg.config import ConfigError, read_yaml

    try:
        values = read_yaml(directory.config_file)
    except ConfigError:
        return False
    return all(key in values and values[key] == value for key, value in wanted.items())


def _record(directory: RunDirectory) -> RunRecord:
    with _lock:
        if (record := _records.get(directory.path)) is None:
            record = _records[directory.path] = RunRecord(directory)
        return record


def _newest_first(settings: Settings) -> list[RunDirectory]:
    try:
        folders = [entry.name for entry in settings.runs_dir.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    directories = [RunDirectory(settings.runs_dir / name) for name in folders if not name.startswith(".")]
    dated = [(record.created(), d) for d in directories if (record := _record(d)).exists()]
    with _lock:  # forget what was deleted, so that a dashboard that stays open for weeks does not grow
        kept = {directory.path for _, directory in dated}
        for path in [path for path in _records if path.parent == settings.runs_dir and path not in kept]:
            del _records[path]
    return [d for _, d in sorted(dated, key=lambda pair: (pair[0], pair[1].run_id), reverse=True)]
