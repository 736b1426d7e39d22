"""The study: split -> baselines -> refine -> finals, one ordinary run after another, ready for `compare`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments.launcher import await_upload, launch, wait
from experiments.runs import run_status, send, view
from pipeseg.errors import BadInput, RunFailed, StopRequested
from pipeseg.events import Event
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import StudyConfig

EXPERIMENTS = ("baseline", "refine", "final")


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the study: `experiment` for one class and seed."""

    experiment: str
    defect_class: str
    seed: int
    overrides: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.experiment} {self.defect_class} seed {self.seed}"


def plan(config: StudyConfig) -> list[list[Step]]:
    """Return one chain of steps per class and seed; a chain ends where a step of it fails, the others go on."""
    return [list(_chain(config, name, seed)) for seed in config.seeds for name in config.classes]


def _chain(config: StudyConfig, defect_class: str, seed: int) -> Iterator[Step]:
    source, prefix = config.source_dataset, f"{config.source_dataset}_{defect_class}"
    hand = {"validation_dataset": f"{prefix}_BASELINE_VAL", "evaluation_dataset": f"{prefix}_EVAL"}
    # each seed has its own teacher, hence its own hybrid dataset
    hybrid = f"{prefix}_H1" if len(config.seeds) == 1 else f"{prefix}_S{seed}_H1"
    datasets: dict[str, dict[str, Any]] = {
        "baseline": {**hand, "train_dataset": f"{prefix}_BASELINE"},
        "refine": {
            **hand,
            "source_dataset": source,
            "baseline_dataset": f"{prefix}_BASELINE",
            "hybrid_dataset": hybrid,
        },
        "final": {**hand, "train_dataset": hybrid, "validation_dataset": f"{hybrid}_VAL"},
    }
    for experiment in EXPERIMENTS:
        values = {
            "defect_class": defect_class,
            "seed": seed,
            "experiment_name": config.experiment_name,
            "track_experiment": config.track_experiment,
            **datasets[experiment],
            **getattr(config, experiment),
        }
        # JSON is YAML: every value arrives as it was
        yield Step(experiment, defect_class, seed, [f"{key}={json.dumps(value)}" for key, value in values.items()])


def study(run: Run) -> None:
    """Do every step; the comparison then needs nothing but MLflow.

    Raises:
        RunFailed: at the end, when a step failed: the others have been done.
        StopRequested: the step that was running has been stopped as well.
    """
    config = run.config
    assert isinstance(config, StudyConfig)
    _split(run, config)
    chains = plan(config)
    total = sum(map(len, chains))
    done, failed, children = 0, [], []
    for chain in chains:
        for step in chain:
            run.progress(done, total, force=True, phase=step.label)
            problem = _do(run, step, done, total, children)
            done += 1
            if problem:
                failed.append(f"{step.label}: {problem}")
                run.warn(failed[-1])
                # what follows in this chain needs this step's result
                done += len(chain) - chain.index(step) - 1
                break
    for child in children:
        await_upload(child)
    run.progress(total, total, force=True, phase="done")
    if failed:
        raise RunFailed(f"{len(failed)} of {total} steps failed; first: {failed[0]}")
    run.message("all steps are done; see `python -m experiments compare`")


def _split(run: Run, config: StudyConfig) -> None:
    """Make the sets of every class that are not there yet."""
    from pipeseg.data.hand import HandLabels
    from pipeseg.data.splits import SUFFIXES, SplitRatios, derived_name, split_labels

    source, labels = run.settings.datasets_dir / config.source_dataset, None
    for defect_class in config.classes:
        names = [derived_name(source.name, defect_class, suffix) for suffix in SUFFIXES.values()]
        if all((source.parent / name / "dataset.json").exists() for name in names):
            run.message(f"{defect_class}: already split")
            continue
        labels = labels or HandLabels.open(source, say=run.message)
        sets = split_labels(labels, defect_class, ratios=SplitRatios(), seed=0, replace=False, say=run.message)
        run.message(f"{defect_class}: {', '.join(f'{chosen.part} {len(chosen.files)}' for chosen in sets)} pictures")
        run.obey(lambda: None)


def _do(run: Run, step: Step, done: int, total: int, children: list[RunDirectory]) -> str | None:
    """Run one step to its end, add it to `children`, and return what went wrong, None when nothing did."""
    try:
        child = launch(run.settings, step.experiment, step.overrides, name=f"{run.directory.run_id}: {step.label}")
    except BadInput as error:
        return str(error)
    children.append(child)
    run.emit("child", run_id=child.run_id, step=step.label, status="running")
    last_error = ""

    def follow(event: Event) -> None:
        nonlocal last_error
        if event["kind"] == "error":
            last_error = str(event.get("text", ""))

    def obey() -> None:
        try:
            run.obey(lambda: None)
        except StopRequested:
            if view(child).is_active:
                send(run.settings, child, "stop")
            wait(child)
            run.emit("child", run_id=child.run_id, step=step.label, status="stopped")
            raise

    code = wait(child, follow, meanwhile=obey)
    status = run_status(child)
    run.emit("child", run_id=child.run_id, step=step.label, status=status)
    run.progress(done + 1, total, force=True, phase=step.label)
    return None if code == 0 else last_error or f"ended as {status} (code {code}); see {child.log_file}"
