"""The study: clean -> split -> baselines -> refine -> finals -> compare, as a graph of ordinary runs."""

from collections.abc import Mapping

from experiments.folders import find_experiment
from experiments.launcher import await_upload
from experiments.study_plan import TRAININGS, Node, plan
from experiments.study_results import compare_runs, tell_scores, write_steps
from experiments.study_runner import Outcome, StudyRunner
from pipeseg.errors import RunFailed
from pipeseg.run import Run
from pipeseg.schema import StudyConfig
from pipeseg.settings import Settings


def study(run: Run) -> None:
    """Do every step that is not done yet, then compare; the comparison needs nothing but MLflow.

    Raises:
        BadInput: a step has a config that cannot be used; nothing has begun.
        RunFailed: at the end, when a step failed: what does not need it has been done.
        StopRequested: the steps that were running have been stopped as well.
    """
    config = run.config
    assert isinstance(config, StudyConfig)
    nodes = plan(config)
    check_configs(run.settings, nodes)
    runner = StudyRunner(run, nodes)
    run.message(f"{len(nodes)} steps, {runner.jobs} at a time")
    run.directory.update(jobs=runner.jobs)
    outcomes = runner.work()
    write_steps(run.directory.results, nodes, outcomes)
    missing = sum(bool(outcome.problem) for outcome in outcomes.values())
    problems = tell_causes(outcomes)
    run.progress(len(nodes), len(nodes), force=True, phase="compare")
    for node in nodes:
        outcome = outcomes[node.name]
        if node.stage in TRAININGS and outcome.run and not outcome.problem:
            await_upload(outcome.run, runner.obey)
    tell_scores(run)
    if config.refine is not None and config.track_experiment:
        if problem := compare_runs(run):
            missing += 1
            problems.append(f"compare: {problem}")
    elif config.refine is not None:
        run.message("not recorded in MLflow (track_experiment: false), so nothing is compared")
    run.progress(len(nodes), len(nodes), force=True, phase="done")
    if problems:
        again = f"`python -m experiments resume {run.directory.run_id}` tries them again"
        raise RunFailed(f"{missing} of {len(nodes) + 1} steps have not finished. {'. '.join(problems)}. {again}")


def tell_causes(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return a sentence for each cause, with the steps that failed of it, and one for all that could not begin."""
    steps_of: dict[str, list[str]] = {}
    left_out = 0
    for name, outcome in outcomes.items():
        if outcome.status == "left out":
            left_out += 1
        elif outcome.problem:
            steps_of.setdefault(outcome.problem, []).append(name)
    told = [f"{', '.join(names)}: {problem}" for problem, names in steps_of.items()]
    return [*told, f"{left_out} more need these and were left out"] if left_out else told


def check_configs(settings: Settings, nodes: list[Node]) -> None:
    """Check the config of every step, as far as it is known before the first begins.

    Raises:
        BadInput: a key or value that a step's experiment does not take; the sentence names the step.
    """
    from pipeseg.config import ConfigError, load_config

    for node in nodes:
        file = find_experiment(settings, node.experiment).config_file
        try:
            load_config(file, node.overrides())
        except ConfigError as error:
            raise ConfigError(node.name, error.problems) from None
