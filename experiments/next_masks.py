"""Which networks are asked for the next masks to draw: those named, or the newest of each class, every seed of them."""

from collections.abc import Sequence
from pathlib import Path

from experiments.checkpoints import find_checkpoint
from experiments.runs import list_runs
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

# what learns masks of one class for use; the other stages are only compared with
STAGES = ("baseline", "final")


def named_checkpoints(settings: Settings, runs: str) -> list[Path]:
    """Return the checkpoints of the runs in `runs`, separated by commas; see `find_checkpoint`.

    Raises:
        BadInput: one of them is not there.
    """
    names = [part.strip() for part in runs.split(",") if part.strip()]
    if not names:
        raise BadInput("--run: names no run; `python -m experiments runs` lists them")
    return list(dict.fromkeys(find_checkpoint(settings, name) for name in names))


def newest_checkpoints(settings: Settings, dataset: str, classes: Sequence[str]) -> dict[str, list[Path]]:
    """Return the checkpoints of the newest finished training of each class, one for each seed that it was run with.

    Of one training are runs of one stage with the same train set. Runs that learned from sets of another dataset do
    not count. Without `classes`, of every class that there is such a run of.

    Raises:
        BadInput: a class has none.
    """
    newest: dict[str, tuple[str | None, str]] = {}
    found: dict[str, dict[int | None, Path]] = {}
    for run in list_runs(settings):
        name, train = run.defect_class, _config(run.directory).get("train_dataset")
        if run.stage not in STAGES or run.status != "finished" or not name or (classes and name not in classes):
            continue
        if not isinstance(train, str) or not train.startswith(f"{dataset}_"):
            continue
        checkpoint = run.directory.best_checkpoint
        if checkpoint.is_file() and newest.setdefault(name, (run.stage, train)) == (run.stage, train):
            found.setdefault(name, {}).setdefault(_config(run.directory).get("seed"), checkpoint)
    if missing := [name for name in classes if name not in found] or ([] if found else [dataset]):
        raise BadInput(
            f"{missing[0]}: no finished baseline or final of {dataset} to ask; train one first, e.g."
            f" `python -m experiments launch baseline`, or name one with --run"
        )
    return {name: list(seeds.values()) for name, seeds in found.items()}


def _config(directory: RunDirectory) -> dict:
    from pipeseg.config import ConfigError, read_yaml

    try:
        return read_yaml(directory.config_file)
    except ConfigError:
        return {}
