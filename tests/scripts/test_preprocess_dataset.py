"""`preprocess_dataset.py` as a person runs it."""

import json
import os
import sys

import numpy as np
import pytest
from labelled_source import add_labelled_source
from PIL import Image

from pipeseg.data.splits import SplitRatios, split_dataset


@pytest.fixture
def source(own_tiny):
    """Twelve pictures labelled for two classes."""
    add_labelled_source(own_tiny)
    return own_tiny


def test_every_class_gets_three_sets_and_a_second_call_keeps_them(source):
    ended = source.tool("preprocess_dataset.py", "my pipes")
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    assert len(ended.stdout.splitlines()) == 6
    datasets = source.settings.datasets_dir
    for name in ("deposition", "obstacle"):
        for suffix in ("BASELINE", "BASELINE_VAL", "EVAL"):
            mask = next((datasets / f"my pipes_{name}_{suffix}" / "masks").iterdir())
            assert set(np.unique(np.asarray(Image.open(mask)))) <= {0, 255}
    again = source.tool("preprocess_dataset.py", "my pipes", "--class", "obstacle")
    assert again.returncode == 0 and again.stdout == "" and "--force replaces" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "labels.csv: no such file"),
        (["my pipes", "--class", "obstacl"], "did you mean 'obstacle'?"),
        (["my pipes", "--test", "2"], "--test"),
        (["my pipes", "--sed", "1"], "--sed"),
        (["my pipes", "--folds", "1"], "at least 2"),
        (["my pipes", "--folds", "9"], "too few for 9 folds"),
        ([], "'source'"),
    ],
)
def test_bad_input_is_one_line(source, arguments, words):
    ended = source.inside("preprocess_dataset.py", *arguments)
    assert ended.returncode == 2 and ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1 and words.casefold() in ended.stderr.casefold()
    assert [path.name for path in source.settings.datasets_dir.iterdir()] == ["my pipes"]


def test_folds_are_added_to_sets_of_the_same_draw(source):
    split_dataset(source.settings.datasets_dir / "my pipes", "obstacle", ratios=SplitRatios(), seed=0)
    ended = source.inside("preprocess_dataset.py", "my pipes", "--class", "obstacle", "--folds", "2")
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    names = [line.split(": ")[0] for line in ended.stdout.splitlines()]
    assert names[3:] == [f"my pipes_obstacle_BASELINE_F{k}{suffix}" for k in (1, 2) for suffix in ("", "_VAL")]
    assert all((source.settings.datasets_dir / name / "dataset.json").is_file() for name in names)
    other = source.inside("preprocess_dataset.py", "my pipes", "--class", "obstacle", "--folds", "3", "--seed", "1")
    assert other.returncode == 2 and len(other.stderr.splitlines()) == 1 and "--force replaces it" in other.stderr
    # a new draw says which sets of the old one are left over
    forced = source.inside("preprocess_dataset.py", "my pipes", "--class", "obstacle", "--seed", "1", "--force")
    assert forced.returncode == 0 and "BASELINE_F1 shares" in forced.stderr


def test_a_source_without_groups_is_searched(source):
    description = source.settings.datasets_dir / "my pipes" / "dataset.json"
    description.unlink()
    ended = source.inside("preprocess_dataset.py", "my pipes", "--class", "obstacle")
    assert ended.returncode == 0 and "looking for copies among 12 pictures" in ended.stderr
    assert len(json.loads(description.read_text())["groups"]) == 12
    description.unlink()
    ended = source.inside("preprocess_dataset.py", "my pipes", "--force", "--no-duplicate-search")
    assert ended.returncode == 0 and "copies" not in ended.stderr and not description.exists()


def test_a_broken_description_is_named(source):
    (source.settings.datasets_dir / "my pipes" / "dataset.json").write_text('{"groups": ')
    ended = source.inside("preprocess_dataset.py", "my pipes")
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
    assert "my pipes/dataset.json: not JSON" in ended.stderr.replace("\\", "/")


@pytest.mark.skipif(sys.platform == "win32", reason="limits file sizes as POSIX systems do")
@pytest.mark.parametrize("limit", [60, 400])  # stops a mask, stops the list of checksums
def test_a_disk_that_fills_up_leaves_nothing(source, limit):
    import resource

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ended = source.tool("preprocess_dataset.py", "my pipes", preexec_fn=little_room)
    assert ended.returncode == 2 and ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert f"{source.settings.datasets_dir}{os.sep}my pipes_deposition" in ended.stderr
    assert [path.name for path in source.settings.datasets_dir.iterdir()] == ["my pipes"]
