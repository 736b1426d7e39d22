"""Which runs teach: by name, the latest of a seed, or the newest of every seed that was trained alike."""

import pytest
from ruamel.yaml import YAML

from experiments.teacher import find_teachers
from pipeseg.config import check_config
from pipeseg.errors import BadInput

TRAINED = {
    "stage": "baseline",
    "defect_class": "deposition",
    "train_dataset": "s_deposition_BASELINE",
    "learning_rate": 0.1,
    "device": "cpu",
}
REFINE = {
    "stage": "refine",
    "seed": 1,
    "defect_class": "deposition",
    "baseline_dataset": "s_deposition_BASELINE",
    "validation_dataset": "v",
    "evaluation_dataset": "e",
    "hybrid_dataset": "h",
}


@pytest.fixture
def add(workshop):
    days = iter(range(1, 30))

    def add(seed: int, *, code: int = 0, best: bool = True, **changes) -> str:
        values = {**TRAINED, "seed": seed, **changes}
        run_id = f"202601{next(days):02}-000000-{values['stage']}-{seed:04}"
        info = {key: values[key] for key in ("stage", "defect_class")}
        directory = workshop.write_run(run_id, exit_code=code, **info)
        YAML().dump(values, directory.config_file)
        directory.checkpoints.mkdir()
        if best:
            directory.best_checkpoint.write_text("weights")
        return run_id

    return add


def teachers(workshop, **changes) -> list[str]:
    config, _ = check_config({**REFINE, **changes})
    return [path.parents[1].name for path in find_teachers(workshop.settings, config)]


def test_latest_is_of_this_seed_and_all_of_every_seed(workshop, add):
    add(0), add(2, learning_rate=0.5), add(3, code=1), add(4, defect_class="obstacle"), add(5, train_dataset="other")
    old, first, second, elsewhere = add(1), add(0), add(1), add(7, device="cuda")
    assert teachers(workshop) == [second] != [old]
    # of one recipe: the machine is none of it, the learning rate is; own seed first
    assert teachers(workshop, baseline_run="all") == [second, first, elsewhere]
    assert teachers(workshop, baseline_run="all", seed=9) == [first, second, elsewhere]


def test_runs_can_be_named(workshop, add):
    one, two = add(3), add(4)
    assert teachers(workshop, baseline_run=one) == [one]
    assert teachers(workshop, baseline_run=[two, one, two[:12]]) == [two, one]


def test_in_a_second_round_the_finals_teach(workshop, add):
    add(1)
    finals = [add(seed, stage="final", train_dataset="s_deposition_H1") for seed in (0, 1)]
    assert teachers(workshop, baseline_run="all", teacher_dataset="s_deposition_H1") == finals[::-1]
    with pytest.raises(BadInput, match="no finished final of deposition on s_deposition_H2; run it first"):
        teachers(workshop, baseline_run="all", teacher_dataset="s_deposition_H2")


def test_what_cannot_teach(workshop, add):
    broken = add(1, best=False)
    with pytest.raises(BadInput, match=rf"{broken} has no checkpoints/best\.safetensors"):
        teachers(workshop)
    with pytest.raises(BadInput, match="no finished baseline of deposition on s_deposition_BASELINE with seed 9"):
        teachers(workshop, seed=9)
    with pytest.raises(BadInput, match="no run 'nobody'"):
        teachers(workshop, baseline_run=["nobody"])
