"""The three sets of a run: read, checked against each other, and recorded."""

from dataclasses import dataclass

from pipeseg.config import TrainConfig
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.loading import Pictures
from pipeseg.errors import BadInput
from pipeseg.run import Run


@dataclass(frozen=True, slots=True)
class Sets:
    """The three sets of a run, at network size."""

    train: Pictures
    validation: Pictures
    test: Pictures


def load_sets(run: Run, config: TrainConfig) -> Sets:
    """Read and check the three sets that the config names.

    Raises:
        BadInput: a set cannot be read or holds no defect, or train or val shares a picture with test.
    """
    loaded = {}
    for key in ("train", "validation", "evaluation"):
        name = getattr(config, f"{key}_dataset")
        folder = DatasetFolder.open(run.settings.datasets_dir / name)

        def tick(done: int, total: int, name: str = name) -> None:
            run.progress(done, total, force=done == total, phase=f"reading {name}")
            run.obey(save=lambda: None)

        pictures = Pictures.load(folder, config.image_size, tick)
        if not pictures.positives:
            raise BadInput(
                f"{key}_dataset: no mask in {name} holds a defect pixel; there is nothing to learn or to score"
            )
        run.message(f"{name}: {len(pictures)} pictures, {pictures.positives} with the defect")
        loaded[key] = pictures
    sets = Sets(loaded["train"], loaded["validation"], loaded["evaluation"])
    _refuse_leaks(sets)
    return sets


def _refuse_leaks(sets: Sets) -> None:
    """A copy of a test picture among those that are learned or chosen on would make the table worthless."""
    # by name as well: a set without dataset.json knows no groups
    test = {key: sample for sample in sets.test.samples for key in (sample.group, sample.name)}
    for pictures in (sets.train, sets.validation):
        for sample in pictures.samples:
            if copy := test.get(sample.group) or test.get(sample.name):
                raise BadInput(
                    f"{sample.image}: is in the same duplicate group as {copy.image} of the test set;"
                    " split again with scripts/tools/preprocess_dataset.py"
                )


def record_datasets(run: Run, sets: Sets) -> None:
    """Write the sets' fingerprints into `run.json`.

    Raises:
        BadInput: the run goes on, and a set is not what it was when it began.
    """
    known = run.directory.read_info().get("datasets") or {}
    datasets = {}
    for key, pictures in (("train", sets.train), ("validation", sets.validation), ("test", sets.test)):
        datasets[key] = {"name": pictures.folder.name, "fingerprint": pictures.folder.fingerprint()}
        before = known.get(key, {}).get("fingerprint")
        if run.directory.last_checkpoint.exists() and before not in (None, datasets[key]["fingerprint"]):
            raise BadInput(
                f"{pictures.folder.path}: has changed since {run.directory.run_id} began;"
                " put it back, or launch a new run"
            )
    run.directory.update(datasets=datasets)
