"""What a study leaves behind, from a real store: its own pairs compared, and nobody else's."""

import json
import threading

import pytest

from experiments.commands.study import print_comparison
from experiments.study_plan import plan
from experiments.study_results import compare_runs, write_steps
from experiments.study_runner import Outcome
from experiments.uploader import upload
from pipeseg.events import read_events
from tests.experiments import tracking_fixtures as make

STUDY = {"stage": "study", "classes": ["crack", "rust"], "seeds": [0, 1], "split": None}


@pytest.fixture
def finish(tiny, tmp_path, monkeypatch):
    """Record a finished training in MLflow and return its directory."""
    uri = make.copy_store(make.make_template(tmp_path), tmp_path / "store")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def run(stage, defect_class, seed, iou):
        made = make.make_run(tiny.settings.runs_dir, uri, stage=stage, defect_class=defect_class, seed=seed)
        make.write_results(made, [iou + 0.01 * index for index in range(20)])
        make.end_run(made)
        assert upload(made, uri, threading.Event(), grace=0) == 0
        return made

    return run


@pytest.mark.slow
def test_only_pairs_of_the_study_are_compared(tiny, finish, capsys):
    run = tiny.run(STUDY)
    nodes = plan(run.config)
    # another study has finished what failed in this one; newer runs of other people are no part of it either
    finish("final", "rust", 0, 0.9)
    outcomes = {node.name: Outcome("left out", problem="left out") for node in nodes}
    for stage, iou in (("baseline", 0.4), ("final", 0.5)):
        for name, seed in (("crack", 0), ("crack", 1), ("rust", 0)):
            if (stage, name) != ("final", "rust"):
                outcomes[f"{stage} {name} seed {seed}"] = Outcome("finished", finish(stage, name, seed, iou))
    finish("final", "crack", 0, 0.2)
    write_steps(run.directory.results, nodes, outcomes)
    assert compare_runs(run) is None

    rows = json.loads((run.directory.results / "comparison.json").read_text(encoding="utf-8"))
    (crack,) = [row for row in rows if row["class"] == "crack"]
    assert not [row for row in rows if row["class"] == "rust"]
    assert crack["final_runs"] == [outcomes[f"final crack seed {seed}"].run.run_id for seed in (0, 1)]
    assert crack["increase_pp"] == pytest.approx(10) and crack["verdict"] == "better"
    texts = [event["text"] for event in read_events(run.directory.events_file) if event["kind"] == "message"]
    assert "crack: baseline 0.4950, final 0.5950, +10.00 points, better" in texts
    assert "| crack | 0.4950 | 0.5950 |" in (run.directory.results / "comparison.md").read_text(encoding="utf-8")
    steps = json.loads((run.directory.results / "steps.json").read_text(encoding="utf-8"))["steps"]
    assert [row["test"]["iou"] for row in steps if row["step"] == "final crack seed 1"] == [pytest.approx(0.595)]

    capsys.readouterr()
    print_comparison(run.directory)
    assert "crack" in (table := capsys.readouterr().out) and "+10.00" in table


def test_a_study_without_a_pair_says_so(tiny, capsys):
    run = tiny.run(STUDY)
    nodes = plan(run.config)
    write_steps(run.directory.results, nodes, {node.name: Outcome("failed", problem="no luck") for node in nodes})
    assert compare_runs(run) == "no pair of baseline and final has finished"
    print_comparison(run.directory)
    assert capsys.readouterr().out == ""
