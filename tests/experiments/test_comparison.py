"""Which runs are compared, and what is said about them; pure, no store."""

import math
from dataclasses import replace

import pytest

from experiments import tables as written
from experiments.comparing import compare
from experiments.comparison import Verdict
from experiments.mlflow_store import StoreUnreachable
from experiments.pairing import find, pair_runs
from experiments.tracking import ImageScore, TrackedRun
from pipeseg.errors import BadInput


def run(name: str, **changes: object) -> TrackedRun:
    """A run named like `crack-final-0-late`: class, stage, seed; runs of later names ended later."""
    defect_class, stage, seed, *_ = name.split("-")
    made = TrackedRun(
        mlflow_run_id=f"m{name}",
        run_id=name,
        stage=stage,
        defect_class=defect_class,
        dataset="EVAL",
        seed=int(seed),
        test_fingerprint="f1",
        total_steps=100,
        ended=float(len(name)),
        test={"iou": 0.5},
    )
    return replace(made, **changes)


def scores(**values: list[float] | None):
    """Per-image scores by run id with `_` for `-`; each picture is its own group."""

    def of(found: TrackedRun) -> list[ImageScore] | None:
        column = values[found.run_id.replace("-", "_")]
        return None if column is None else [ImageScore(f"{i}.png", f"g{i}", value) for i, value in enumerate(column)]

    return of


def ids(pairing) -> tuple[list[str], list[str]]:
    return [found.run_id for found in pairing.baselines], [found.run_id for found in pairing.finals]


def test_does_not_mix_two_recipes_in_one_mean() -> None:
    runs = [
        run("crack-baseline-0", recipe="a"),
        run("crack-baseline-1", recipe="a"),
        run("crack-baseline-2-newer", recipe="b"),
        run("crack-final-0", recipe="c"),
        run("crack-final-1-newer", recipe="c"),
    ]
    [pairing], notes = pair_runs(runs)
    assert ids(pairing) == (["crack-baseline-2-newer"], ["crack-final-0", "crack-final-1-newer"])
    assert notes == []


def test_a_quick_trial_does_not_replace_a_pair_that_was_trained_alike() -> None:
    runs = [
        run("crack-baseline-0", recipe="long"),
        run("crack-baseline-1", recipe="long"),
        run("crack-final-0", recipe="long"),
        run("crack-final-1", recipe="long"),
        run("crack-final-0-trial", recipe="short"),
    ]
    [pairing], notes = pair_runs(runs)
    assert ids(pairing) == (["crack-baseline-0", "crack-baseline-1"], ["crack-final-0", "crack-final-1"])
    [note] = notes
    assert "crack-final-0-trial" in note and "--final" in note
    [chosen], _ = pair_runs(runs, final=["crack-final-0-trial"])
    assert chosen.finals[0].run_id == "crack-final-0-trial"


def test_takes_the_latest_run_of_each_seed_on_the_newest_test_set() -> None:
    runs = [
        run("crack-baseline-0"),
        run("crack-baseline-0-later"),
        run("crack-baseline-1"),
        run("crack-baseline-0-newest-of-all", test_fingerprint="f0"),
        run("crack-final-0"),
        run("crack-final-0-new"),
        run("crack-final-1", test_fingerprint="f0"),
    ]
    [pairing], notes = pair_runs(runs)
    assert ids(pairing) == (["crack-baseline-0-later", "crack-baseline-1"], ["crack-final-0-new"])
    assert notes == []


def test_one_side_is_a_note_with_the_next_command() -> None:
    pairings, notes = pair_runs([run("crack-baseline-0"), run("rust-final-0")])
    assert pairings == []
    assert (
        notes[0].startswith("crack: no finished final run yet") and "launch final --set defect_class=crack" in notes[0]
    )
    assert notes[1].startswith("rust: no finished baseline run yet")


def test_other_test_images_do_not_compare() -> None:
    runs = [run("crack-baseline-0", test_fingerprint="old"), run("crack-final-0")]
    pairings, [note] = pair_runs(runs)
    assert pairings == [] and "different images" in note
    with pytest.raises(BadInput, match="different images"):
        pair_runs(runs, baseline=["crack-baseline-0"], final=["crack-final-0"])


def test_chosen_runs_are_taken_and_only_their_class() -> None:
    runs = [run("crack-baseline-0"), run("crack-baseline-0-new"), run("crack-final-0"), run("rust-final-0")]
    [pairing], notes = pair_runs(runs, baseline=["crack-baseline-0"])
    assert ids(pairing) == (["crack-baseline-0"], ["crack-final-0"]) and notes == []


def test_dataset_and_class_narrow_the_choice() -> None:
    runs = [run(f"{name}-{stage}-0") for name in ("crack", "rust") for stage in ("baseline", "final")]
    runs += [replace(found, run_id=f"{found.run_id}-B", dataset="B") for found in runs[:2]]
    [pairing], notes = pair_runs(runs, defect_class="crack", dataset="B")
    assert ids(pairing) == (["crack-baseline-0-B"], ["crack-final-0-B"]) and notes == []
    with pytest.raises(BadInput, match="did you mean 'crack'"):
        pair_runs(runs, defect_class="crak")


def test_find_by_beginning() -> None:
    runs = [run("crack-final-0"), run("crack-final-01")]
    assert find(runs, "crack-final-0") is runs[0], "a whole id wins over a beginning"
    assert find(runs, "mcrack-final-01") is runs[1]
    with pytest.raises(BadInput, match="beginning of 2 runs"):
        find(runs, "crack")
    with pytest.raises(BadInput, match="no finished run 'x'"):
        find(runs, "x")


def test_a_row_is_paired_over_shared_images_and_seeds_are_averaged_first() -> None:
    nan = math.nan
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-baseline-1"), run("crack-final-0")])
    [row], notes = compare(
        pairings,
        scores(
            crack_baseline_0=[0.2, 0.4, nan, 0.5, 0.1],
            crack_baseline_1=[0.4, 0.6, 0.9, 0.5, 0.1],
            crack_final_0=[0.5, 0.7, 0.9, nan, 0.3],
        ),
    )
    assert (row.n_images, row.seeds) == (3, (0, 1))
    assert row.baseline == pytest.approx((0.3 + 0.5 + 0.1) / 3) and row.final == pytest.approx(0.5)
    assert row.increase_pp == pytest.approx(100 * (row.final - row.baseline))
    assert row.p_value == pytest.approx(0.25), "three groups, all up: 2 of 8 sign patterns"
    assert row.verdict == Verdict.NO_EVIDENCE
    assert "crack: not every side has the same seeds (baseline 0 1, final 0)" in notes


def test_verdicts() -> None:
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0")])
    low, high = [0.3 + 0.01 * i for i in range(30)], [0.4 + 0.011 * i for i in range(30)]
    [row], notes = compare(pairings, scores(crack_baseline_0=low, crack_final_0=high))
    assert row.verdict == Verdict.BETTER and row.ci_low > 0 and notes[0].startswith("one seed only (crack)")
    [row], _ = compare(pairings, scores(crack_baseline_0=high, crack_final_0=low))
    assert row.verdict == Verdict.WORSE
    [row], _ = compare(pairings, scores(crack_baseline_0=high, crack_final_0=high))
    assert (row.increase, row.p_value, row.verdict) == (0, 1, Verdict.NO_EVIDENCE)


def arms(**changes: object) -> list[TrackedRun]:
    stages = ("baseline", "final", "equal_budget", "full_masks")
    made = [run(f"crack-{stage}-{seed}", recipe_any_steps="plain") for stage in stages for seed in (0, 1)]
    return [replace(each, **changes) if each.stage == "equal_budget" else each for each in made]


def test_the_other_arms_are_of_the_same_recipe_but_for_the_steps() -> None:
    [pairing], notes = pair_runs(arms(recipe="longer", total_steps=250))
    assert {stage: len(runs) for stage, runs in pairing.arms.items()} == dict.fromkeys(pairing.arms, 2)
    assert list(pairing.arms) == ["baseline", "final", "equal_budget", "full_masks"] and notes == []
    [pairing], [note] = pair_runs(arms(recipe_any_steps="another loss"))
    assert pairing.equal_budget == () and "crack-equal_budget-0 (equal_budget) was trained with other settings" in note
    [pairing], notes = pair_runs(arms(recipe_any_steps="another loss", ended=0.0))
    assert pairing.equal_budget == () and notes == [], "one from before belongs to others"
    [pairing], _ = pair_runs(arms(test_fingerprint="other images"))
    assert pairing.equal_budget == () and len(pairing.full_masks) == 2
    assert pair_runs(arms()[4:]) == ([], []), "nothing to hold them against"


def test_shares_of_the_full_masks_and_where_there_is_no_gap() -> None:
    [pairing], _ = pair_runs(arms(total_steps=300))
    low = [0.3 + 0.005 * i for i in range(30)]
    tables = {
        "baseline": low,
        "final": [v + 0.06 for v in low],
        "equal_budget": low,
        "full_masks": [v + 0.08 for v in low],
    }

    def of(found: TrackedRun) -> list[ImageScore]:
        wobble = 0.01 * found.seed
        return [ImageScore(f"{i}.png", f"g{i}", v + wobble * (i % 3)) for i, v in enumerate(tables[found.stage])]

    [row], notes = compare([pairing], of)
    assert row.equal_budget.difference == pytest.approx(0.06) and row.equal_budget.verdict == Verdict.BETTER
    assert row.full_masks.closed.value == pytest.approx(0.75) and row.full_masks.closed.low == pytest.approx(0.75)
    assert row.full_masks.closed_at_equal_budget == row.full_masks.closed, "longer training gained nothing"
    assert row.full_masks.reached.value == pytest.approx(row.final / row.full_masks.value)
    assert row.seed_sd_difference == pytest.approx(0, abs=1e-9) and row.seed_sd_final == pytest.approx(0.01 / 2**0.5)
    assert not any("steps" in note for note in notes), "the equal budget was the larger one"
    tables["equal_budget"] = [v + 0.07 for v in low]
    [row], _ = compare([pairing], of)
    assert row.full_masks.closed.value == pytest.approx(0.75)
    assert row.full_masks.closed_at_equal_budget.value == pytest.approx(-1), "boxes brought less than longer training"
    tables["full_masks"] = low
    [row], _ = compare([pairing], of)
    assert (row.full_masks.closed, row.full_masks.closed_at_equal_budget) == (None, None)
    assert row.full_masks.reached.value > 1


def test_an_arm_without_scores_is_left_out_and_told() -> None:
    [pairing], _ = pair_runs(arms())
    table = [ImageScore(f"{i}.png", f"g{i}", i / 40) for i in range(30)]
    parts = {"equal_budget": None, "full_masks": table[:20]}
    [row], notes = compare([pairing], lambda found: parts.get(found.stage, table))
    assert row.equal_budget is None and row.full_masks is None
    assert any("equal_budget is left out: no per-image iou of crack-equal_budget-0" in note for note in notes)
    assert "crack: the full_masks runs lack scores of some test files; they are left out" in notes


def test_a_gain_that_depends_on_the_seed_is_told() -> None:
    [pairing], _ = pair_runs([each for each in arms() if each.stage in ("baseline", "final")])
    gains = {("final", 0): 0.06, ("final", 1): 0.0}

    def of(found: TrackedRun) -> list[ImageScore]:
        gain = gains.get((found.stage, found.seed), 0.0)
        return [ImageScore(f"{i}.png", f"g{i}", 0.4 + gain + 0.001 * (i % 5) * found.seed) for i in range(30)]

    [row], notes = compare([pairing], of)
    assert row.verdict == Verdict.BETTER and row.seed_sd_difference == pytest.approx(0.06 / 2**0.5)
    assert any("moves by 4.2 pp (sd) from seed to seed; train more seeds" in note for note in notes)


def test_what_val_chose_and_what_the_last_checkpoint_scores() -> None:
    known = {"last": {"iou": 0.45}, "test_last": {"iou": 0.52}}
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0", **known)])
    best = {"best": {"epoch": 12, "score": 0.5, "metric": "val/iou"}}
    table = [ImageScore(f"{i}.png", f"g{i}", i / 40) for i in range(30)]
    [row], _ = compare(pairings, lambda _: table, summaries=lambda found: best if found.stage == "final" else {})
    assert row.chosen_baseline is None
    chosen = row.chosen_final
    assert (chosen.metric, chosen.epochs, chosen.best, chosen.last, chosen.test_last) == (
        "val/iou",
        (12,),
        0.5,
        0.45,
        0.52,
    )
    assert "0.5200" in written.render([row], "markdown") and row.row()["final_test_last"] == 0.52


def test_budgets_that_differ_are_told() -> None:
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0", total_steps=1000)])
    _, notes = compare(pairings, scores(crack_baseline_0=[0.1, 0.2], crack_final_0=[0.3, 0.4]))
    assert any("final had 10.0x the optimizer steps of the baseline; a run of stage equal" in note for note in notes)
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0", total_steps=None)])
    compare(pairings, scores(crack_baseline_0=[0.1, 0.2], crack_final_0=[0.3, 0.4]))


def test_without_per_image_results_the_means_stay() -> None:
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0", test={"iou": 0.75})])
    [row], notes = compare(pairings, scores(crack_baseline_0=[0.1, 0.2], crack_final_0=None))
    assert (row.baseline, row.final, row.ci_low, row.n_images) == (0.5, 0.75, None, None)
    assert row.verdict == Verdict.NO_EVIDENCE
    assert "crack: no interval: no per-image iou of crack-final-0 in MLflow" in notes

    def away(_: TrackedRun) -> None:
        raise StoreUnreachable("the artifact store sleeps")

    [row], notes = compare(pairings, away)
    assert row.final == 0.75 and "crack: the artifact store sleeps" in notes
    rows, notes = compare(pairings, scores(crack_baseline_0=None, crack_final_0=None), "dice")
    assert rows == [] and any("no test/dice" in note for note in notes)


def test_empty_everywhere_and_one_group() -> None:
    pairings, _ = pair_runs([run("crack-baseline-0"), run("crack-final-0")])
    rows, notes = compare(pairings, scores(crack_baseline_0=[math.nan], crack_final_0=[0.5]))
    assert rows == [] and "empty for every test image" in notes[0]
    [row], notes = compare(pairings, scores(crack_baseline_0=[0.2], crack_final_0=[0.9]))
    assert row.verdict == Verdict.NO_EVIDENCE and "one group" in notes[0]


def test_nothing_at_all() -> None:
    assert pair_runs([]) == ([], [])
    assert compare([], scores()) == ([], [])
