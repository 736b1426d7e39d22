"""Bad input to `experiment.py`: one sentence on stderr, exit code 2 (or 1), and nothing half-written."""

import os
import sys

import numpy as np
import pytest
from inside import run_inside
from PIL import Image

from experiments.tool import ticking
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import ROOT


@pytest.fixture
def refused(tiny):
    """Run the baseline, which must be refused before it starts; return its one line."""

    def call(*arguments, env=None) -> str:
        ended = run_inside(tiny.experiment(*arguments), {**tiny.environment, **(env or {})})
        assert ended.returncode == 2 and ended.stdout == "", ended.stderr
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert not tiny.run_folders()
        return ended.stderr

    return call


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epoch=3", "epoch: unknown key; did you mean 'epochs'?"),
        ("model.args.encoder_name=resnet81", "unknown encoder 'resnet81'; did you mean 'resnet18'?"),
        ("epochs=many", "epochs: input should be a valid integer"),
        ("threshold=1.5", "threshold: input should be less than 1"),
        ("model.name=UNext", "unknown model 'UNext'; did you mean 'UNet'?"),
        ("criterion.name=Dice", "unknown loss 'Dice'"),
        ("image_size=[100, 100]", "not a multiple of 32"),
        ("epochs", "is not of the form key=value"),
        ("train_dataset=tiny_deposition_BASELIN", "tiny_deposition_BASELIN"),
    ],
)
def test_a_wrong_override(refused, override, words):
    assert words in refused("--set", override)


def test_missing_and_empty_datasets(refused, tmp_path):
    missing = tmp_path / "nowhere"
    line = refused(env={"DATASETS_DIR": str(missing)})
    assert str(missing) in line and "make_sample_dataset" in line
    (tmp_path / "empty").mkdir()
    assert "make_sample_dataset" in refused(env={"DATASETS_DIR": str(tmp_path / "empty")})


def test_no_write_permission(refused, tmp_path):
    # a folder below a file refuses everybody, root too
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(env={"RUNS_DIR": str(tmp_path / "file" / "runs")})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_runs_folder(tiny, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "no permission" in refused(env={"RUNS_DIR": str(tmp_path / "locked")})


@pytest.mark.parametrize("text", ["a: [1", "- a", "", "stage: baselin"])
def test_a_config_that_cannot_be_read(tiny, tmp_path, text):
    folder = tmp_path / "experiment" / "broken"
    folder.mkdir(parents=True)
    script = (ROOT / "scripts" / "experiment" / "baseline" / "experiment.py").read_text()
    place = 'next(p for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir())'
    (folder / "experiment.py").write_text(script.replace(place, repr(str(ROOT))))
    (folder / "config.yaml").write_text(text)
    environment = {**tiny.environment, "EXPERIMENTS_DIR": str(folder.parent)}
    ended = run_inside([sys.executable, str(folder / "experiment.py")], environment)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
    assert str(folder / "config.yaml") in ended.stderr and not tiny.run_folders()


def test_an_unknown_option_is_one_line(refused):
    assert "--epochs" in refused("--epochs", "3")


def spoil_image(datasets):
    (datasets / "tiny_deposition_EVAL" / "images" / "p041.png").write_bytes(b"no picture")
    return "p041.png: cannot be read as a picture"


def spoil_mask_size(datasets):
    file = datasets / "tiny_deposition_BASELINE_VAL" / "masks" / "p021.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(file)
    return "p021.png: mask is 9x9, its picture p021.png is 64x64"


def spoil_mask(datasets):
    (datasets / "tiny_deposition_BASELINE" / "masks" / "p001.png").unlink()
    return "p001.png: picture without mask"


def spoil_picture(datasets):
    (datasets / "tiny_deposition_BASELINE" / "images" / "p001.png").unlink()
    return "p001.png: mask without picture"


@pytest.fixture
def workshop(own_tiny):
    for suffix, indices in (("BASELINE", range(3)), ("BASELINE_VAL", range(20, 23)), ("EVAL", range(40, 43))):
        own_tiny.add_dataset(f"tiny_deposition_{suffix}", indices)
    return own_tiny


def failed(tiny, capsys, **changes) -> str:
    """Train in this process as `experiment.py` does; return the one sentence of a run that failed with code 2."""
    from experiments.entry import Host
    from pipeseg.training.loop import train

    directory = tiny.run(**changes).directory
    directory.update(upload="off")
    assert Host(tiny.settings, directory, attended=True).execute(train) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert "Traceback" not in directory.log_file.read_text()
    assert directory.read_info()["status"] == "failed" and directory.read_exit()["code"] == 2
    assert not any(directory.checkpoints.iterdir()) and not any(directory.results.iterdir())
    return line


@pytest.mark.parametrize("spoil", [spoil_image, spoil_mask_size, spoil_mask, spoil_picture])
def test_spoilt_data_is_named_before_anything_is_learned(workshop, capsys, spoil):
    words = spoil(workshop.settings.datasets_dir)
    assert words in failed(workshop, capsys)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"args": {"encoder_weights": "/nowhere/w.pth"}}}, "/nowhere/w.pth: no such file"),
        ({"criterion": {"name": "BCELoss", "args": {"weight": 3}}}, "unexpected keyword argument 'weight'"),
        ({"device": "cuda:77"}, "device: 'cuda:77' is not there"),
    ],
)
def test_what_only_the_libraries_know(workshop, capsys, change, words):
    assert words in failed(workshop, capsys, **change)


@pytest.mark.slow
def test_weights_that_cannot_be_downloaded(tiny):
    ended = tiny.call(tiny.experiment(model={"args": {"encoder_name": "resnet18", "encoder_weights": "imagenet"}}))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "error: " in line]
    assert "could not be downloaded" in line
    (folder,) = tiny.run_folders()
    assert RunDirectory(folder).read_exit()["code"] == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="closes streams with a POSIX shell")
def test_a_tool_with_every_stream_closed_does_its_work(tiny):
    tool = str(ROOT / "scripts" / "tools" / "verify_dataset.py")
    command = [sys.executable, tool, "tiny_deposition_EVAL"]
    expected = tiny.call(command).returncode
    assert tiny.call(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]).returncode == expected


def test_progress_without_stderr_writes_nowhere(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)
    with ticking("counting") as tick:
        for done in range(1, 4):
            tick(done, 3)
    assert capsys.readouterr().out == ""
