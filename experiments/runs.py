"""The runs in `runs/`: what they are doing, how they ended, and how to ask something of one that works."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from experiments.notes import read_notes
from experiments.run_index import Listing, RunIndex
from experiments.run_view import ACTIVE, STATUSES, RunRecord, RunView
from experiments.state_folder import cache_folder
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.events import COMMANDS, send_command
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

__all__ = [
    "ACTIVE",
    "STATUSES",
    "Listing",
    "RunView",
    "config_values",
    "find_run",
    "finished_runs",
    "is_prepared_only",
    "last_runs",
    "latest_finished",
    "list_runs",
    "look",
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

# of runs that were looked at one by one, the last so many are remembered
VIEWED = 64

_lock = threading.Lock()
_indexes: dict[Path, RunIndex] = {}
_viewed: OrderedDict[Path, RunRecord] = OrderedDict()


def list_runs(settings: Settings, *, limit: int | None = None) -> list[RunView]:
    """Return the runs, newest first; the second call reads only what changed. A folder without `run.json` is no run."""
    with _index(settings) as index:
        if limit is None:
            return list(index.look(thorough=True).runs)
        views = [index.view(name) for name in index.newest_first()[:limit]]
        index.save()
        return views


def look(settings: Settings, *, thorough: bool = False, seconds: float | None = None) -> Listing:
    """Return the runs for somebody who asks again and again; see `RunIndex.look`."""
    with _index(settings) as index:
        return index.look(thorough=thorough, seconds=seconds)


def config_values(
    settings: Settings, keys: Sequence[str], seconds: float | None = None
) -> tuple[dict[str, tuple[Any, ...]], int]:
    """Return run id -> its values of dotted config keys, of the runs that were listed; see `RunIndex.configs`."""
    with _index(settings) as index:
        return index.configs(keys, seconds)


def last_runs(settings: Settings) -> dict[str, RunView]:
    """Return experiment name -> its newest run; journals of older ones are not read."""
    newest: dict[str, RunView] = {}
    with _index(settings) as index:
        for name in index.newest_first():
            experiment = index.experiment(name)
            if experiment not in newest:
                newest[experiment] = index.view(name)
        index.save()
    return newest


def runs_by_sweep(settings: Settings) -> dict[str, dict[int, RunDirectory]]:
    """Return sweep id -> place in the sweep (counted from 0) -> the newest run of that place."""
    found: dict[str, dict[int, RunDirectory]] = {}
    for directory, info in _infos(settings):
        sweep, place = info.get("sweep"), info.get("sweep_place")
        if isinstance(sweep, str) and isinstance(place, int):
            found.setdefault(sweep, {}).setdefault(place, directory)
    return found


def runs_by_study_key(settings: Settings) -> dict[str, list[RunDirectory]]:
    """Return the key of a step of a study -> its runs, newest first; see `experiments.study_key`.

    Archived runs are among them: a key is what the run was made of, so that nothing is chosen here.
    """
    found: dict[str, list[RunDirectory]] = {}
    for directory, info in _infos(settings):
        if isinstance(key := info.get("study_key"), str):
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
    """Return the run that `text` means: a full id, the beginning of exactly one id, or `latest` (that is not archived).

    Raises:
        BadInput: none or several match.
    """
    found = _newest_first(settings)
    if not found:
        raise BadInput(f"{settings.runs_dir}: no runs yet; start one with `python -m experiments launch EXPERIMENT`")
    if text == "latest":
        return next((directory for directory in found if not read_notes(directory).archived), found[0])
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
    """Yield the finished runs of some stages that are not archived, newest first; see `latest_finished`."""
    for directory, info in _infos(settings):
        if info.get("stage") not in stages or (defect_class is not None and info.get("defect_class") != defect_class):
            continue
        run = view(directory)
        if run.status == "finished" and not run.archived and _config_holds(directory, config_equals):
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


@contextmanager
def _index(settings: Settings) -> Iterator[RunIndex]:
    with _lock:
        cache = cache_folder(settings)
        if (index := _indexes.get(cache)) is None:
            index = _indexes[cache] = RunIndex(settings.runs_dir, cache)
    with index.lock:
        yield index


def _infos(settings: Settings) -> list[tuple[RunDirectory, Mapping[str, Any]]]:
    """Return the directory of every run, newest first, with what is known of its `run.json`."""
    with _index(settings) as index:
        return [(RunDirectory(settings.runs_dir / name), index.info(name)) for name in index.newest_first()]


def _record(directory: RunDirectory) -> RunRecord:
    with _lock:
        if (record := _viewed.get(directory.path)) is None:
            record = _viewed[directory.path] = RunRecord(directory)
            if len(_viewed) > VIEWED:
                _viewed.popitem(last=False)
        _viewed.move_to_end(directory.path)
        return record


def _newest_first(settings: Settings) -> list[RunDirectory]:
    with _index(settings) as index:
        return [RunDirectory(settings.runs_dir / name) for name in index.newest_first()]
