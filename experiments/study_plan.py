"""The graph of a study: which runs there will be, what each needs, and what its config says. Pure, no files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeseg.data.names import BOX_SUFFIXES, SUFFIXES
from pipeseg.schema import StudyConfig

TRAININGS = ("baseline", "final", "equal_budget", "full_masks")
# they write into the source's folder or look at all of it: one at a time
OF_DATA = ("clean", "split")
ALL_CLASSES = "all classes"
# the end of every study that has finals; the study does it itself
COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class Node:
    """One run of the study.

    Attributes:
        name: what people read, e.g. `baseline deposition seed 0`; unique.
        experiment: folder whose script does it; `stage` is what the run is in the study.
        values: dotted key -> value, over the experiment's config.
        needs: names of the nodes that must have finished before.
        teachers: names of the trainings whose weights it uses (`baseline_run`), a part of `needs`.
        start: name of the training whose weights it starts from (`start_from`), or "".
        budget: names of the runs whose optimizer steps, added up, it takes itself, a part of `needs`.
    """

    name: str
    experiment: str
    stage: str
    values: Mapping[str, Any] = field(repr=False)
    needs: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    start: str = ""
    budget: tuple[str, ...] = ()

    def overrides(self, more: Mapping[str, Any] | None = None) -> list[str]:
        """Return `key=value` texts for `launch`; `more` wins. JSON is YAML: every value arrives as it was."""
        return [f"{key}={json.dumps(value)}" for key, value in {**self.values, **(more or {})}.items()]


def plan(config: StudyConfig) -> list[Node]:
    """Return the runs of a study in the order in which they are started, needs before what needs them."""
    return list(_Plan(config).nodes())


class _Plan:
    def __init__(self, config: StudyConfig):
        self.config = config
        self.source = config.source_dataset
        if config.clean is not None:
            self.source = config.clean.get("cleaned_dataset") or f"{self.source}_CLEAN"
        self.suffixes = BOX_SUFFIXES if (config.split or {}).get("labels") == "boxes" else SUFFIXES
        # one network for all classes, or one for each
        self.groups: list[tuple[str, ...]] = (
            [tuple(config.classes)] if config.multilabel else [(name,) for name in config.classes]
        )

    def nodes(self) -> Iterable[Node]:
        yield from self._data()
        if self.config.teachers == "all":
            for group in self.groups:
                yield from (self._baseline(group, seed) for seed in self.config.seeds)
                if self.config.refine is not None:
                    yield from (self._refine(name, group, None) for name in group)
                    yield from (node for seed in self.config.seeds for node in self._end(group, seed))
            return
        for seed in self.config.seeds:
            for group in self.groups:
                yield self._baseline(group, seed)
                if self.config.refine is not None:
                    yield from (self._refine(name, group, seed) for name in group)
                    yield from self._end(group, seed)

    def _data(self) -> Iterable[Node]:
        config = self.config
        if config.clean is not None:
            values = {"source_dataset": config.source_dataset, "cleaned_dataset": self.source}
            yield Node("clean", "clean", "clean", {**values, **config.clean})
        if config.split is not None:
            for name in config.classes:
                values = {"source_dataset": self.source, "defect_class": name}
                needs = ("clean",) if config.clean is not None else ()
                yield Node(f"split {name}", "split", "split", {**values, **config.split}, needs)

    def _baseline(self, group: tuple[str, ...], seed: int) -> Node:
        sets = self._sets(group, self._pattern(group) + self.suffixes["train"])
        needs = tuple(f"split {name}" for name in group) if self.config.split is not None else self._cleaned
        values = {**self._training(group, seed), **sets, **self.config.baseline}
        return Node(_name("baseline", group, seed), "baseline", "baseline", values, needs)

    def _refine(self, defect_class: str, group: tuple[str, ...], seed: int | None) -> Node:
        """Refine the pictures of one class; without a seed, the baselines of all seeds teach."""
        prefix, config = f"{self.source}_{defect_class}", self.config
        teachers = tuple(_name("baseline", group, one) for one in ([seed] if seed is not None else config.seeds))
        values = {
            "defect_class": defect_class,
            "seed": config.seeds[0] if seed is None else seed,
            **self._recording(),
            "source_dataset": self.source,
            "baseline_dataset": prefix + SUFFIXES["train"],
            "validation_dataset": prefix + SUFFIXES["validation"],
            "evaluation_dataset": prefix + SUFFIXES["test"],
            "hybrid_dataset": self._hybrid(prefix, seed),
            **(config.refine or {}),
        }
        return Node(_name("refine", (defect_class,), seed), "refine", "refine", values, teachers, teachers)

    def _end(self, group: tuple[str, ...], seed: int) -> Iterable[Node]:
        """Plan the final of a seed, and what it is held against."""
        config, pattern = self.config, self._pattern(group)
        teaching = None if config.teachers == "all" else seed
        refined = tuple(_name("refine", (name,), teaching) for name in group)
        final = _name("final", group, seed)
        hybrid = self._hybrid(pattern, teaching)
        sets = {**self._sets(group, hybrid), "validation_dataset": f"{hybrid}_VAL"}
        values = {**self._training(group, seed), **sets, **config.final}
        baseline = _name("baseline", group, seed)
        starts = values.get("start_from") == "baseline"
        needs = (*refined, baseline) if starts else refined
        yield Node(final, "final", "final", values, needs, start=baseline if starts else "")

        taught = [_name("baseline", group, one) for one in ([seed] if teaching is not None else config.seeds)]
        # refining takes optimizer steps as well, where the teachers learn about boxes first
        budget = (*taught, *refined, final)
        train = {
            "equal_budget": pattern + SUFFIXES["train"],
            "full_masks": _fill(config.full_dataset or "", group),
        }
        for arm in config.arms:
            # the baseline's recipe on other data, or for longer; early_stop would take steps away
            values = {**self._training(group, seed), **self._sets(group, train[arm]), **config.baseline}
            yield Node(_name(arm, group, seed), "baseline", arm, {**values, "stage": arm, "early_stop": None}, budget,
                       budget=budget)  # fmt: skip

    @property
    def _cleaned(self) -> tuple[str, ...]:
        return ("clean",) if self.config.clean is not None else ()

    def _recording(self) -> dict[str, Any]:
        return {"experiment_name": self.config.experiment_name, "track_experiment": self.config.track_experiment}

    def _training(self, group: tuple[str, ...], seed: int) -> dict[str, Any]:
        named = {"defect_class": group[0]}
        if self.config.multilabel:
            named = {"defect_class": None, "defect_classes": list(group)}
        return {**named, "seed": seed, **self._recording()}

    def _pattern(self, group: tuple[str, ...]) -> str:
        return _fill(f"{self.source}_{{defect_class}}", group)

    def _sets(self, group: tuple[str, ...], train: str) -> dict[str, Any]:
        pattern = self._pattern(group)
        return {
            "train_dataset": train,
            "validation_dataset": pattern + self.suffixes["validation"],
            "evaluation_dataset": pattern + self.suffixes["test"],
        }

    def _hybrid(self, prefix: str, seed: int | None) -> str:
        # each seed has its own teacher, hence its own hybrid dataset
        return f"{prefix}_H1" if seed is None or len(self.config.seeds) == 1 else f"{prefix}_S{seed}_H1"


def _fill(pattern: str, group: tuple[str, ...]) -> str:
    """Put the class into a name; one network for several keeps the pattern."""
    return pattern.replace("{defect_class}", group[0]) if len(group) == 1 else pattern


def _name(stage: str, group: tuple[str, ...], seed: int | None) -> str:
    classes = group[0] if len(group) == 1 else ALL_CLASSES
    return f"{stage} {classes}" if seed is None else f"{stage} {classes} seed {seed}"


def spread_steps(total: int, epochs: int) -> dict[str, int]:
    """Return `epochs` and `steps_per_epoch` whose product is `total`, with about as many epochs as asked.

    Where no number of epochs near to it divides the total, a few steps more are taken, never fewer.
    """
    near = sorted(range(max(1, epochs // 2), epochs * 2 + 1), key=lambda count: abs(count - epochs))
    chosen = next((count for count in near if total % count == 0), epochs)
    return {"epochs": chosen, "steps_per_epoch": -(-total // chosen)}
