"""Sweeps: many runs of one experiment from lists of values, one after another or a few at a time.

`launch` checks every run before the first starts; a process of its own (`experiments.sweep_runner`) then works on it.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from experiments import runs
from experiments.folders import Experiment, find_experiment
from experiments.launcher import check, child_environment
from experiments.processes import detached, this_host
from experiments.sweep_directory import FOLDER, PREFIX, SweepDirectory
from experiments.sweep_grid import combinations, differing
from experiments.sweep_view import WAITING, Combination, SweepView, make_view
from pipeseg.errors import BadInput, did_you_mean, os_error_sentence
from pipeseg.events import send_command
from pipeseg.settings import Settings

# a process that has just been started takes the lock within this time
START_SECONDS = 60.0
# signals by which a person or a system that shuts down asks a process to end
POLITE_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")

_started: list[subprocess.Popen] = []


def launch(
    settings: Settings, experiment: Experiment | str, overrides: Iterable[str], name: str | None = None, jobs: int = 1
) -> SweepDirectory:
    """Prepare a sweep and start working on it in the background; see `prepare` and `start`."""
    directory = prepare(settings, experiment, overrides, name, jobs)
    start(settings, directory, jobs=jobs)
    return directory


def prepare(
    settings: Settings, experiment: Experiment | str, overrides: Iterable[str], name: str | None = None, jobs: int = 1
) -> SweepDirectory:
    """Check every run, then write the sweep's folder; no process is started.

    Args:
        overrides: `key.sub=value` texts as typed; one that lists several values makes as many runs.
        name: what the person calls this sweep.
        jobs: how many runs work at a time.

    Raises:
        BadInput: a run could not start (the sentence names it), or two would be the same; nothing was written.
    """
    if isinstance(experiment, str):
        experiment = find_experiment(settings, experiment)
    overrides = list(overrides)
    grid = combinations(overrides)
    places = differing(grid)
    labels = [[texts[place] for place in places] for texts in grid]
    check_grid(settings, experiment, grid)
    try:
        config_text = experiment.config_file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    asked = [part for override in overrides for part in ("--set", override)]
    plan = {
        "name": name,
        "created": time.time(),
        "user": settings.user,
        "host": this_host(),
        "command": [sys.executable, "-m", "experiments", "launch", experiment.name, *asked, "--jobs", str(jobs)],
        "overrides": overrides,
        "jobs": jobs,
        "combinations": [{"overrides": texts, "differs": differs} for texts, differs in zip(grid, labels, strict=True)],
    }
    return SweepDirectory.create(settings.runs_dir, experiment.name, config_text, plan)


def check_grid(settings: Settings, experiment: Experiment, grid: Sequence[Sequence[str]]) -> None:
    """Check the run of every combination.

    Raises:
        BadInput: one could not start, or two would be the same.
    """
    places, seen = differing(grid), {}
    for texts in grid:
        label = " ".join(texts[place] for place in places)
        try:
            config, _ = check(settings, experiment, texts)
        except BadInput as error:
            raise BadInput(f"{label}: {error}" if label else str(error)) from error
        values = json.dumps(config.model_dump(mode="json"), sort_keys=True)
        if values in seen:
            raise BadInput(f"--set: {seen[values]} and {label} are the same run; leave one out")
        seen[values] = label


def start(settings: Settings, directory: SweepDirectory, *, jobs: int, retry_failed: bool = False) -> int:
    """Start the process that works on a sweep, detached from this one and its terminal; return its pid.

    Raises:
        BadInput: somebody works on it already, or its files cannot be written.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    with held(directory):
        try:
            directory.open_session(jobs=jobs, retry_failed=retry_failed)
            with open(directory.log_file, "ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "experiments.sweep_runner", str(directory.path)],
                    cwd=settings.root,
                    env=child_environment(settings),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    **detached(),
                )
            directory.hand_over(process.pid)
        except OSError as error:
            raise BadInput(os_error_sentence(error)) from error
    _started.append(process)  # kept, so that it is reaped by the next start instead of warned about
    return process.pid


@contextlib.contextmanager
def held(directory: SweepDirectory) -> Iterator[None]:
    """Hold the lock of a sweep on which nobody works.

    Raises:
        BadInput: somebody does.
    """
    from filelock import Timeout

    lock = directory.lock(0.0 if directory.is_worked_on() else START_SECONDS)
    try:
        with lock:
            if directory.is_worked_on():
                raise Timeout(str(directory.path))
            yield
    except Timeout:
        session = directory.read_session()
        who = f"process {session.get('pid')} on {session.get('host')} works on it"
        raise BadInput(f"{directory.sweep_id}: {who}; `sweep {directory.sweep_id}` shows how far it is") from None


def resume(
    settings: Settings, directory: SweepDirectory, *, jobs: int | None = None, retry_failed: bool = False
) -> None:
    """Go on with a sweep in the background: what waits is started, what was broken off goes on, the rest stays.

    Args:
        jobs: None = as many at a time as before.
        retry_failed: also let the failed runs go on.

    Raises:
        BadInput: nothing is left to do, or somebody works on it.
    """
    start(settings, directory, jobs=check_left(settings, directory, jobs, retry_failed), retry_failed=retry_failed)


def check_left(settings: Settings, directory: SweepDirectory, jobs: int | None, retry_failed: bool) -> int:
    """Return how many runs shall work at a time.

    Raises:
        BadInput: nothing is left to do.
    """
    now = view(settings, directory)
    works = any(combination.run and combination.run.is_active for combination in now.combinations)
    if not now.is_active and not works and not any(is_due(each, retry_failed) for each in now.combinations):
        if now.status == "failed":
            raise BadInput(f"{directory.sweep_id}: only failed runs are left; --retry-failed tries them again")
        raise BadInput(f"{directory.sweep_id}: has finished, nothing is left to do")
    return jobs or now.jobs


def is_due(combination: Combination, retry_failed: bool) -> bool:
    """Tell whether a run has still to be started or to go on, when a sweep goes on."""
    run = combination.run
    if run is None or combination.status in (WAITING, "stopped", "lost") or is_prepared_only(combination):
        return True
    ending = run.directory.read_exit() or {}
    return run.status == "failed" and (retry_failed or ending.get("signal") in POLITE_SIGNALS)


def is_prepared_only(combination: Combination) -> bool:
    """Tell whether the directory of a run was written, but nobody lived to start it."""
    return combination.run is not None and runs.is_prepared_only(combination.run)


def stop(settings: Settings, directory: SweepDirectory) -> None:
    """Ask a sweep to start no more runs, and those that work to save a checkpoint and stop.

    Raises:
        BadInput: nothing of it works.
    """
    if directory.is_worked_on():
        send_command(directory.control_file, "stop")
        return
    now = view(settings, directory)
    working = [each.run for each in now.combinations if each.run and each.run.is_active]
    if not working:
        gone = "its process is gone" if now.status == "lost" else f"it has {now.status}"
        raise BadInput(f"{directory.sweep_id}: cannot stop this sweep: {gone}")
    for run in working:
        runs.send(settings, run.directory, "stop")


def view(settings: Settings, directory: SweepDirectory) -> SweepView:
    """Return one sweep as it stands now."""
    places = runs.runs_by_sweep(settings).get(directory.sweep_id, {})
    return make_view(directory, {place: runs.view(run) for place, run in places.items()})


def list_sweeps(settings: Settings) -> list[SweepView]:
    """Return the sweeps, newest first."""
    places = runs.runs_by_sweep(settings)
    return [
        make_view(directory, {place: runs.view(run) for place, run in places.get(directory.sweep_id, {}).items()})
        for directory in _newest_first(settings)
    ]


def is_sweep(text: str) -> bool:
    """Tell a sweep's id from a run's."""
    return text.startswith(PREFIX)


def find_sweep(settings: Settings, text: str) -> SweepDirectory:
    """Return the sweep that `text` means: a full id, the beginning of exactly one id, or `latest`.

    Raises:
        BadInput: none or several match.
    """
    found = _newest_first(settings)
    if not found:
        raise BadInput(
            f"{settings.runs_dir / FOLDER}: no sweeps yet; start one with "
            "`python -m experiments launch EXPERIMENT --set seed=1,2,3`"
        )
    if text == "latest":
        return found[0]
    matches = runs.matching({directory.sweep_id: directory for directory in found}, text)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        hint = did_you_mean(text, [directory.sweep_id for directory in found])
        raise BadInput(f"no sweep {text!r}{hint or '; `python -m experiments sweeps` lists them'}")
    raise BadInput(f"{text!r} is the beginning of {len(matches)} sweeps; type more of the id")


def _newest_first(settings: Settings) -> list[SweepDirectory]:
    found = [SweepDirectory(path.parent) for path in (settings.runs_dir / FOLDER).glob(f"{PREFIX}*/sweep.json")]
    return sorted(found, key=lambda each: (each.read_plan().get("created") or 0.0, each.sweep_id), reverse=True)
