"""A sweep in the foreground, as `experiment.py` does it: Ctrl-C stops it, its end is the end of the command."""

import sys

from experiments.folders import find_experiment
from experiments.sweep_directory import SweepDirectory
from experiments.sweep_display import open_display, tell_end
from experiments.sweep_grid import combinations
from experiments.sweep_runner import Runner, signals
from experiments.sweeps import check_grid, check_left, find_sweep, held, prepare, view
from pipeseg.errors import BadInput
from pipeseg.settings import Settings


def launch_sweep(settings: Settings, experiment: str, overrides: list[str], name: str | None, dry_run: bool) -> int:
    """Do every run of a sweep, one after another, and return its exit code.

    Raises:
        BadInput: a run could not start; nothing was written.
    """
    if not dry_run:
        directory = prepare(settings, experiment, overrides, name)
        _say(f"sweep {directory.sweep_id}")
        return _work(settings, directory)
    grid = combinations(overrides)
    check_grid(settings, find_experiment(settings, experiment), grid)
    for texts in grid:
        print(" ".join(texts))
    _say(f"{len(grid)} runs, one after another; --set with a single value shows the config of one")
    return 0


def resume_sweep(settings: Settings, experiment: str, text: str) -> int:
    """Go on with a sweep of `experiment` and return its exit code.

    Raises:
        BadInput: there is no such sweep, nothing is left to do, or somebody works on it.
    """
    directory = find_sweep(settings, text)
    if (owner := directory.read_plan().get("experiment")) != experiment:
        raise BadInput(f"--resume: {directory.sweep_id} is a sweep of {owner}; resume it with that experiment's script")
    return _work(settings, directory)


def _work(settings: Settings, directory: SweepDirectory) -> int:
    jobs = check_left(settings, directory, None, retry_failed=False)
    try:
        with held(directory), open_display() as display:
            directory.open_session(jobs=jobs, retry_failed=False)
            runner = Runner(settings, directory, say=lambda _: None, look=display)
            with signals(runner, display.write):
                runner.work()
    except KeyboardInterrupt:
        resume = f"`python -m experiments resume {directory.sweep_id}` goes on"
        _say(f"left at once; the runs that worked stop by themselves, {resume}")
        return 130
    return tell_end(view(settings, directory))


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)
