"""Hand-labelled pictures into train, val and test sets of one class, by duplicate group, and into folds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeseg.data.build import DatasetWriter, building_together
from pipeseg.data.description import read_description
from pipeseg.data.draw import Draw, Group, SplitRatios
from pipeseg.data.hand import BILLION, HandLabels, classes_of
from pipeseg.data.names import BOX_SUFFIXES, SUFFIXES, derived_name
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import check_picture, picture_size
from pipeseg.data.via import Region, rasterise
from pipeseg.errors import BadInput

__all__ = ["SUFFIXES", "SplitRatios", "classes_of", "derived_name", "fold_suffixes", "split_dataset", "split_labels"]


def fold_suffixes(folds: int) -> list[dict[str, str]]:
    """Return the name endings of each fold's train and validation set: `_BASELINE_F1`, `_BASELINE_F1_VAL`, ..."""
    return [{"train": f"_BASELINE_F{k}", "validation": f"_BASELINE_F{k}_VAL"} for k in range(1, folds + 1)]


def split_dataset(
    source: Path,
    defect_class: str | None,
    *,
    ratios: SplitRatios,
    seed: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[str]]:
    """Write the three sets of one class beside `source` and return `{set: file names}`; see `split_labels`."""
    labels = HandLabels.open(source)
    return split_labels(labels, defect_class, ratios=ratios, seed=seed, tick=tick)[0].splits


@dataclass(frozen=True, slots=True)
class DrawnSet:
    """A set to be written. `splits` holds the files of all sets that it is used with, its own as `splits[part]`."""

    target: Path
    part: str
    splits: dict[str, list[str]]
    fold: dict[str, int]

    @property
    def files(self) -> list[str]:
        return self.splits[self.part]


def split_labels(
    labels: HandLabels,
    defect_class: str | None,
    *,
    ratios: SplitRatios,
    seed: int,
    folds: int = 0,
    suffixes: Mapping[str, str] = SUFFIXES,
    replace: bool = True,
    say: Callable[[str], None] = lambda sentence: None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> list[DrawnSet]:
    """Write the three sets of one class beside the source, all or none, and return them, then those of the folds.

    A group (copies of one picture) goes to one set as a whole. The draw depends on the labels, the names and the seed
    only; see `Draw`.

    Args:
        folds: as well, deal what is not test to so many folds: a train and a validation set for each.
        suffixes: what the names of the sets train, validation and test end with.
        replace: False keeps the sets that are there and adds the others, if the draw is the same.

    Raises:
        BadInput: a class that the labels do not name, too few groups, a picture that cannot be read, or a set of
            another draw that is not to be replaced. Nothing has been written.
    """
    wanted = labels.of_class(defect_class)
    groups = labels.groups_with(defect_class, wanted)
    name = defect_class or labels.folder.name
    having = sum(bool(group.area) for group in groups)
    if having < 3:
        raise BadInput(
            f"{labels.folder}: {having} hand-labelled groups hold {name}; a split needs at least 3, draw more of them"
        )
    if left_out := len(labels.regions) - sum(len(group.files) for group in groups):
        say(
            f"{name}: {left_out} hand-labelled pictures are in no set: a box says {name} where only other classes are"
            " drawn, or what is drawn lies outside the picture"
        )
    if len(groups) - having < (clean := round(ratios.clean * having)):
        say(f"{name}: {len(groups) - having} hand-labelled groups without it, {clean} wanted; list more in labels.csv")
    sets = _draw(labels.folder, defect_class, groups, ratios, seed, folds, suffixes)
    missing = sets if replace else [chosen for chosen in sets if not _is_there(chosen, labels)]
    facts = {
        "labels": "boxes" if suffixes == BOX_SUFFIXES else "hand",
        "source": labels.folder.name,
        "defect_class": defect_class,
        "class_label": labels.labels.get(defect_class or ""),
        "seed": seed,
        "parameters": {"test": ratios.test, "validation": ratios.validation, "clean": ratios.clean},
        "source_fingerprint": labels.fingerprint,
        "labels_sha256": labels.labels_digest,
        "groups_from": labels.groups_from,
    }
    done, total = 0, sum(len(chosen.files) for chosen in missing)
    # all or none: sets of two different draws may share pictures
    masks = _Masks(labels, wanted, {})
    with building_together([chosen.target for chosen in missing]) as writers:
        for chosen, writer in zip(missing, writers, strict=True):
            positives, area = 0, 0
            for share in threaded(partial(masks.add, writer), chosen.files):
                positives, area = positives + bool(share), area + share
                done += 1
                tick(done, total)
            writer.describe(
                name=chosen.target.name,
                set=chosen.part,
                **facts,
                **chosen.fold,
                class_counts={name: positives},
                pictures=len(chosen.files),
                area_share=round(area / BILLION / max(1, positives), 6),
                groups={file: labels.groups[file] for file in chosen.files},
                splits=chosen.splits,
            )
    return sets


def _draw(
    source: Path,
    defect_class: str | None,
    groups: list[Group],
    ratios: SplitRatios,
    seed: int,
    folds: int,
    suffixes: Mapping[str, str],
) -> list[DrawnSet]:
    """Return the three sets, then the two sets of each fold."""
    draw = Draw(seed, defect_class)
    parts = draw.sets(groups, ratios)
    splits = {part: _files(chosen) for part, chosen in parts.items()}

    def target(suffix: str) -> Path:
        return source.with_name(derived_name(source.name, defect_class, suffix))

    sets = [DrawnSet(target(suffix), part, splits, {}) for part, suffix in suffixes.items()]
    if not folds:
        return sets
    rest = [*parts["train"], *parts["validation"]]
    if (having := sum(bool(group.area) for group in rest)) < folds:
        raise BadInput(
            f"{source}: {having} groups with {defect_class or 'the defect'} are left beside the test set, too few for"
            f" {folds} folds; ask for fewer or draw more"
        )
    held = [_files(fold) for fold in draw.folds(rest, folds)]
    everything = set(_files(rest))
    for number, (validation, endings) in enumerate(zip(held, fold_suffixes(folds), strict=True), 1):
        fold_splits = {
            "train": sorted(everything - set(validation)),
            "validation": validation,
            "test": splits["test"],
        }
        facts = {"fold": number, "folds": folds}
        sets += [DrawnSet(target(suffix), part, fold_splits, facts) for part, suffix in endings.items()]
    return sets


def _files(groups: Iterable[Group]) -> list[str]:
    return sorted(file for group in groups for file in group.files)


def _is_there(chosen: DrawnSet, labels: HandLabels) -> bool:
    """Tell whether the set exists, drawn as now from the labels as they are now."""
    if not chosen.target.exists():
        return False
    described = read_description(chosen.target)
    if described.get("splits") != chosen.splits or described.get("labels_sha256") != labels.labels_digest:
        raise BadInput(
            f"{chosen.target}: exists, and is not what this split would write; --force replaces it,"
            " in a run of split replace=true"
        )
    return True


@dataclass(slots=True)
class _Masks:
    """Draws each mask once: the folds hold the same pictures again and again.

    Attributes:
        drawn: by file name, where the mask lies and its defect pixels per billion.
    """

    labels: HandLabels
    wanted: dict[str, list[Region]]
    drawn: dict[str, tuple[Path, int]]

    def add(self, writer: DatasetWriter, name: str) -> int:
        """Add one picture with its mask to a set and return its defect pixels per billion."""
        image = self.labels.images[name]
        if name in self.drawn:
            mask_file, share = self.drawn[name]
            writer.add(image, mask_file)
            return share
        # the whole file: a truncated one has a fine header
        check_picture(image)
        mask = rasterise(self.wanted[name], *picture_size(image))
        share = int(np.count_nonzero(mask)) * BILLION // mask.size
        self.drawn[name] = writer.add(image, mask), share
        return share
