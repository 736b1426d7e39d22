"""The study: chains of runs, one failing chain does not stop the others, and a stop stops the child too."""

import pytest
from small_workshop import SCRIPT

from experiments.study import plan, study
from pipeseg.config import check_config, parse_override
from pipeseg.errors import BadInput, RunFailed, StopRequested
from pipeseg.events import read_events, send_command
from pipeseg.run_directory import RunDirectory

STUDY = {"stage": "study", "source_dataset": "sample", "classes": ["deposition", "rupture"], "track_experiment": False}
BASELINE = """\
stage: baseline
train_dataset: x
validation_dataset: y
evaluation_dataset: z
"""
REFINE = BASELINE.replace("stage: baseline\ntrain", "stage: refine\nbaseline") + "hybrid_dataset: h\n"
FAIL_FOR_RUPTURE = """
if config.defect_class == "rupture":
    run.emit("error", text="no luck")
    run.status("failed")
    sys.exit(1)
"""


@pytest.fixture
def prepared(workshop, own_tiny):
    """Experiments whose scripts end at once; the baseline of `rupture` fails. All datasets are there already."""
    for name, config in (("baseline", BASELINE), ("refine", REFINE), ("final", BASELINE.replace("baseline", "final"))):
        marker = 'run.status("running")\n'
        script = SCRIPT.replace(marker, marker + FAIL_FOR_RUPTURE).replace("config.epochs", "3")
        workshop.add_experiment(name, config=config, script=script)
    for name in ("deposition", "rupture"):
        for suffix in ("BASELINE", "BASELINE_VAL", "EVAL", "H1", "H1_VAL"):
            if not (workshop.settings.datasets_dir / f"sample_{name}_{suffix}").exists():
                workshop.add_dataset(f"sample_{name}_{suffix}")
    maker = type(own_tiny)(workshop.root, workshop.settings)
    return workshop, maker.run(STUDY)


def values(step):
    return dict(parse_override(text) for text in step.overrides)


def test_a_plan_is_a_chain_per_class_and_seed():
    overrides = {"epochs": 2, "model.args": {"encoder_weights": None, "encoder_name": "resnet18"}, "augment": False}
    config, _ = check_config({**STUDY, "seeds": [0, 1], "baseline": overrides, "final": {"epochs": 5}})
    chains = plan(config)
    assert [[step.label for step in chain] for chain in chains] == [
        [f"{experiment} {name} seed {seed}" for experiment in ("baseline", "refine", "final")]
        for seed in (0, 1)
        for name in ("deposition", "rupture")
    ]
    baseline, refine, final = map(values, chains[0])
    # every value arrives as it was: types, nulls, nested mappings
    assert overrides.items() <= baseline.items() and final["epochs"] == 5 and baseline["track_experiment"] is False
    assert baseline["train_dataset"] == refine["baseline_dataset"] == "sample_deposition_BASELINE"
    assert baseline["evaluation_dataset"] == final["evaluation_dataset"] == "sample_deposition_EVAL"
    assert final["train_dataset"] == refine["hybrid_dataset"]
    assert final["validation_dataset"] == f"{refine['hybrid_dataset']}_VAL"
    # each seed has its own teacher: no two chains write the same dataset
    hybrids = [values(chain[1])["hybrid_dataset"] for chain in chains]
    assert len(set(hybrids)) == 4
    assert [values(chain[0])["seed"] for chain in chains] == [0, 0, 1, 1]


@pytest.mark.slow
def test_a_failing_chain_ends_and_the_others_go_on(prepared):
    workshop, run = prepared
    workshop.gate.touch()
    with pytest.raises(RunFailed, match=r"1 of 6 steps failed; first: baseline rupture seed 0: no luck"):
        study(run)
    events = read_events(run.directory.events_file)
    children = [(e["step"], e["status"]) for e in events if e["kind"] == "child"]
    assert children == [
        (f"{experiment} {name} seed 0", status)
        for experiment, name, end in (
            ("baseline", "deposition", "finished"),
            ("refine", "deposition", "finished"),
            ("final", "deposition", "finished"),
            ("baseline", "rupture", "failed"),
        )
        for status in ("running", end)
    ]
    progress = [e for e in events if e["kind"] == "progress"]
    assert (progress[-1]["step"], progress[-1]["total"]) == (6, 6)
    assert [e["text"] for e in events if e["kind"] == "warning"] == ["baseline rupture seed 0: no luck"]


@pytest.mark.slow
def test_a_stop_stops_the_child(prepared):
    workshop, run = prepared
    asked = []

    def person(event):
        if event["kind"] == "child" and event["status"] == "running":
            asked.append(event["run_id"])
            send_command(run.directory.control_file, "stop")

    run.observers.append(person)
    with pytest.raises(StopRequested):
        study(run)
    child = RunDirectory(workshop.settings.runs_dir / asked[0])
    assert len(asked) == 1 and child.read_exit()["code"] == 130
    last = [e for e in read_events(run.directory.events_file) if e["kind"] == "child"][-1]
    assert last["status"] == "stopped"


def test_a_source_without_labels_is_bad_input(own_tiny):
    own_tiny.add_dataset("sample", range(4))
    with pytest.raises(BadInput, match=r"labels\.csv: no such file"):
        study(own_tiny.run(STUDY))
    assert len(own_tiny.run_folders()) == 1
