"""What two configs are compared as: the resolved values of an experiment's file or of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.config_diff import Difference, differences
from pipeseg.errors import BadInput
from pipeseg.settings import Settings


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        values: resolved where the config is valid: defaults filled in; else as they are written.
        text: as written.
        problem: why it could not be resolved, or None.
    """

    name: str
    values: Mapping[str, Any]
    text: str
    problem: str | None = None


def side_of_text(text: str, name: str) -> Side:
    """Return a config text as a side.

    Raises:
        ConfigError: it is no YAML.
    """
    from pipeseg.config import ConfigError, check_config, parse_yaml

    values = parse_yaml(text, name)
    try:
        config, _warnings = check_config(values, name)
    except ConfigError as error:
        return Side(name, values, text, str(error))
    return Side(name, config.model_dump(mode="json"), text)


def side_of_file(path: Path, name: str) -> Side:
    """Return a config file as a side; see `side_of_text`."""
    from experiments.config_file import read_text

    return side_of_text(read_text(path), name)


def find_side(settings: Settings, name: str) -> Side:
    """Return the experiment called `name`, else the run: full id, the beginning of exactly one, or `latest`.

    Raises:
        BadInput: there is neither, or its config is no YAML.
    """
    from experiments.folders import find_experiment
    from experiments.runs import find_run

    try:
        experiment = find_experiment(settings, name)
    except BadInput:
        try:
            run = find_run(settings, name)
        except BadInput as error:
            if "is the beginning of" in str(error):
                raise
            raise BadInput(f"no experiment and no run {name!r}; `list` and `runs` name them") from None
        return side_of_file(run.config_file, run.run_id)
    return side_of_file(experiment.config_file, experiment.name)


def last_run_side(settings: Settings, experiment: str) -> Side:
    """Return the newest run of an experiment.

    Raises:
        BadInput: it never ran.
    """
    from experiments.runs import last_runs

    run = last_runs(settings).get(experiment)
    if run is None:
        raise BadInput(f"{experiment} has no run yet to compare with; name another run")
    return side_of_file(run.directory.config_file, run.run_id)


def compare(left: Side, right: Side) -> list[Difference]:
    """Return what differs; where one side could not be resolved, both are compared as they are written."""
    from pipeseg.config import parse_yaml

    if (left.problem is None) == (right.problem is None):
        return differences(left.values, right.values)
    return differences(parse_yaml(left.text), parse_yaml(right.text))
