"""A training that starts from a run's weights: which run, what becomes of them, and what is refused."""

import json

import pytest
import torch

from experiments.start import find_start
from experiments.train import train_from_start
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events
from pipeseg.training.checkpoint import load_model, read_header

STILL = {"stage": "final", "learning_rate": 1e-12, "epochs": 1}


@pytest.fixture
def baseline(tiny):
    """A finished baseline of the default seed; started as the launcher does, so that it is found."""
    run = tiny.run(epochs=1)
    train_from_start(run)
    run.status("finished")
    return run


def weights(run):
    return load_model(run.directory.best_checkpoint)[0].state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("named", ["baseline", "id", "beginning"])
def test_it_begins_with_the_weights_of_the_run(tiny, baseline, named):
    text = {"baseline": "baseline", "id": baseline.directory.run_id, "beginning": baseline.directory.run_id[:-2]}[named]
    run = tiny.run(**STILL, start_from=text)
    train_from_start(run)
    ours, theirs = weights(run), weights(baseline)
    learned = [name for name in ours if ours[name].is_floating_point() and "running" not in name]
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in learned)
    step = read_header(baseline.directory.best_checkpoint).step
    assert run.directory.read_info()["start"]["run_id"] == baseline.directory.run_id
    summary = json.loads((run.directory.results / "summary.json").read_text())
    assert summary["start_steps"] == step and summary["total_steps"] == 2
    said = [event.get("text", "") for event in read_events(run.directory.events_file)]
    assert f"starts from the weights of {baseline.directory.run_id}, step {step}" in said


def test_without_it_the_encoder_begins(tiny, baseline):
    run = tiny.run(**STILL)
    assert find_start(run.settings, run.config) is None
    train_from_start(run)
    assert json.loads((run.directory.results / "summary.json").read_text())["start_steps"] == 0


def test_the_baseline_is_the_one_of_this_seed_and_test_set(tiny, baseline):
    for changes in ({"seed": 8}, {"evaluation_dataset": "another_EVAL"}):
        run = tiny.run(**{**STILL, **changes}, start_from="baseline")
        with pytest.raises(BadInput, match=r"start_from: no finished baseline with seed .* run it first"):
            train_from_start(run)


def test_another_network_or_class_is_refused(tiny, baseline):
    model = {"name": "UNet", "args": {"encoder_name": "tu-mobilenetv3_small_050", "encoder_weights": None}}
    with pytest.raises(BadInput, match=r"is of another network \(UNetAttention\); give both runs the same model"):
        train_from_start(tiny.run(**STILL, start_from=baseline.directory.run_id, model=model))
    with pytest.raises(BadInput, match="learned deposition, not rupture"):
        train_from_start(tiny.run(**STILL, start_from=baseline.directory.run_id, defect_class="rupture"))


@pytest.mark.slow
def test_one_that_goes_on_needs_its_start_no_more(tiny, baseline):
    run = tiny.run(**{**STILL, "epochs": 3}, start_from=baseline.directory.run_id)

    def stop(event):
        run.stop_asked = run.stop_asked or event["kind"] == "checkpoint"

    run.observers.append(stop)
    with pytest.raises(StopRequested):
        train_from_start(run)
    run.observers.clear()
    run.stop_asked = False
    baseline.directory.best_checkpoint.unlink()
    train_from_start(run)
    assert json.loads((run.directory.results / "summary.json").read_text())["total_steps"] == 6
