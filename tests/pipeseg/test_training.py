"""Whole runs on a tiny workshop: reproducible, chosen on val, reported once, obedient."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from pipeseg.errors import BadInput, RunFailed, StopRequested
from pipeseg.events import read_events, send_command
from pipeseg.training.checkpoint import load_model, read_header
from pipeseg.training.loop import train
from pipeseg.training.step import Learner


def metrics(run):
    """Return every metrics event without its time."""
    events = read_events(run.directory.events_file)
    return [(e["step"], e["epoch"], e["values"]) for e in events if e["kind"] == "metrics"]


def weights(run, name="best"):
    return load_model(run.directory.checkpoints / f"{name}.safetensors")[0].state_dict()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(tiny, trained):
    again = tiny.train()
    assert json.dumps(metrics(again)) == json.dumps(metrics(trained))
    for name in ("best", "last"):
        ours, theirs = weights(again, name), weights(trained, name)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    rows = [(run.directory.results / "per_image.csv").read_text() for run in (again, trained)]
    assert rows[0] == rows[1]


def test_another_seed_gives_another_run(tiny, trained):
    assert json.dumps(metrics(tiny.train(seed=8))) != json.dumps(metrics(trained))


def test_journal_of_a_run(trained):
    found = metrics(trained)
    train_steps = [step for step, _, values in found if "train/loss" in values]
    assert train_steps == [1, 2, 3, 4]
    val = [(step, epoch) for step, epoch, values in found if "val/loss" in values]
    assert val == [(2, 1), (4, 2)]
    names = {"loss", "iou", "dice", "precision", "recall", "specificity", "iou_dataset", "false_alarms"}
    for kinds in (("val",), ("test", "test_last")):
        values = [values for _, _, values in found if f"{kinds[0]}/iou" in values]
        assert all({f"{kind}/{name}" for kind in kinds for name in names} == set(value) for value in values)
    assert [step for step, _, values in found if "test/iou" in values] == [4] and "test/iou" in found[-1][2]


def test_results_of_a_run(trained):
    results = trained.directory.results
    with (results / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"p{index:03}.png" for index in range(40, 45)]
    assert [row["group"] for row in rows] == [f"g{index:03}" for index in range(40, 45)]
    assert {(row["height"], row["width"]) for row in rows} == {("80", "72"), ("56", "100")}
    assert [row["has_defect"] for row in rows] == ["1", "1", "1", "0", "1"] and rows[3]["iou"] == ""
    for row in rows:
        truth = np.asarray(Image.open(trained.settings.datasets_dir / "tiny_deposition_EVAL/masks" / row["file"]))
        # the truth was never resized
        assert int(row["truth_pixels"]) == (truth >= 128).sum()
        if row["has_defect"] == "1":
            assert float(row["iou"]) == pytest.approx(int(row["intersection"]) / int(row["union"]), abs=1e-6)
    summary = json.loads((results / "summary.json").read_text())
    defects = [float(row["iou"]) for row in rows if row["iou"]]
    assert summary["test"]["iou"] == pytest.approx(np.mean(defects), abs=1e-6)
    assert summary["total_steps"] == 4 and summary["images"] == 5 and summary["threshold"] == 0.5
    datasets = trained.directory.read_info()["datasets"]
    assert summary["test_fingerprint"] == datasets["test"]["fingerprint"]
    assert summary["best"]["metric"] == "val/iou" and set(datasets) == {"train", "validation", "test"}
    assert len(list((results / "predictions").glob("*.png"))) == 2


@pytest.mark.slow
def test_the_last_weights_are_scored_beside_the_best(tiny):
    # nothing can become better than the first validation: the best weights are not the last
    run = tiny.train(learning_rate=1e-12, epochs=2, save_by_metric="specificity", threshold="auto", ema_decay=0.5)
    [scored] = [event for event in read_events(run.directory.events_file) if "test/iou" in event.get("values", {})]
    kinds = {
        kind: {name.partition("/")[2] for name in scored["values"] if name.startswith(f"{kind}/")}
        for kind in ("test", "test_last")
    }
    assert kinds["test"] == kinds["test_last"] and "iou" in kinds["test"]
    summary = json.loads((run.directory.results / "summary.json").read_text())
    assert summary["best"]["step"] == 2 and summary["total_steps"] == 4
    # weights that hardly moved score alike
    assert scored["values"]["test_last/iou"] == pytest.approx(scored["values"]["test/iou"], abs=0.05)


def test_the_best_checkpoint_is_the_best_on_val(tiny):
    run = tiny.train(epochs=3, scoring_per_epoch=2)
    val = [(step, values["val/iou"]) for step, _, values in metrics(run) if "val/iou" in values]
    assert [step for step, _ in val] == [1, 2, 3, 4, 5, 6]
    best = max(val, key=lambda point: (point[1], -point[0]))
    header = read_header(run.directory.checkpoints / "best.safetensors")
    assert (header.step, header.score) == pytest.approx(best)
    assert read_header(run.directory.checkpoints / "last.safetensors").step == 6
    chosen = [e for e in read_events(run.directory.events_file) if e["kind"] == "checkpoint" and e["which"] == "best"]
    assert chosen[-1]["step"] == best[0] and chosen[-1]["score"] == header.score


@pytest.mark.slow
def test_another_test_set_changes_nothing_but_the_report(own_tiny, trained):
    """The original chose its checkpoint on the test set."""
    for name, indices in (("BASELINE", range(9)), ("BASELINE_VAL", range(20, 24)), ("EVAL", range(60, 66))):
        own_tiny.add_dataset(f"tiny_deposition_{name}", indices)
    run = own_tiny.train()
    assert json.dumps(metrics(run)[:-1]) == json.dumps(metrics(trained)[:-1])
    assert json.dumps(metrics(run)[-1]) != json.dumps(metrics(trained)[-1])
    assert all(torch.equal(a, b) for a, b in zip(weights(run).values(), weights(trained).values(), strict=True))


@pytest.mark.slow
def test_a_loss_is_chosen_low(tiny):
    run = tiny.train(epochs=3, save_by_metric="loss")
    val = {step: values["val/loss"] for step, _, values in metrics(run) if "val/loss" in values}
    assert read_header(run.directory.checkpoints / "best.safetensors").score == min(val.values())


@pytest.mark.slow
def test_training_mode_comes_back_after_every_validation(tiny, monkeypatch):
    """In the original, dropout and BatchNorm slept from the first validation to the end of the epoch."""
    modes = []
    learn = Learner.learn

    def watched(self, *arguments):
        modes.append(all(module.training for module in self.model.modules()))
        learn(self, *arguments)

    monkeypatch.setattr(Learner, "learn", watched)
    tiny.train(steps_per_epoch=4, epochs=1, scoring_per_epoch=4)
    assert modes == [True] * 4


@pytest.mark.parametrize("when", ["before", "training"])
def test_a_stop_is_answered_within_one_step(tiny, when):
    run = tiny.run(epochs=100)

    def stop(event):
        if event["kind"] == "metrics" and event["step"] == 3 and when == "training":
            send_command(run.directory.control_file, "stop")

    run.observers.append(stop)
    if when == "before":
        send_command(run.directory.control_file, "stop")
    with pytest.raises(StopRequested):
        train(run)
    steps = [step for step, _, _ in metrics(run)]
    assert max(steps, default=0) == (0 if when == "before" else 3)
    assert not any("test/iou" in values for _, _, values in metrics(run))
    assert not (run.directory.results / "summary.json").exists()
    if when == "training":
        assert read_header(run.directory.checkpoints / "last.safetensors").step == 3


@pytest.mark.slow
def test_pause_checkpoint_and_resume(tiny, trained):
    run = tiny.run()
    seen = []

    def person(event):
        seen.append((event["kind"], event.get("status") or event.get("step")))
        if event["kind"] == "metrics" and event["step"] == 1:
            for command in ("checkpoint", "pause", "pause", "resume", "resume"):
                send_command(run.directory.control_file, command)

    run.observers.append(person)
    train(run)
    statuses = [event for event in seen if event[0] == "status"]
    assert statuses == [("status", "paused"), ("status", "running")]
    assert seen.count(("checkpoint", 1)) == 2
    # a pause changes nothing in what is learned
    assert json.dumps(metrics(run)) == json.dumps(metrics(trained))


def test_a_stop_ends_a_pause(tiny):
    run = tiny.run()
    send_command(run.directory.control_file, "pause")
    run.observers.append(
        lambda event: event.get("status") == "paused" and send_command(run.directory.control_file, "stop")
    )
    with pytest.raises(StopRequested):
        train(run)


@pytest.mark.parametrize("metric", ["soft", "binary"])
def test_a_loss_that_is_no_number_ends_the_run(tiny, metric):
    run = tiny.run(learning_rate=10, weight_decay=1e30, epochs=20, validation_metrics=metric)
    with pytest.raises(RunFailed, match="lower learning_rate") as caught:
        train(run)
    assert "\n" not in str(caught.value)
    # nothing broken is kept as the best, nothing is reported
    if (run.directory.checkpoints / "best.safetensors").exists():
        assert all(torch.isfinite(value.float()).all() for value in weights(run).values())
    assert not (run.directory.results / "summary.json").exists()


def test_val_without_any_number_ends_the_run(own_tiny):
    for name, indices in (("BASELINE", range(3)), ("BASELINE_VAL", range(20, 23)), ("EVAL", range(40, 43))):
        own_tiny.add_dataset(f"tiny_deposition_{name}", indices)
    # specificity says nothing where a picture is all defect
    for mask in (own_tiny.settings.datasets_dir / "tiny_deposition_BASELINE_VAL" / "masks").iterdir():
        Image.fromarray(np.full((64, 64), 255, np.uint8)).save(mask)
    with pytest.raises(RunFailed, match="val/specificity was never a number"):
        own_tiny.train(save_by_metric="specificity")


def test_copies_in_train_and_test_are_refused(own_tiny):
    folder = own_tiny.settings.datasets_dir
    own_tiny.add_dataset("tiny_deposition_BASELINE", range(6))
    own_tiny.add_dataset("tiny_deposition_BASELINE_VAL", range(20, 24))
    test = own_tiny.add_dataset("tiny_deposition_EVAL", range(40, 43))
    (test / "dataset.json").write_text(json.dumps({"groups": {"p041.png": "g002"}}))
    with pytest.raises(BadInput, match=r"p002\.png.*p041\.png"):
        own_tiny.train()
    # without any groups the file name tells
    shutil.rmtree(test)
    own_tiny.add_dataset("tiny_deposition_EVAL", range(20, 21))
    (folder / "tiny_deposition_EVAL" / "dataset.json").unlink()
    with pytest.raises(BadInput, match=r"p020\.png"):
        own_tiny.train()


def test_a_set_without_defect_is_refused(own_tiny):
    own_tiny.add_dataset("tiny_deposition_BASELINE", range(3, 4))
    own_tiny.add_dataset("tiny_deposition_BASELINE_VAL", range(20, 24))
    own_tiny.add_dataset("tiny_deposition_EVAL", range(40, 45))
    with pytest.raises(BadInput, match="train_dataset: no mask in tiny_deposition_BASELINE"):
        own_tiny.train()


def test_progress_reaches_its_total(trained):
    progress = [e for e in read_events(trained.directory.events_file) if e["kind"] == "progress"]
    last = [e for e in progress if e["phase"] == "train"][-1]
    assert (last["step"], last["total"], last["epoch"], last["epochs"]) == (4, 4, 2, 2)
    assert last["eta_seconds"] == 0 and math.isfinite(last["images_per_second"])
