"""Which weights are meant: run ids, latest, folders, files, and weights that outlived their run."""

import pytest

from experiments.checkpoints import find_checkpoint
from pipeseg.errors import BadInput


def add_run(workshop, run_id: str, *, experiment: str = "baseline", code: int = 0, best: bool = True):
    directory = workshop.write_run(run_id, exit_code=code, experiment=experiment)
    directory.checkpoints.mkdir(exist_ok=True)
    if best:
        directory.best_checkpoint.write_text("weights")
    return directory


@pytest.fixture
def runs(workshop):
    return {
        name: add_run(workshop, f"2026010{day}-000000-{name}-abcd", **facts)
        for day, (name, facts) in enumerate(
            {
                "baseline": {},
                "final": {"experiment": "final"},
                "refine": {"experiment": "refine", "best": False},
                "broken": {"experiment": "final", "code": 1},
            }.items(),
            1,
        )
    }


def test_latest_is_the_newest_finished_run_with_weights(workshop, runs):
    assert find_checkpoint(workshop.settings, "latest") == runs["final"].best_checkpoint
    assert find_checkpoint(workshop.settings, "latest:baseline") == runs["baseline"].best_checkpoint
    with pytest.raises(BadInput, match="no finished run of refine with a checkpoint"):
        find_checkpoint(workshop.settings, "latest:refine")


def test_runs_by_id_by_folder_and_by_file(workshop, runs):
    broken = runs["broken"]
    assert find_checkpoint(workshop.settings, broken.run_id) == broken.best_checkpoint
    assert find_checkpoint(workshop.settings, "20260101") == runs["baseline"].best_checkpoint
    assert find_checkpoint(workshop.settings, str(broken.path)) == broken.best_checkpoint
    assert find_checkpoint(workshop.settings, str(broken.best_checkpoint)) == broken.best_checkpoint
    with pytest.raises(BadInput, match="beginning of 4 runs"):
        find_checkpoint(workshop.settings, "2026")
    for text in (runs["refine"].run_id, str(runs["refine"].path)):
        with pytest.raises(BadInput, match=r"has no checkpoints/best\.safetensors"):
            find_checkpoint(workshop.settings, text)


def test_weights_outlive_their_run(workshop, runs):
    models = workshop.settings.models_dir
    models.mkdir(parents=True, exist_ok=True)
    kept = models / "20250101-000000-baseline-0001.safetensors"
    kept.write_text("weights")
    assert find_checkpoint(workshop.settings, "20250101-000000-baseline-0001") == kept
    assert find_checkpoint(workshop.settings, "2025") == kept
    # the refine run has none, and no kept weights of its name
    with pytest.raises(BadInput, match="has no checkpoints"):
        find_checkpoint(workshop.settings, runs["refine"].run_id)


def test_what_is_no_weights(workshop, runs, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    for text, words in (
        (str(tmp_path / "notes.txt"), "is no file of weights"),
        (str(tmp_path / "folder"), "is no run directory"),
        (str(tmp_path / "missing.safetensors"), "no such file"),
        ("missing.onnx", "no such file"),
        ("nobody", "no run 'nobody'"),
        ("", "no run ''"),
    ):
        with pytest.raises(BadInput, match=words):
            find_checkpoint(workshop.settings, text)
