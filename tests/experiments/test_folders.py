"""Experiment folders: every one is listed, and a broken one says why."""

import pytest

from experiments.folders import find_experiment, list_experiments
from pipeseg.errors import BadInput


def test_lists_folders_with_title_and_description(workshop):
    workshop.add_experiment(
        "first", readme="# Baseline #\n\n![badge](x.png)\n\nTrains a model\non hand masks.\n\nMore.\n"
    )
    workshop.add_experiment("group/second", readme="Only a sentence.\n")
    first, second = list_experiments(workshop.settings)
    assert (first.name, first.title, first.description) == ("first", "Baseline", "Trains a model on hand masks.")
    assert (second.name, second.title, second.description) == ("group/second", "group/second", "Only a sentence.")
    assert first.problem is None
    assert first.config_file.is_file() and first.script.is_file() and first.readme.is_file()


def test_code_and_tables_are_no_description(workshop):
    workshop.add_experiment(readme="# T\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n\n## Use\n\nThe words.\n")
    assert list_experiments(workshop.settings)[0].description == "The words."


def test_other_folders_are_no_experiments(workshop):
    workshop.add_experiment()
    for name in ("notes", ".hidden", "__pycache__"):
        (workshop.settings.experiments_dir / name).mkdir()
    (workshop.settings.experiments_dir / ".hidden" / "config.yaml").touch()
    assert [experiment.name for experiment in list_experiments(workshop.settings)] == ["tiny"]


def test_broken_folders_are_listed_with_their_problem(workshop):
    (workshop.add_experiment("a-no-script") / "experiment.py").unlink()
    (workshop.add_experiment("b-no-config") / "config.yaml").unlink()
    workshop.add_experiment("c-no-yaml", config="epochs: [1\n")
    workshop.add_experiment(
        "d-unknown-key", config="train_dataset: a\nvalidation_dataset: b\nevaluation_dataset: c\nepoch: 1\n"
    )
    (workshop.add_experiment("e-binary") / "config.yaml").write_bytes(b"\xff\xfe\x00")
    problems = {experiment.name: experiment.problem for experiment in list_experiments(workshop.settings)}
    assert "experiment.py: no such file" in problems["a-no-script"]
    assert "config.yaml: no such file" in problems["b-no-config"]
    assert "not YAML" in problems["c-no-yaml"]
    assert "epoch: unknown key; did you mean 'epochs'?" in problems["d-unknown-key"]
    assert "UTF-8" in problems["e-binary"]
    assert all("\n" not in problem for problem in problems.values())


def test_a_mended_config_has_no_problem_any_more(workshop):
    config = workshop.add_experiment() / "config.yaml"
    good = config.read_text()
    config.write_text(good + "epoch: 1\n")
    assert list_experiments(workshop.settings)[0].problem
    config.write_text(good)
    assert list_experiments(workshop.settings)[0].problem is None


def test_a_link_that_points_back_up_is_followed_once(workshop):
    folder = workshop.add_experiment()
    try:
        (folder / "up").symlink_to(workshop.settings.experiments_dir, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    assert [experiment.name for experiment in list_experiments(workshop.settings)] == ["tiny"]


def test_find_offers_the_closest_name(workshop):
    workshop.add_experiment("baseline")
    assert find_experiment(workshop.settings, "baseline/").name == "baseline"
    assert find_experiment(workshop.settings, str(workshop.settings.experiments_dir / "baseline")).name == "baseline"
    with pytest.raises(BadInput, match="did you mean 'baseline'"):
        find_experiment(workshop.settings, "basline")


def test_no_experiments_at_all(workshop):
    assert list_experiments(workshop.settings) == []
    with pytest.raises(BadInput, match="no experiments here"):
        find_experiment(workshop.settings, "baseline")
