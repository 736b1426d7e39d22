"""Doing steps of a study anew although they are done: a step, and everything that was made from it."""

import time
from collections.abc import Sequence

from experiments import launcher
from experiments.runs import matching
from experiments.study_plan import COMPARE, Node, plan
from experiments.study_reuse import ANEW
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import StudyConfig
from pipeseg.settings import Settings


def dependents(nodes: Sequence[Node], step: str) -> list[str]:
    """Return a step and every step that needs it, directly or not, in the order of the plan."""
    found = {step}
    for node in nodes:  # needs come before what needs them
        if found & {*node.needs}:
            found.add(node.name)
    return [node.name for node in nodes if node.name in found]


def find_step(nodes: Sequence[Node], text: str) -> str:
    """Return the step that `text` means: its name, the beginning of exactly one, or `compare`.

    Raises:
        BadInput: none or several.
    """
    names = [*(node.name for node in nodes), COMPARE]
    found = matching({name: name for name in names}, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"--from {text!r} is the beginning of {len(found)} steps ({', '.join(found)}); type more of it")
    raise BadInput(f"--from: no step {text!r}{did_you_mean(text, names)} (steps: {', '.join(names)})")


def nodes_of(run: RunDirectory) -> list[Node]:
    """Return the plan of a study's run.

    Raises:
        BadInput: its config cannot be read, or the run is no study.
    """
    from pipeseg.config import load_config

    config, _ = load_config(run.config_file)
    if not isinstance(config, StudyConfig):
        raise BadInput(f"{run.run_id}: is no study; `python -m experiments runs --stage study` lists them")
    return plan(config)


def rerun(settings: Settings, run: RunDirectory, text: str) -> list[str]:
    """Let an ended study do a step and what depends on it anew; return their names.

    The runs that did these steps before stay as they are, they only serve this study no more. Datasets that the steps
    write are replaced where a run made them and nobody has changed them since.

    Args:
        text: of the step; see `find_step`.

    Raises:
        BadInput: no such step, or the study works; nothing was changed.
    """
    nodes = nodes_of(run)
    steps = dependents(nodes, find_step(nodes, text))
    launcher.reopen(settings, run, again=True)
    now = time.time()
    run.update(**{ANEW: {**(run.read_info().get(ANEW) or {}), **dict.fromkeys(steps, now)}})
    launcher.start(settings, run)
    return steps
