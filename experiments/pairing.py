"""Which runs are compared: per class one test set, one recipe, one run a seed on either side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.tracking import TrackedRun
from pipeseg.errors import BadInput, did_you_mean


@dataclass(frozen=True, slots=True)
class Pairing:
    """The runs of one class that are compared: one a seed on either side, all on the same test set."""

    defect_class: str
    baselines: tuple[TrackedRun, ...]
    finals: tuple[TrackedRun, ...]

    @property
    def runs(self) -> tuple[TrackedRun, ...]:
        return self.baselines + self.finals


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
    each seed counts.

    Args:
        runs: finished runs of stage baseline and final.
        baseline, final: run ids (or unique beginnings) to take instead; only their classes are compared then.
        dataset, defect_class: only this test set, only this class.

    Returns:
        The pairings by class name, and notes for the user about classes with only one side.

    Raises:
        BadInput: no such run or class, or the chosen runs were tested on different test sets.
    """
    runs = sorted(runs, key=lambda run: run.ended, reverse=True)
    chosen = {"baseline": [find(runs, text) for text in baseline], "final": [find(runs, text) for text in final]}
    named = [run for side in chosen.values() for run in side]
    classes = sorted({run.defect_class for run in named or runs})
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
        pairings.append(Pairing(name, sides["baseline"], sides["final"]))
    return pairings, notes


def find(runs: Sequence[TrackedRun], text: str) -> TrackedRun:
    """Return the run with this id, MLflow id or unique beginning of either."""
    exact = [run for run in runs if text in (run.run_id, run.mlflow_run_id)]
    found = exact or [run for run in runs if run.run_id.startswith(text) or run.mlflow_run_id.startswith(text)]
    if len(found) == 1 or exact:
        return found[0]
    if found:
        raise BadInput(f"{text!r} is the beginning of {len(found)} runs; write more of it")
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
