"""What a study would do if it were started now: a dry run of the keys, as far as they can be known cheaply."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiments import runs
from experiments.datasets import remembered
from experiments.folders import Experiment
from experiments.preflight import dataset_names
from experiments.study_plan import COMPARE, plan
from experiments.study_reuse import Reuse
from experiments.study_view import NEW, UNKNOWN, StepView, StudyView, outline
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import Config, StudyConfig
from pipeseg.settings import Settings

# a key holds the content of datasets: no more than this is read to foretell one
MOST_BYTES = 512 << 20


def is_study(experiment: Experiment) -> bool:
    """Tell whether an experiment is a study; remembered until its config changes, for the dashboard asks often."""
    from pipeseg.config import ConfigError, read_yaml

    try:
        return remembered("stage", experiment.config_file, lambda: read_yaml(experiment.config_file)).get("stage") == (
            "study"
        )
    except (ConfigError, OSError):
        return False


def planned(experiment: Experiment) -> StudyView:
    """Return the plan of an experiment's config, every step waiting; a config with mistakes is its `problem`."""
    from pipeseg.config import ConfigError, load_config

    try:
        config, _ = load_config(experiment.config_file)
    except (ConfigError, OSError) as error:
        return StudyView(experiment.name, None, (), problem=str(error))
    if not isinstance(config, StudyConfig):
        return StudyView(experiment.name, None, (), problem=f"{experiment.name}: is no study")
    jobs = config.jobs if isinstance(config.jobs, int) else None
    return StudyView(experiment.name, None, outline(config), jobs)


def foretold(
    settings: Settings,
    experiment: Experiment,
    tick: Callable[[int, int], None] = lambda done, total: None,
    most_bytes: int = MOST_BYTES,
) -> StudyView:
    """Return the plan with what is known of each step: `cached` with the run that would serve, new, or unknown.

    Unknown is what depends on a step that is still to be done, and what would take long to read.

    Args:
        tick: told (done, total) while files are hashed; what it raises ends the asking.
        most_bytes: of pictures and masks of one step, beyond which its key stays unknown.
    """
    from pipeseg.config import load_config

    view = planned(experiment)
    if view.problem:
        return view
    config, _ = load_config(experiment.config_file)
    assert isinstance(config, StudyConfig)
    nodes = {node.name: node for node in plan(config)}
    reuse = Reuse(settings, nodes, tick)
    done: dict[str, RunDirectory] = {}
    told: dict[str, StepView] = {step.name: step for step in view.steps}
    for name, node in nodes.items():
        if not config.reuse:
            told[name] = replace(told[name], forecast=NEW)
            continue
        if not all(need in done for need in node.needs):
            told[name] = replace(told[name], forecast=UNKNOWN)
            continue
        try:
            if _size(settings, reuse.config_of(node, done)) > most_bytes:
                told[name] = replace(told[name], forecast=UNKNOWN)
                continue
            found = reuse.finished(node, reuse.candidates(reuse.step(node, done), {}))
        except BadInput as error:
            told[name] = replace(told[name], forecast=NEW, problem=str(error))
            continue
        if found is None:
            told[name] = replace(told[name], forecast=NEW)
            continue
        done[name] = found
        run = runs.view(found)
        told[name] = replace(told[name], state="cached", run=run, test_iou=run.test.get("iou"))
    if COMPARE in told:
        told[COMPARE] = replace(told[COMPARE], forecast=NEW)
    return replace(view, steps=tuple(told.values()))


def _size(settings: Settings, config: Config) -> int:
    """Return how many bytes of pictures, masks and tables a run reads."""
    folders = [settings.datasets_dir / name for name in {*dataset_names(config).values()}]
    return sum(_bytes_of(folder) for folder in folders)


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
