"""Hand-labelled pictures into train, val and test sets of one class, by duplicate group."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.build import building
from pipeseg.data.folder import list_images
from pipeseg.data.pictures import read_image
from pipeseg.data.via import Region, rasterise, read_via
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.run_directory import read_json

# the original's names: EVAL is our test set
SUFFIXES = {"train": "_BASELINE", "validation": "_BASELINE_VAL", "test": "_EVAL"}


@dataclass(frozen=True, slots=True)
class SplitRatios:
    """Shares of the hand-labelled groups; what is left of test and validation is train.

    Attributes:
        test: of all groups.
        validation: of the groups that are not test.
        clean: pictures without the defect kept per picture with it.
    """

    test: float = 0.5
    validation: float = 0.15
    clean: float = 0.25


def derived_name(source: str, defect_class: str | None, suffix: str) -> str:
    """Return e.g. `sample_deposition_BASELINE`, or `Deposition_BASELINE` for a source of a single class."""
    return f"{source}_{defect_class}{suffix}" if defect_class else f"{source}{suffix}"


def classes_of(regions: dict[str, list[Region]]) -> list[str | None]:
    """Return the classes that the hand labels name, sorted; [None] when they name none."""
    named = {region.defect_class for found in regions.values() for region in found}
    return sorted(name for name in named if name) or [None]


def split_dataset(
    source: Path,
    defect_class: str | None,
    *,
    ratios: SplitRatios,
    seed: int,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[str]]:
    """Write the three sets of one class beside `source` and return `{set: file names}`.

    A group (copies of one picture, from the source's dataset.json) goes to one set as a whole. The draw depends on
    names and seed only, not on the machine or the order of a hash table.

    Raises:
        BadInput: no labels, a class that they do not name, a labelled picture that is missing, or too few groups.
    """
    regions = read_via(source / "labels.csv")
    known = classes_of(regions)
    if defect_class not in known:
        names = [name for name in known if name]
        hint = did_you_mean(defect_class or "", names)
        raise BadInput(
            f"{source / 'labels.csv'}: holds no class {defect_class!r}{hint} (known: {', '.join(names) or 'none'})"
        )
    images = {image.name: image for image in list_images(source)}
    if missing := sorted(regions.keys() - images.keys()):
        raise BadInput(
            f"{source / 'labels.csv'}: names {missing[0]}, which is not in images/; add it or remove its rows"
        )
    described = read_json(source / "dataset.json")
    groups = described.get("groups", {})
    group_of = {name: str(groups.get(name, name)) for name in regions}
    wanted = {name: [r for r in found if r.defect_class == defect_class] for name, found in regions.items()}
    sets = _draw(wanted, group_of, ratios, np.random.default_rng([seed, *(defect_class or "").encode()]), source)
    done, total = 0, sum(map(len, sets.values()))
    # all or none: sets of two different draws may share pictures
    with ExitStack() as stack:
        for part, names in sets.items():
            target = source.with_name(derived_name(source.name, defect_class, SUFFIXES[part]))
            writer = stack.enter_context(building(target))
            for name in names:
                height, width = read_image(images[name]).shape[:2]
                writer.add(images[name], rasterise(wanted[name], height, width))
                done += 1
                tick(done, total)
            writer.describe(
                name=target.name,
                source=source.name,
                defect_class=defect_class,
                class_label=described.get("classes", {}).get(defect_class),
                set=part,
                seed=seed,
                parameters={"test": ratios.test, "validation": ratios.validation, "clean": ratios.clean},
                class_counts={defect_class or source.name: sum(bool(wanted[name]) for name in names)},
                groups={name: group_of[name] for name in names},
                splits=sets,
            )
    return sets


def _draw(
    wanted: dict[str, list[Region]],
    group_of: dict[str, str],
    ratios: SplitRatios,
    random: np.random.Generator,
    source: Path,
) -> dict[str, list[str]]:
    """Deal whole groups to the sets, with the defect and without it apart: each set gets its share of both."""
    members: dict[str, list[str]] = {}
    for name in sorted(wanted):
        members.setdefault(group_of[name], []).append(name)
    with_defect = [group for group, names in members.items() if any(wanted[name] for name in names)]
    without = [group for group in members if group not in set(with_defect)]
    if len(with_defect) < 3:
        raise BadInput(f"{source}: {len(with_defect)} hand-labelled groups hold the defect; a split needs at least 3")
    without = [without[i] for i in random.permutation(len(without))][: round(ratios.clean * len(with_defect))]
    sets: dict[str, list[str]] = {part: [] for part in SUFFIXES}
    for groups in (with_defect, without):
        order = [groups[i] for i in random.permutation(len(groups))]
        # each set gets a group where there are three
        test = max(1, min(round(ratios.test * len(order)), len(order) - 2))
        validation = max(1, min(round(ratios.validation * (len(order) - test)), len(order) - test - 1))
        cuts = {
            "test": order[:test],
            "validation": order[test : test + validation],
            "train": order[test + validation :],
        }
        for part, chosen in cuts.items():
            sets[part] += [name for group in chosen for name in members[group]]
    return {part: sorted(names) for part, names in sets.items()}
