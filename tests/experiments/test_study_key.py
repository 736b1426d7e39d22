"""The key of a step: what decides its result changes it, what is only shown or said does not."""

import shutil
from pathlib import Path

import pytest

from experiments.folders import find_experiment
from experiments.study_key import code_version, content_of, step_key
from pipeseg.config import load_config
from pipeseg.settings import ROOT


@pytest.fixture
def key_of(workshop):
    """Return the key of the workshop's experiment with these overrides and teachers."""
    workshop.add_experiment()
    experiment = find_experiment(workshop.settings, "tiny")

    def key(*overrides: str, teachers: tuple[Path, ...] = ()) -> str:
        config, _ = load_config(experiment.config_file, overrides)
        return step_key(workshop.settings, experiment, config, teachers)

    return key


def test_what_is_shown_is_free_and_what_is_learned_is_not(key_of):
    before = key_of()
    for text in ("experiment_name=Other", "visualization_samples=0", "device=cpu", "num_workers=0"):
        assert key_of(text) == before
    different = [key_of(text) for text in ("seed=1", "epochs=4", "criterion.name=DiceLoss", "track_experiment=true")]
    assert len({before, *different}) == 5


def test_pictures_groups_and_teachers_count_by_content(key_of, workshop):
    before = key_of()
    folder = workshop.settings.datasets_dir / "sample_deposition_BASELINE"
    # a picture of the same size, a weight of a pixel, a group: all of them are learned from
    (folder / "masks" / "0.png").write_bytes(b"rutcipe")
    assert len({before, first := key_of()}) == 2
    (folder / "weights").mkdir()
    (folder / "weights" / "0.png").write_bytes(b"weights")
    assert len({before, first, second := key_of()}) == 3
    (folder / "dataset.json").write_text('{"groups": {"0.png": "a"}, "teacher": "x"}', encoding="utf-8")
    assert len({before, first, second, third := key_of()}) == 4
    (folder / "dataset.json").write_text('{"groups": {"0.png": "a"}, "teacher": "y"}', encoding="utf-8")
    assert key_of() == third

    weights = [workshop.root / name for name in ("one", "same", "other")]
    for path, content in zip(weights, ("a", "a", "b"), strict=True):
        path.write_text(content, encoding="utf-8")
    one, same, other = (key_of(teachers=(path,)) for path in weights)
    assert one == same and len({third, one, other}) == 3


def test_a_copy_of_a_dataset_has_its_content(workshop):
    source = workshop.settings.datasets_dir / "sample"
    shutil.copytree(source, copy := source.with_name("copy"))
    assert content_of(copy) == content_of(source)
    (copy / "boxes.csv").write_text("filename\n", encoding="utf-8")
    assert content_of(copy) != content_of(source)


@pytest.fixture
def code(tmp_path):
    """A copy of the library, and the version of the code that a script of an experiment reaches."""
    shutil.copytree(ROOT / "pipeseg", tmp_path / "pipeseg", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "experiments").mkdir()
    for name in ("train.py", "teacher.py", "study.py"):
        shutil.copy(ROOT / "experiments" / name, tmp_path / "experiments" / name)

    def version(experiment: str) -> str:
        script = ROOT / "scripts" / "experiment" / experiment / "experiment.py"
        return code_version(tmp_path, script, ["pipeseg.models"])

    def edit(module: str, old: str, new: str) -> None:
        path = tmp_path / module
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return version, edit


def test_only_code_that_a_step_reaches_counts_and_words_do_not(code):
    version, edit = code
    baseline, refine = version("baseline"), version("refine")
    assert baseline != refine
    edit("pipeseg/training/loop.py", '"""Trains one model', '"""Teaches one model')
    edit("pipeseg/models/architectures.py", "\n\n\n", "\n\n\n# a remark\n")
    assert (version("baseline"), version("refine")) == (baseline, refine)
    edit("pipeseg/refine.py", "quickly=True", "quickly=False")
    assert version("baseline") == baseline and (changed := version("refine")) != refine
    # both look through the loader's eyes, deep below the script
    edit("pipeseg/data/loading.py", "DEFECT_LEVEL = 128", "DEFECT_LEVEL = 127")
    assert version("baseline") != baseline and version("refine") != changed
