"""The three sets of a run: read, checked against each other, and recorded."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeseg.data.description import NO_REFINER, read_description
from pipeseg.data.folder import DatasetFolder, Sample
from pipeseg.data.loading import Pictures
from pipeseg.errors import BadInput
from pipeseg.run import Run
from pipeseg.schema import TrainConfig

KEYS = {"train": "train_dataset", "validation": "validation_dataset", "test": "evaluation_dataset"}


@dataclass(frozen=True, slots=True)
class Sets:
    """The three sets of a run at network size, each with one `Pictures` per class, in the order of the classes."""

    train: tuple[Pictures, ...]
    validation: tuple[Pictures, ...]
    test: tuple[Pictures, ...]


def load_sets(run: Run, config: TrainConfig) -> Sets:
    """Read and check the sets that the config names.

    A picture is often labelled for several classes. Where one network learns them all, the copies of any class's test
    picture are left out of every train and val, and those of any val picture out of every train.

    Raises:
        BadInput: a set cannot be read or holds no defect, or train or val shares a picture with its own class's test.
    """
    folders = open_folders(run, config)
    return Sets(*(load_part(run, config, part, folders) for part in KEYS))


def open_folders(run: Run, config: TrainConfig) -> dict[str, list[DatasetFolder]]:
    """Return part -> one folder per class, with the pictures that it may use; see `load_sets`."""
    datasets = run.settings.datasets_dir
    folders = {
        part: [DatasetFolder.open(datasets / config.dataset_name(key, each)) for each in config.classes]
        for part, key in KEYS.items()
    }
    for index in range(len(config.classes)):
        _refuse_leaks(*(folders[part][index] for part in KEYS))
    if len(config.classes) > 1:
        _keep_apart(run, folders)
    return folders


def load_part(
    run: Run, config: TrainConfig, part: str, folders: Mapping[str, Sequence[DatasetFolder]]
) -> tuple[Pictures, ...]:
    """Read one of the sets: `train`, `validation` or `test`."""
    return tuple(_load(run, config, KEYS[part], folder) for folder in folders[part])


def _load(run: Run, config: TrainConfig, key: str, folder: DatasetFolder) -> Pictures:
    def tick(done: int, total: int) -> None:
        run.progress(done, total, force=done == total, phase=f"reading {folder.name}")
        run.obey(save=lambda: None)

    pictures = Pictures.load(folder, config.image_size, tick)
    if not pictures.positives:
        raise BadInput(f"{key}: no mask in {folder.name} holds a defect pixel; there is nothing to learn or to score")
    run.message(f"{folder.name}: {len(pictures)} pictures, {pictures.positives} with the defect")
    return pictures


def _refuse_leaks(train: DatasetFolder, validation: DatasetFolder, test: DatasetFolder) -> None:
    """A copy of a test picture among those that are learned or chosen on would make the table worthless."""
    held = {key: sample for sample in test.samples for key in _names(sample)}
    for folder in (train, validation):
        for sample in folder.samples:
            if copy := next((held[key] for key in _names(sample) if key in held), None):
                raise BadInput(
                    f"{sample.image}: is in the same duplicate group as {copy.image} of the test set;"
                    " split again with scripts/tools/preprocess_dataset.py"
                )


def _keep_apart(run: Run, folders: dict[str, list[DatasetFolder]]) -> None:
    """Take the copies of other classes' held-out pictures out of `folders`."""
    held: set[str] = set()
    for part in ("test", "validation", "train"):
        for index, folder in enumerate(folders[part]):
            kept = tuple(sample for sample in folder.samples if held.isdisjoint(_names(sample)))
            if left_out := len(folder.samples) - len(kept) if part != "test" else 0:
                run.message(f"{folder.name}: {left_out} pictures left out, another class holds them for val or test")
                folders[part][index] = replace(folder, samples=kept)
        held |= {key for folder in folders[part] for sample in folder.samples for key in _names(sample)}


def _names(sample: Sample) -> tuple[str, str]:
    # by name as well: a set without dataset.json knows no groups
    return sample.group, sample.name


def record_datasets(run: Run, sets: Sets) -> None:
    """Write the sets' names and fingerprints into `run.json`.

    Raises:
        BadInput: the run goes on, and a set is not what it was when it began.
    """
    known = run.directory.read_info().get("datasets") or {}
    datasets = {}
    for part, loaded in (("train", sets.train), ("validation", sets.validation), ("test", sets.test)):
        datasets[part] = _describe(pictures.folder for pictures in loaded)
        before = known.get(part, {}).get("fingerprint")
        if run.directory.last_checkpoint.exists() and before not in (None, datasets[part]["fingerprint"]):
            raise BadInput(
                f"{loaded[0].folder.path}: has changed since {run.directory.run_id} began;"
                " put it back, or launch a new run"
            )
    run.directory.update(datasets=datasets)


def without_idle_boxes(run: Run, config: TrainConfig, train: Sequence[Pictures]) -> TrainConfig:
    """Return the config, without `boxes` where a refine run found that its masks would not help and left them out."""
    if config.boxes is None or any(sample.boxes for pictures in train for sample in pictures.samples):
        return config
    for folder in (pictures.folder for pictures in train):
        made = read_description(folder.path).get("parameters")
        if isinstance(made, dict) and made.get("chosen") == NO_REFINER:
            run.message(f"{folder.name}: hand masks alone, no refined ones were worth it; boxes teach nothing")
            return config.model_copy(update={"boxes": None})
    return config


def _describe(folders: Iterable[DatasetFolder]) -> dict[str, Any]:
    found = {folder.name: folder.fingerprint() for folder in folders}
    if len(found) == 1:
        [(name, fingerprint)] = found.items()
        return {"name": name, "fingerprint": fingerprint}
    together = hashlib.sha256("".join(found.values()).encode()).hexdigest()
    return {"name": ", ".join(found), "fingerprint": together, "fingerprints": found}
