"""Which weights a training starts from: those of a run, named in the config, or the encoder's own."""

from pathlib import Path
from typing import Any

from experiments.runs import find_run, latest_finished
from pipeseg.errors import BadInput
from pipeseg.schema import TrainConfig
from pipeseg.settings import Settings


def find_start(settings: Settings, config: TrainConfig) -> Path | None:
    """Return the best checkpoint of the run that `start_from` names; None where the training starts from scratch.

    Raises:
        BadInput: no such run, or one without a best checkpoint.
    """
    if config.start_from is None:
        return None
    if config.start_from == "baseline":
        wanted: dict[str, Any] = {"seed": config.seed, "evaluation_dataset": config.evaluation_dataset}
        if config.defect_classes:
            wanted["defect_classes"] = config.defect_classes
        directory = latest_finished(settings, stage="baseline", defect_class=config.defect_class, **wanted)
        if directory is None:
            raise BadInput(
                f"start_from: no finished baseline with seed {config.seed} that was tested on"
                f" {config.evaluation_dataset}; run it first, or set start_from: null"
            )
    else:
        directory = find_run(settings, config.start_from)
    if not directory.best_checkpoint.is_file():
        raise BadInput(f"start_from: {directory.run_id} has no checkpoints/best.safetensors; choose another run")
    return directory.best_checkpoint
