"""The steps that make data, as runs: a cleaned copy and its sets, made once, and never over a person's work."""

import pytest

from experiments.preparation import clean_dataset, split_dataset
from experiments.study_plan import plan
from experiments.study_runner import StudyRunner
from pipeseg.data.description import read_description
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import send_command
from pipeseg.synthetic.generate import generate
from pipeseg.synthetic.options import Options

CLEAN = {"stage": "clean", "source_dataset": "sample", "learn": False}
SPLIT = {"stage": "split", "source_dataset": "sample_CLEAN", "defect_class": "deposition"}


@pytest.fixture
def sample(own_tiny):
    folder = own_tiny.settings.datasets_dir / "sample"
    generate(folder, Options(10, 8, 2, 64, 96, ("deposition",), 0, duplicates=5.0), 1, False, lambda done, total: None)
    return folder


def test_a_sample_is_cleaned_and_split(own_tiny, sample):
    run = own_tiny.run(CLEAN)
    clean_dataset(run)
    cleaned = sample.with_name("sample_CLEAN")
    assert list(cleaned.rglob("quarantine.csv"))
    assert len(list((cleaned / "images").iterdir())) < len(list((sample / "images").iterdir()))
    assert (run.directory.results / "audit.json").is_file()
    split_dataset(own_tiny.run(SPLIT))
    sets = [sample.with_name(f"sample_CLEAN_deposition_{name}") for name in ("BASELINE", "BASELINE_VAL", "EVAL")]
    groups = [set(read_description(each)["groups"].values()) for each in sets]
    assert all(groups) and not set.intersection(*groups)
    # a second look changes nothing, and a cleaned dataset is not written over unasked
    before = [each.stat().st_ino for each in sets]
    split_dataset(own_tiny.run(SPLIT))
    assert [each.stat().st_ino for each in sets] == before
    with pytest.raises(BadInput, match="sample_CLEAN: exists already"):
        clean_dataset(own_tiny.run(CLEAN))
    clean_dataset(own_tiny.run({**CLEAN, "replace": True}))


def test_a_stop_leaves_no_half_dataset(own_tiny, sample):
    run = own_tiny.run(CLEAN)
    send_command(run.directory.control_file, "stop")
    with pytest.raises(StopRequested):
        clean_dataset(run)
    assert [path.name for path in sample.parent.iterdir()] == ["sample"]


@pytest.mark.slow
def test_a_study_makes_its_data_once_and_again_when_the_source_has_changed(own_tiny, sample, monkeypatch):
    """The data steps of a study, in their own processes; labels.csv changes between two studies."""
    for key, value in own_tiny.environment.items():
        monkeypatch.setenv(key, value)

    def work(**changes):
        run = own_tiny.run({"stage": "study", "classes": ["deposition"], "clean": {"learn": False}, **changes})
        nodes = [node for node in plan(run.config) if node.stage in ("clean", "split")]
        outcomes = StudyRunner(run, nodes).work()
        return [outcome.problem or ("reused" if outcome.reused else "made") for outcome in outcomes.values()]

    assert work() == ["made", "made"] and work() == ["reused", "reused"]
    labels = sample / "labels.csv"
    lines = labels.read_text(encoding="utf-8").splitlines(keepends=True)
    labels.write_text("".join(lines[:-1]), encoding="utf-8")
    # both were made by runs and are as those left them, so they may be replaced
    assert work() == ["made", "made"]
    # somebody has worked on the cleaned dataset: it is theirs now
    labels.write_text("".join(lines), encoding="utf-8")
    picture = next((sample.with_name("sample_CLEAN") / "images").iterdir())
    picture.unlink()
    problem, left_out = work()
    assert "sample_CLEAN: exists already, and was made or changed by hand" in problem
    assert left_out == "left out, for it needs clean"
