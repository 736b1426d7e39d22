"""One network for several classes: each output learns from its own class's pictures and is scored on them."""

import json

import numpy as np
import pytest
import torch
from batches import drawn_batch
from PIL import Image

from experiments.mlflow_records import start_tags
from experiments.preflight import check_datasets
from pipeseg.config import ConfigError
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events
from pipeseg.losses import BCELoss
from pipeseg.training.checkpoint import load_model, read_header
from pipeseg.training.device import Hardware
from pipeseg.training.loop import train
from pipeseg.training.step import Learner

CLASSES = ["bright", "dark"]
NAMES = {
    "defect_class": None,
    "defect_classes": CLASSES,
    "train_dataset": "tiny_{defect_class}_BASELINE",
    "validation_dataset": "tiny_{defect_class}_BASELINE_VAL",
    "evaluation_dataset": "tiny_{defect_class}_EVAL",
}


@pytest.fixture
def both(own_tiny):
    """Two classes: bright blocks, and dark ones, which are the same pictures in negative under other names."""
    for part, indices in (("BASELINE", range(9)), ("BASELINE_VAL", range(20, 24)), ("EVAL", range(40, 45))):
        own_tiny.add_dataset(f"tiny_bright_{part}", indices)
        moved = range(indices.start + 100, indices.stop + 100)
        folder = own_tiny.add_dataset(f"tiny_dark_{part}", moved)
        for image in (folder / "images").iterdir():
            Image.fromarray(255 - np.asarray(Image.open(image))).save(image)
    return own_tiny


@pytest.mark.slow
def test_a_run_with_two_classes(both):
    run = both.train(**NAMES, epochs=3, steps_per_epoch=4)
    values = {}
    for event in read_events(run.directory.events_file):
        values |= event.get("values", {}) if event["kind"] == "metrics" else {}
    for metric in ("val/iou", "val/loss", "test/iou", "test/dice"):
        assert values[metric] == pytest.approx(np.mean([values[f"{metric}/{each}"] for each in CLASSES]))
    model, header = load_model(run.directory.best_checkpoint)
    assert header.classes == tuple(CLASSES) and header.defect_class is None
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 2, 64, 64)
    for each in CLASSES:
        table = (run.directory.results / each / "per_image.csv").read_text().splitlines()
        assert len(table) == 1 + 5
        assert any((run.directory.results / each / "predictions").iterdir())
    info = run.directory.read_info()
    assert info["datasets"]["test"]["fingerprints"].keys() == {f"tiny_{each}_EVAL" for each in CLASSES}
    assert json.loads((run.directory.results / "summary.json").read_text())["images"] == 10
    assert start_tags(run.directory, run.config.model_dump())["defect_classes"] == "bright, dark"
    assert check_datasets(run.settings, run.config) == []


def test_a_set_that_is_not_there_is_named_before_the_start(both):
    config = both.run(**{**NAMES, "defect_classes": ["bright", "grey"]}).config
    problems = check_datasets(both.settings, config)
    assert len(problems) == 3 and problems[0].startswith("train_dataset (grey): ")
    assert "preprocess_dataset.py tiny`" in problems[0]


@pytest.mark.slow
def test_it_goes_on_and_chooses_a_threshold(both):
    whole = both.train(**NAMES, threshold="auto")
    run = both.run(**NAMES, threshold="auto")

    def stop(event):
        run.stop_asked |= event["kind"] == "metrics" and event["step"] == 3

    run.observers.append(stop)
    with pytest.raises(StopRequested):
        train(run)
    run.observers.clear()
    run.stop_asked = False
    train(run)
    ours, theirs = (load_model(each.directory.best_checkpoint)[0].state_dict() for each in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    thresholds = {read_header(each.directory.best_checkpoint).threshold for each in (run, whole)}
    assert len(thresholds) == 1


def test_an_output_without_a_truth_learns_nothing(both):
    """A picture that was outlined for one class says nothing about the other."""
    config = both.run(**NAMES, optimizer={"name": "SGD"}, weight_decay=0, precision="float32").config
    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 2, 1)
    before = model.weight.detach().clone()
    learner = Learner(config, Hardware.choose("cpu", "float32"), model, BCELoss(), print)
    images = torch.randint(0, 255, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    learner.learn(drawn_batch(images, torch.ones(4, 1, 8, 8), channel=1), rate=0.1)
    changed = (model.weight.detach() != before).flatten(1).any(1)
    assert changed.tolist() == [False, True]


def test_what_one_class_tests_no_other_learns_from(both):
    # g042 is a test picture of the bright class; the dark class has a copy in train, and one in val
    facts = {"groups": {"p100.png": "g042", "p101.png": "g042"}}
    (both.settings.datasets_dir / "tiny_dark_BASELINE" / "dataset.json").write_text(json.dumps(facts))
    facts = {"groups": {"p120.png": "g042"}}
    (both.settings.datasets_dir / "tiny_dark_BASELINE_VAL" / "dataset.json").write_text(json.dumps(facts))
    run = both.train(**NAMES, epochs=1)
    said = [event["text"] for event in read_events(run.directory.events_file) if event["kind"] == "message"]
    assert any(text.startswith("tiny_dark_BASELINE: 2 pictures left out") for text in said)
    assert any(text.startswith("tiny_dark_BASELINE_VAL: 1 pictures left out") for text in said)
    assert any(text.startswith("tiny_dark_BASELINE: 7 pictures") for text in said)


def test_a_copy_within_one_class_is_refused(both):
    facts = {"groups": {"p100.png": "g142"}}
    (both.settings.datasets_dir / "tiny_dark_BASELINE" / "dataset.json").write_text(json.dumps(facts))
    with pytest.raises(BadInput, match=r"p100\.png.*duplicate group"):
        both.train(**NAMES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"defect_class": "bright"}, "both set"),
        ({"defect_classes": ["bright"]}, "at least 2"),
        ({"defect_classes": ["bright", "bright"]}, "twice"),
        ({"train_dataset": "tiny_bright_BASELINE"}, "train_dataset must hold {defect_class}"),
    ],
)
def test_configs_that_cannot_be_meant(own_tiny, changes, words):
    with pytest.raises(ConfigError) as caught:
        own_tiny.run(**{**NAMES, **changes})
    assert words in str(caught.value)
