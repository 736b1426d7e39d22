"""The threshold that val chooses: exact counts, the right choice, and who uses it."""

import json

import numpy as np
import pytest
import torch

from pipeseg.config import ConfigError, check_config
from pipeseg.metrics import Scores, count_overlap
from pipeseg.training.checkpoint import read_header
from pipeseg.training.threshold import LEVELS, _histogram, mean_iou_by_threshold


def test_every_level_agrees_with_counting_at_it():
    random = np.random.default_rng(0)
    pairs = []
    for size, share in [((20, 30), 0.3), ((7, 5), 0.05), ((16, 16), 0.0), ((9, 11), 1.0)]:
        # multiples of a level among them: p >= t is the rule, on the edge too
        levels = random.integers(0, LEVELS + 1, size) / LEVELS
        probability = np.where(random.random(size) < 0.5, levels, random.random(size)).astype(np.float32)
        pairs.append((torch.from_numpy(probability), torch.from_numpy(random.random(size) < share)))
    histograms = torch.stack([_histogram(probability, truth) for probability, truth in pairs]).numpy()
    thresholds, iou = mean_iou_by_threshold(histograms)
    assert thresholds.tolist() == [level / LEVELS for level in range(1, LEVELS)]
    for threshold, value in zip(thresholds, iou, strict=True):
        counts = [count_overlap((probability >= threshold).float(), truth.float()) for probability, truth in pairs]
        expected = Scores(torch.stack(counts).numpy(), np.zeros(len(pairs), bool)).summary()["iou"]
        assert value == pytest.approx(expected, abs=1e-12)


def test_a_run_chooses_on_val_and_everybody_after_it_uses_the_choice(tiny):
    run = tiny.train(threshold="auto", epochs=1)
    summary = json.loads((run.directory.results / "summary.json").read_text())
    assert summary["threshold"] * LEVELS % 1 == 0
    assert read_header(run.directory.best_checkpoint).threshold == summary["threshold"]
    assert (run.settings.models_dir / f"{run.directory.run_id}.safetensors").samefile(run.directory.best_checkpoint)
    fixed = tiny.train(threshold=summary["threshold"], epochs=1)
    # the same number written into the config gives the same test scores: the test set had no part in the choice
    assert json.loads((fixed.directory.results / "summary.json").read_text())["test"] == summary["test"]


@pytest.mark.parametrize("threshold", [0, 1, "best", -0.5])
def test_other_thresholds_are_refused(threshold):
    values = {"train_dataset": "a", "validation_dataset": "b", "evaluation_dataset": "c", "threshold": threshold}
    with pytest.raises(ConfigError, match="threshold"):
        check_config(values)
