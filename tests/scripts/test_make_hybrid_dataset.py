"""`make_hybrid_dataset.py`: finds the latest baseline of the class and writes the hybrid dataset."""

import json
import shutil

import numpy as np
import pytest

from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_mask
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory

OVERRIDES = ("--set", "seed=7", "--set", "track_experiment=false", "--set", "device=cpu")


@pytest.fixture
def workshop(own_tiny):
    own_tiny.add_dataset("tiny", range(100, 108))
    for suffix, indices in (("BASELINE", range(4)), ("BASELINE_VAL", range(20, 23)), ("EVAL", range(40, 43))):
        own_tiny.add_dataset(f"tiny_deposition_{suffix}", indices)
    return own_tiny


@pytest.mark.slow
def test_the_latest_baseline_refines(workshop, trained):
    folder = workshop.settings.runs_dir / trained.directory.run_id
    shutil.copytree(trained.directory.path, folder)
    RunDirectory(folder).update(status="finished", experiment="baseline")
    append_event(folder / "events.jsonl", "status", status="finished")
    RunDirectory(folder).write_exit(0)
    arguments = ("--class", "deposition", "--source", "tiny", "--refiner", "original", *OVERRIDES)
    ended = workshop.tool("make_hybrid_dataset.py", *arguments)
    assert ended.returncode == 0, ended.stderr
    hybrid = DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_H1")
    assert len(hybrid.samples) == 12
    facts = json.loads((hybrid.path / "dataset.json").read_text())
    assert facts["parameters"]["teachers"] == [trained.directory.run_id]
    # exactly as published: three levels, no weights
    assert facts["parameters"]["refiner"] == {"name": "original", "args": {}} and not (hybrid.path / "weights").exists()
    levels = {level for sample in hybrid.samples for level in np.unique(read_mask(sample.mask))}
    assert levels <= {0, 76, 255}
    assert len(DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_H1_VAL").samples) == 3


@pytest.mark.slow
def test_named_teachers_and_rounds(workshop, trained):
    arguments = ("--class", "deposition", "--source", "tiny", "--baseline-run", "nobody,anybody", "--round", "2")
    ended = workshop.tool("make_hybrid_dataset.py", *arguments, *OVERRIDES)
    assert ended.returncode == 2 and "no run 'nobody'" in ended.stderr
    (folder,) = workshop.run_folders()
    config = (folder / "config.yaml").read_text()
    assert "baseline_run: [nobody, anybody]" in config and "teacher_dataset: tiny_deposition_H1" in config
    assert "hybrid_dataset: tiny_deposition_H2" in config and "name: crops" in config


@pytest.mark.slow
def test_without_a_baseline_it_says_which_to_run(workshop):
    ended = workshop.tool("make_hybrid_dataset.py", "--class", "deposition", "--source", "tiny", *OVERRIDES)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "error: " in line]
    assert "run it first: python -m experiments launch baseline" in line
    assert not list(workshop.settings.datasets_dir.glob("*_H1*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--class", "deposition", "--source", "nowhere"], "nowhere"),
        (["--class", "deposition", "--source", "tiny", "--refiner", "orginal"], "did you mean 'original'?"),
        (["--class", "deposition", "--source", "tiny", "--set", "batch=3"], "batch"),
        ([], "--class"),
    ],
)
def test_bad_input_is_one_line(workshop, arguments, words):
    ended = workshop.tool("make_hybrid_dataset.py", *arguments)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1 and words in ended.stderr
    assert not workshop.run_folders()
