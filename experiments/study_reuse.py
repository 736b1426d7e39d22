"""Whether a step of a study has been done before: its config as runs have told it, its key, the run that serves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import launcher, runs
from experiments.folders import Experiment, find_experiment
from experiments.start import find_start
from experiments.study_key import content_of, step_key
from experiments.study_plan import TRAININGS, Node, spread_steps
from pipeseg.run_directory import RunDirectory, read_json
from pipeseg.schema import Config, TrainConfig
from pipeseg.settings import Settings

# of run.json of a study: step -> unix seconds; runs of the step that are older serve no more
ANEW = "anew"


@dataclass(frozen=True, slots=True)
class Step:
    """One step that could begin: whatever it needs has been done."""

    node: Node
    experiment: Experiment
    config: Config
    overrides: list[str]
    key: str


class Reuse:
    """Asks the runs on disk what they have done already.

    Args:
        tick: told (done, total) while files are hashed; what it raises ends the asking.
    """

    def __init__(self, settings: Settings, nodes: Mapping[str, Node], tick: Callable[[int, int], None]):
        self.settings, self.nodes, self.tick = settings, nodes, tick

    def step(self, node: Node, done: Mapping[str, RunDirectory]) -> Step:
        """Return a step with its key.

        Args:
            done: the run of every step that this one needs.

        Raises:
            BadInput: it cannot begin.
        """
        experiment, overrides, config = self._checked(node, done)
        teachers = [done[name].best_checkpoint for name in node.teachers]
        if isinstance(config, TrainConfig) and (begun := find_start(self.settings, config)):
            teachers.append(begun)
        key = step_key(self.settings, experiment, config, teachers, self.tick)
        return Step(node, experiment, config, overrides, key)

    def config_of(self, node: Node, done: Mapping[str, RunDirectory]) -> Config:
        """Return the config of a step; arguments and errors as for `step`."""
        return self._checked(node, done)[2]

    def _checked(self, node: Node, done: Mapping[str, RunDirectory]) -> tuple[Experiment, list[str], Config]:
        experiment = find_experiment(self.settings, node.experiment)
        overrides = node.overrides(self._found_out(node, done))
        config, _ = launcher.check(self.settings, experiment, overrides)
        return experiment, overrides, config

    def _found_out(self, node: Node, done: Mapping[str, RunDirectory]) -> dict[str, Any]:
        """Return the values that only runs which have ended can tell."""
        from pipeseg.config import read_yaml

        more: dict[str, Any] = {}
        if node.teachers:
            ids = [done[name].run_id for name in node.teachers]
            more["baseline_run"] = ids[0] if len(ids) == 1 else ids
        if node.start:
            more["start_from"] = done[node.start].run_id
        if node.budget:
            summaries = [read_json(done[name].results / "summary.json") for name in node.budget]
            epochs = [int(read_yaml(done[name].config_file).get("epochs", 0)) for name in node.budget]
            more |= spread_steps(sum(int(summary.get("total_steps", 0)) for summary in summaries), sum(epochs))
        return more

    def candidates(self, step: Step, anew: Mapping[str, float]) -> list[RunDirectory]:
        """Return the runs with the key of a step, newest first, but those that a person wants done anew."""
        since = anew.get(step.node.name, 0.0)
        found = runs.runs_by_study_key(self.settings).get(step.key, [])
        return [run for run in found if runs.view(run).created >= since]

    def finished(self, node: Node, candidates: Sequence[RunDirectory]) -> RunDirectory | None:
        """Return the newest run that has finished and whose work is still there, else None."""
        done = (run for run in candidates if runs.run_status(run) == "finished" and self.is_whole(node, run))
        return next(done, None)

    def is_whole(self, node: Node, run: RunDirectory) -> bool:
        """Tell whether what a finished run made is still there, unchanged."""
        if node.stage in TRAININGS:
            return run.best_checkpoint.is_file() and (run.results / "summary.json").is_file()
        outputs = run.read_info().get("outputs")
        return bool(outputs) and all(self._content(name) == content for name, content in outputs.items())

    def may_replace(self, config: Config) -> bool:
        """Tell whether what a step would overwrite was made by a run and is as it was: no work of a person."""
        from experiments.preflight import written_datasets

        existing = {name: content for name in written_datasets(config) if (content := self._content(name))}
        made = [view.info.get("outputs") or {} for view in runs.list_runs(self.settings)]
        return all(any(each.get(name) == content for each in made) for name, content in existing.items())

    def _content(self, name: str) -> str | None:
        folder = self.settings.datasets_dir / name
        return content_of(folder, self.tick) if (folder / "dataset.json").is_file() else None
