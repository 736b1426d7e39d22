"""Which runs are compared: per class one test set, one recipe, one run a seed on either side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from experiments.tracking import TrackedRun
from pipeseg.errors import BadInput, did_you_mean


@dataclass(frozen=True, slots=True)
class Pairing:
    """The runs of one class that are compared: one a seed and side, all on the same test set.

    Attributes:
        equal_budget, full_masks: what baseline and final are held against; empty where nobody trained them.
    """

    defect_class: str
    baselines: tuple[TrackedRun, ...]
    finals: tuple[TrackedRun, ...]
    equal_budget: tuple[TrackedRun, ...] = ()
    full_masks: tuple[TrackedRun, ...] = ()

    @property
    def runs(self) -> tuple[TrackedRun, ...]:
        return self.baselines + self.finals

    @property
    def arms(self) -> dict[str, tuple[TrackedRun, ...]]:
        """Return the runs of each stage that has some, baseline and final first."""
        extra = {"equal_budget": self.equal_budget, "full_masks": self.full_masks}
        return {"baseline": self.baselines, "final": self.finals, **{key: side for key, side in extra.items() if side}}


def pair_runs(
    runs: Iterable[TrackedRun],
    *,
    baseline: Sequence[str] = (),
    final: Sequence[str] = (),
    dataset: str | None = None,
    defect_class: str | None = None,
) -> tuple[list[Pairing], list[str]]:
    """Choose what is compared: per class the newest final's test set, and on it both sides of one recipe.

    The newest recipe (the config without stage, seed and training data) that both sides were trained by is taken: then
    the difference is the data's. Where no recipe has both sides, each side's newest is. Of a recipe the latest run of
    each seed counts. The runs that the two are held against are of the same recipe as either, but for the number of
    steps. An archived run is only taken where it is named.

    Args:
        runs: finished runs of every stage.
        baseline, final: run ids (or unique beginnings) to take instead; only their classes are compared then.
        dataset, defect_class: only this test set, only this class.

    Returns:
        The pairings by class name, and notes for the user about classes with only one side.

    Raises:
        BadInput: no such run or class, or the chosen runs were tested on different test sets.
    """
    runs = sorted(runs, key=lambda run: run.ended, reverse=True)
    chosen = {"baseline": _find_all(runs, baseline), "final": _find_all(runs, final)}
    named = [run for side in chosen.values() for run in side]
    runs = [run for run in runs if not run.archived or run in named]
    sides_only = [run for run in runs if run.stage in chosen]
    classes = sorted({run.defect_class for run in named or sides_only})
    if defect_class is not None:
        if runs and defect_class not in classes:
            hint = did_you_mean(defect_class, classes)
            raise BadInput(f"--class: no finished run of {defect_class!r}{hint} (there are: {', '.join(classes)})")
        classes = [name for name in classes if name == defect_class]
    pairings, notes = [], []
    for name in classes:
        sides = {}
        of_class = [run for run in runs if run.defect_class == name and dataset in (None, run.dataset)]
        picked = {stage: [run for run in side if run.defect_class == name] for stage, side in chosen.items()}
        reference = next(
            iter(picked["final"] or picked["baseline"] or [run for run in of_class if run.stage == "final"]), None
        )
        candidates = {
            stage: side or [run for run in of_class if run.stage == stage and reference and same_test(run, reference)]
            for stage, side in picked.items()
        }
        recipe = _shared_recipe(**candidates)
        for stage, side in candidates.items():
            sides[stage] = tuple(_one_a_seed(picked[stage] or _of_recipe(side, recipe)))
        if not (sides["baseline"] and sides["final"]):
            notes.append(_one_side(name, [run.stage for run in of_class], reference))
            continue
        odd = [run for side in sides.values() for run in side if reference and not same_test(run, reference)]
        if odd:
            raise BadInput(f"{odd[0].run_id} and {reference.run_id} were tested on different images")
        newest = candidates["final"][0]
        if newest.recipe not in {run.recipe for run in sides["final"]}:
            notes.append(
                f"{name}: the newest final ({newest.run_id}) has no baseline of the same settings; to see it, add"
                f" --final {newest.run_id}"
            )
        arms: dict[str, tuple[TrackedRun, ...]] = {}
        notes += [f"{name}: {remark}" for remark in _other_stages(sides)]
        compared = {run.stage for side in sides.values() for run in side}
        # what is compared already is not held against itself as well
        for stage in sorted({"equal_budget", "full_masks"} - compared):
            arms[stage], remark = _held_against(stage, of_class, sides["baseline"] + sides["final"])
            notes += [f"{name}: {remark}"] if remark else []
        pairings.append(Pairing(name, sides["baseline"], sides["final"], **arms))
    return pairings, notes


def _other_stages(sides: Mapping[str, Sequence[TrackedRun]]) -> Iterator[str]:
    """Tell which side holds runs of another stage than it is named after: somebody chose them."""
    for side, runs in sides.items():
        if other := sorted({run.stage for run in runs} - {side}):
            yield f"the {side} side holds runs of stage {', '.join(other)}"


def _held_against(
    stage: str, runs: Sequence[TrackedRun], compared: Sequence[TrackedRun]
) -> tuple[tuple[TrackedRun, ...], str | None]:
    """Return the latest run of each seed of one of the other stages, and a remark where none fits but there are some.

    Args:
        runs: of the class, newest first.
        compared: the baselines and finals.
    """
    known = {run.recipe_any_steps for run in compared}
    same = [run for run in runs if run.stage == stage and same_test(run, compared[0])]
    fitting = [run for run in same if run.recipe_any_steps in known]
    if same and not fitting:
        # one from before these were trained belongs to others
        if same[0].ended < min(run.ended for run in compared):
            return (), None
        return (), f"{same[0].run_id} ({stage}) was trained with other settings than baseline and final; left out"
    # its length may differ a little from seed to seed: the steps of the others are added up
    return tuple(_one_a_seed(run for run in fitting if run.recipe_any_steps == fitting[0].recipe_any_steps)), None


def _find_all(runs: Sequence[TrackedRun], texts: Iterable[str]) -> list[TrackedRun]:
    """Return the runs that `texts` name; one that learned several classes once for each."""
    ids = [find(runs, text).mlflow_run_id for text in texts]
    return [run for wanted in ids for run in runs if run.mlflow_run_id == wanted]


def find(runs: Sequence[TrackedRun], text: str) -> TrackedRun:
    """Return the run with this id, MLflow id or unique beginning of either."""
    exact = [run for run in runs if text in (run.run_id, run.mlflow_run_id)]
    found = exact or [run for run in runs if run.run_id.startswith(text) or run.mlflow_run_id.startswith(text)]
    count = len({run.mlflow_run_id for run in found})
    if count == 1 or exact:
        return found[0]
    if found:
        raise BadInput(f"{text!r} is the beginning of {count} runs; write more of it")
    hint = did_you_mean(text, [run.run_id for run in runs])
    raise BadInput(f"no finished run {text!r} in MLflow{hint}; `python -m experiments runs` lists all")


def same_test(one: TrackedRun, other: TrackedRun) -> bool:
    return (one.test_fingerprint, one.dataset) == (other.test_fingerprint, other.dataset)


def _shared_recipe(baseline: Sequence[TrackedRun], final: Sequence[TrackedRun]) -> str | None:
    """Return the recipe of the newest final that a baseline shares; None where there is none."""
    known = {run.recipe for run in baseline} - {None}
    return next((run.recipe for run in final if run.recipe in known), None)


def _of_recipe(runs: Sequence[TrackedRun], recipe: str | None) -> list[TrackedRun]:
    """Keep the runs of `recipe`, or those of the newest run's where no recipe is shared."""
    wanted = recipe or (runs[0].recipe if runs else None)
    return [run for run in runs if run.recipe == wanted]


def _one_a_seed(runs: Iterable[TrackedRun]) -> list[TrackedRun]:
    """Keep the latest run of each seed, seeds ascending; `runs` come newest first."""
    latest: dict[int, TrackedRun] = {}
    for run in runs:
        latest.setdefault(run.seed, run)
    return [latest[seed] for seed in sorted(latest)]


def _one_side(name: str, stages: list[str], reference: TrackedRun | None) -> str:
    if "final" not in stages or "baseline" not in stages:
        missing = "baseline" if "baseline" not in stages else "final"
        if not stages:
            return f"{name}: no finished run on this test set"
        command = f"python -m experiments launch {missing} --set defect_class={name}"
        return f"{name}: no finished {missing} run yet; start one with `{command}`"
    where = f" ({reference.dataset})" if reference else ""
    return f"{name}: baseline and newest final were tested on different images; train both for one test set{where}"
