"""The graph of a study: what there is to do, what needs what, and what each step's config says."""

import pytest

from experiments.study import check_configs
from experiments.study_plan import plan, spread_steps
from experiments.study_runner import seconds_left
from pipeseg.config import ConfigError, check_config, load_config, parse_override
from pipeseg.settings import ROOT, Settings

STUDY = {"stage": "study", "source_dataset": "sample", "classes": ["deposition", "rupture"], "track_experiment": False}


def nodes_of(**changes):
    config, _ = check_config({**STUDY, **changes})
    nodes = plan(config)
    names = [node.name for node in nodes]
    # whatever is needed is planned before, and no name means two steps
    assert len(set(names)) == len(names)
    assert all(names.index(need) < place for place, node in enumerate(nodes) for need in node.needs)
    assert all({*node.teachers, *node.budget} <= {*node.needs} for node in nodes)
    return {node.name: node for node in nodes}


def values(node):
    return dict(parse_override(text) for text in node.overrides())


def test_every_class_and_seed_has_its_own_chain():
    overrides = {"epochs": 2, "model.args": {"encoder_weights": None, "encoder_name": "resnet18"}, "augment": False}
    nodes = nodes_of(seeds=[0, 1], clean={"learn": False}, baseline=overrides, final={"epochs": 5})
    chains = [f"{name} seed {seed}" for seed in (0, 1) for name in ("deposition", "rupture")]
    stages = ("baseline", "refine", "final")
    steps = [f"{stage} {chain}" for chain in chains for stage in stages]
    assert [*nodes] == ["clean", "split deposition", "split rupture", *steps]
    of_one = [name for name in nodes if name.endswith(("clean", "deposition", "deposition seed 1"))]
    assert {name: nodes[name].needs for name in of_one} == {
        "clean": (),
        "split deposition": ("clean",),
        "baseline deposition seed 1": ("split deposition",),
        "refine deposition seed 1": ("baseline deposition seed 1",),
        "final deposition seed 1": ("refine deposition seed 1",),
    }
    clean, split = values(nodes["clean"]), values(nodes["split rupture"])
    assert clean["learn"] is False and clean["cleaned_dataset"] == split["source_dataset"] == "sample_CLEAN"
    baseline, refine, final = (values(nodes[f"{stage} deposition seed 0"]) for stage in stages)
    # every value arrives as it was: types, nulls, nested mappings
    assert overrides.items() <= baseline.items() and final["epochs"] == 5 and baseline["track_experiment"] is False
    assert baseline["train_dataset"] == refine["baseline_dataset"] == "sample_CLEAN_deposition_BASELINE"
    assert baseline["evaluation_dataset"] == final["evaluation_dataset"] == "sample_CLEAN_deposition_EVAL"
    assert final["train_dataset"] == refine["hybrid_dataset"]
    assert final["validation_dataset"] == f"{refine['hybrid_dataset']}_VAL"
    # each seed has its own teacher: no two chains write the same dataset
    assert len({values(nodes[f"refine {chain}"])["hybrid_dataset"] for chain in chains}) == 4


def test_all_seeds_together_teach_every_final_of_their_class():
    nodes = nodes_of(seeds=[0, 1], teachers="all", arms=["equal_budget"])
    both = ("baseline rupture seed 0", "baseline rupture seed 1")
    assert nodes["refine rupture"].teachers == nodes["refine rupture"].needs == both
    assert nodes["final rupture seed 1"].needs == ("refine rupture",)
    # as long as everything that the final owes its weights to
    assert nodes["equal_budget rupture seed 1"].budget == (*both, "refine rupture", "final rupture seed 1")
    assert values(nodes["final rupture seed 1"])["train_dataset"] == "sample_rupture_H1"


def test_a_final_may_begin_where_its_baseline_ended():
    nodes = nodes_of(seeds=[0, 1], teachers="all", final={"start_from": "baseline"})
    final = nodes["final rupture seed 1"]
    assert final.start == "baseline rupture seed 1" and final.start in final.needs
    assert nodes_of()["final rupture seed 0"].start == ""


def test_the_arms_are_the_baselines_recipe_for_longer():
    nodes = nodes_of(arms=["equal_budget", "full_masks"], full_dataset="true_{defect_class}", baseline={"epochs": 3})
    longer, full = (values(nodes[f"{arm} rupture seed 0"]) for arm in ("equal_budget", "full_masks"))
    assert (longer["train_dataset"], full["train_dataset"]) == ("sample_rupture_BASELINE", "true_rupture")
    assert longer["evaluation_dataset"] == full["evaluation_dataset"] == "sample_rupture_EVAL"
    assert (longer["stage"], full["stage"]) == ("equal_budget", "full_masks")
    assert (longer["epochs"], longer["early_stop"]) == (3, None)
    budget = ("baseline rupture seed 0", "refine rupture seed 0", "final rupture seed 0")
    assert nodes["equal_budget rupture seed 0"].budget == nodes["full_masks rupture seed 0"].budget == budget


def test_one_network_for_all_classes_is_refined_class_by_class():
    nodes = nodes_of(multilabel=True, arms=["equal_budget"])
    trained = "baseline all classes seed 0"
    assert nodes[trained].needs == ("split deposition", "split rupture")
    assert nodes["refine rupture seed 0"].teachers == (trained,)
    assert nodes["final all classes seed 0"].needs == ("refine deposition seed 0", "refine rupture seed 0")
    final = values(nodes["final all classes seed 0"])
    assert (final["defect_class"], final["defect_classes"]) == (None, ["deposition", "rupture"])
    assert final["train_dataset"] == "sample_{defect_class}_H1"
    refined = ("refine deposition seed 0", "refine rupture seed 0")
    assert nodes["equal_budget all classes seed 0"].budget == (trained, *refined, "final all classes seed 0")


@pytest.mark.parametrize("experiment", ["study", "boxes_only"])
@pytest.mark.parametrize("more", [[], ["seeds=[0,1]", "multilabel=true", "clean={}"], ["multilabel=false"]])
def test_the_steps_of_the_own_experiments_have_valid_configs(experiment, more):
    config, _ = load_config(ROOT / "scripts" / "experiment" / experiment / "config.yaml", more)
    nodes = plan(config)
    check_configs(Settings.load(), nodes)
    assert {node.stage for node in nodes} >= {"split", "baseline"}
    if experiment == "boxes_only":
        assert not any(node.stage in ("refine", "final") for node in nodes)
        assert {values(node)["labels"] for node in nodes if node.stage == "split"} == {"boxes"}
        assert all(values(node)["train_dataset"].endswith("_BOXES") for node in nodes if node.stage == "baseline")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arms": ["full_masks"]}, "the arm full_masks and full_dataset"),
        ({"arms": ["full_masks"], "full_dataset": "true"}, r"full_dataset must hold \{defect_class\}"),
        ({"arms": ["equal_budget"], "refine": None}, "refine: null leaves none"),
        ({"split": {"labels": "boxes"}}, "set refine: null"),
        ({"classes": ["rupture"], "multilabel": True}, "multilabel needs at least two classes"),
        ({"seeds": [1, 1]}, "seeds names 1 twice"),
        ({"jobs": 0}, "jobs"),
    ],
)
def test_an_impossible_graph_is_a_mistake_in_the_config(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        nodes_of(**changes)


@pytest.mark.parametrize(
    ("total", "epochs", "chosen"), [(180, 12, (12, 15)), (180, 11, (10, 18)), (101, 4, (4, 26)), (7, 7, (7, 1))]
)
def test_steps_are_spread_over_epochs_and_never_fewer_than_asked(total, epochs, chosen):
    assert tuple(spread_steps(total, epochs).values()) == chosen
    assert chosen[0] * chosen[1] >= total


def test_the_time_left_comes_from_steps_of_the_same_kind():
    assert seconds_left({"split": [2.0]}, ["baseline"], [], 1) is None  # a split says nothing of a training
    known = {"baseline": [60.0, 40.0], "refine": [10.0]}
    assert seconds_left(known, ["refine", "final"], [("baseline", 20.0)], 1) == 10 + 50 + 30
    assert seconds_left(known, ["refine", "final"], [("baseline", 70.0)], 2) == 30
