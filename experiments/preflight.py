"""What can be known to be wrong before a run starts: its datasets."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeseg.data.names import BOX_SUFFIXES, SUFFIXES, derived_name
from pipeseg.errors import did_you_mean
from pipeseg.schema import CleanConfig, Config, RefineConfig, SplitConfig, StudyConfig, TrainConfig
from pipeseg.settings import Settings

SPLIT = re.compile(r"_(BASELINE(_F\d+)?(_VAL)?|EVAL)$")
OF_BOXES = re.compile(r"_BOXES(_VAL|_EVAL)?$")
SAMPLE, MAKE_SAMPLE = "sample", "`python scripts/tools/make_sample_dataset.py`"
HYBRID = re.compile(r"_H\d+(_VAL)?$")


def dataset_names(config: Config) -> dict[str, str]:
    """Return config key -> dataset name, for every dataset that the run reads."""
    if isinstance(config, StudyConfig | CleanConfig | SplitConfig):
        keys = ["source_dataset"]
    elif isinstance(config, RefineConfig):
        keys = ["source_dataset", "baseline_dataset", "validation_dataset", "evaluation_dataset"]
    else:
        keys = ["train_dataset", "validation_dataset", "evaluation_dataset"]
        if config.defect_classes:
            return {f"{key} ({each})": config.dataset_name(key, each) for key in keys for each in config.defect_classes}
    return {key: getattr(config, key) for key in keys}


def written_datasets(config: Config) -> list[str]:
    """Return the names of the datasets that the run writes; a split of all classes names none, labels.csv does."""
    match config:
        case CleanConfig():
            return [config.target_dataset]
        case SplitConfig(defect_class=str(defect_class)):
            suffixes = BOX_SUFFIXES if config.labels == "boxes" else SUFFIXES
            return [derived_name(config.source_dataset, defect_class, suffix) for suffix in suffixes.values()]
        case RefineConfig():
            return [config.hybrid_dataset, f"{config.hybrid_dataset}_VAL"]
    return []


def check_datasets(settings: Settings, config: Config) -> list[str]:
    """Return one sentence for every dataset that is not there or holds no pictures: key, folder, mend."""
    existing = list(dataset_folders(settings.datasets_dir))
    if not existing:
        return [
            f"{settings.datasets_dir}: no datasets here; make the sample with {MAKE_SAMPLE}, or "
            "set DATASETS_DIR in .env"
        ]
    problems = {}
    for key, name in dataset_names(config).items():
        folder = settings.datasets_dir / name
        if not folder.is_dir():
            problems[name] = f"{key}: {folder}: no such dataset{_mend(name, existing, config)}"
        elif not _has_files(folder / "images"):
            problems[name] = (
                f"{key}: {folder / 'images'}: no pictures here; make the dataset again{_mend(name, existing, config)}"
            )
    return list(problems.values())


def _mend(name: str, existing: list[str], config: Config) -> str:
    if OF_BOXES.search(name):
        return "; make it with `python -m experiments launch split --set labels=boxes`"
    if SPLIT.search(name):
        # sample_deposition_EVAL comes from sample: the longest dataset whose name it continues
        parents = [known for known in existing if name.startswith(f"{known}_") and not SPLIT.search(known)]
        named = SPLIT.sub("", name)
        for each in config.classes if isinstance(config, TrainConfig) else [config.defect_class]:
            named = named.removesuffix(f"_{each}")
        return f"; make it with `python scripts/tools/preprocess_dataset.py {max(parents, key=len, default=named)}`"
    if HYBRID.search(name):
        return "; make it with `python -m experiments launch refine`"
    if name == SAMPLE:
        return f"; make it with {MAKE_SAMPLE}"
    return did_you_mean(name, existing) or f" (there are: {', '.join(sorted(existing))})"


def dataset_folders(folder: Path) -> Iterator[str]:
    """Yield the names of the datasets in a folder, in no order."""
    if folder.is_dir():
        for entry in folder.iterdir():
            # a name with a dot is a dataset that is being written, or what such a try left behind
            if "." not in entry.name and (entry / "images").is_dir():
                yield entry.name


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(True for _ in folder.iterdir())
