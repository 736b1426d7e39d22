"""Which baseline refines: named in the config, or the latest that learned from the same hand masks."""

from pathlib import Path

from experiments.runs import find_run, latest_finished
from pipeseg.errors import BadInput
from pipeseg.run import Run
from pipeseg.schema import RefineConfig
from pipeseg.settings import Settings


def find_teacher(settings: Settings, config: RefineConfig) -> Path:
    """Return the best checkpoint of the baseline run that `config` asks for.

    Raises:
        BadInput: no such run, or it has no best checkpoint.
    """
    if config.baseline_run != "latest":
        directory = find_run(settings, config.baseline_run)
    else:
        found = latest_finished(
            settings,
            stage="baseline",
            defect_class=config.defect_class,
            train_dataset=config.baseline_dataset,
            seed=config.seed,
        )
        if found is None:
            raise BadInput(
                f"baseline_run: no finished baseline of {config.defect_class} on {config.baseline_dataset} with seed"
                f" {config.seed}; run it first: python -m experiments launch baseline"
                f" --set defect_class={config.defect_class}"
                f" --set seed={config.seed}"
            )
        directory = found
    checkpoint = directory.best_checkpoint
    if not checkpoint.is_file():
        raise BadInput(f"baseline_run: {directory.run_id} has no checkpoints/best.safetensors; choose another run")
    return checkpoint


def refine_with_teacher(run: Run) -> None:
    """Find the teacher and write the hybrid dataset; see `pipeseg.refine.refine`."""
    from pipeseg.refine import refine

    assert isinstance(run.config, RefineConfig)
    refine(run, find_teacher(run.settings, run.config))
