"""Which runs refine: named in the config, or those that learned from the same masks."""

from pathlib import Path
from typing import Any

from experiments.mlflow_records import recipe
from experiments.runs import find_run, finished_runs
from pipeseg.config import read_yaml
from pipeseg.errors import BadInput
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import RefineConfig
from pipeseg.settings import Settings

# a final can teach as well: in the next round, on what it learned from
STAGES = ("baseline", "final")


def find_teachers(settings: Settings, config: RefineConfig) -> list[Path]:
    """Return the best checkpoints of the runs that `config` asks for, the one of its own seed first.

    Raises:
        BadInput: no such run, or one without a best checkpoint.
    """
    wanted = config.baseline_run
    if wanted in ("latest", "all"):
        directories = _learned_alike(settings, config)
    else:
        named = [wanted] if isinstance(wanted, str) else wanted
        directories = list({found.run_id: found for found in (find_run(settings, text) for text in named)}.values())
    for directory in directories:
        if not directory.best_checkpoint.is_file():
            raise BadInput(f"baseline_run: {directory.run_id} has no checkpoints/best.safetensors; choose another run")
    return [directory.best_checkpoint for directory in directories]


def _learned_alike(settings: Settings, config: RefineConfig) -> list[RunDirectory]:
    """Return the newest run of this seed, or for `all` the newest of every seed that was trained as the newest was."""
    dataset = config.teacher_dataset or config.baseline_dataset
    only: dict[str, Any] = {} if config.baseline_run == "all" else {"seed": config.seed}
    of_seed: dict[int, RunDirectory] = {}
    newest = None
    for directory in finished_runs(settings, STAGES, config.defect_class, train_dataset=dataset, **only):
        values = read_yaml(directory.config_file)
        newest = newest or recipe(values)
        if recipe(values) == newest:
            of_seed.setdefault(values["seed"], directory)
        if only:
            break
    if not of_seed:
        experiment = "final" if config.teacher_dataset else "baseline"
        seed = f" with seed {config.seed}" if only else ""
        raise BadInput(
            f"baseline_run: no finished {experiment} of {config.defect_class} on {dataset}{seed}; run it first:"
            f" python -m experiments launch {experiment} --set defect_class={config.defect_class}"
            f" --set seed={config.seed}"
        )
    return [of_seed[seed] for seed in sorted(of_seed, key=lambda seed: (seed != config.seed, seed))]


def refine_with_teacher(run: Run) -> None:
    """Find the teachers, where the refiner asks for any, and write the hybrid dataset; see `pipeseg.refine.refine`."""
    from pipeseg.refine import needs_teacher, refine
    from pipeseg.refiners import candidates_of

    config = run.config
    assert isinstance(config, RefineConfig)
    candidates = candidates_of(config.refiner.name, config.refiner.args)
    refine(run, find_teachers(run.settings, config) if needs_teacher(candidates.values()) else [])
