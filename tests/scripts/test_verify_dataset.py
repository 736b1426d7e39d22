"""`verify_dataset.py` as a person runs it: exit codes, lines, JSON."""

import json
import shutil

import pytest
from labelled_source import add_labelled_source

from pipeseg.data.splits import SplitRatios, split_dataset


@pytest.fixture
def source(own_tiny):
    add_labelled_source(own_tiny)
    return own_tiny


@pytest.fixture
def split(source):
    split_dataset(source.settings.datasets_dir / "my pipes", "obstacle", ratios=SplitRatios(), seed=0)
    return source


def test_proven_sets_by_name_and_by_path(split):
    ended = split.tool("verify_dataset.py", "my pipes", "--no-duplicate-search")
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == 18 and lines[0] == "my pipes_obstacle_EVAL: fingerprint: ok"
    assert "my pipes_obstacle_EVAL: copies: skipped" in lines and not any("VIOLATED" in line for line in lines)
    by_path = split.tool("verify_dataset.py", "my pipes_obstacle_EVAL/", "--json", cwd=split.settings.datasets_dir)
    assert by_path.returncode == 0, by_path.stderr
    facts = json.loads(by_path.stdout)
    assert facts["proven"] and facts["violations"] == [] and facts["sets"]["my pipes_obstacle_EVAL"]["copies"] == "ok"


def test_one_image_copied_across_sets_fails(split):
    datasets = split.settings.datasets_dir
    image = min((datasets / "my pipes_obstacle_EVAL" / "images").iterdir())
    for part in ("images", "masks"):
        shutil.copy(
            datasets / "my pipes_obstacle_EVAL" / part / image.name, datasets / "my pipes_obstacle_BASELINE" / part
        )
    ended = split.inside("verify_dataset.py", "my pipes")
    assert ended.returncode == 1 and ended.stderr == ""
    told = [line for line in ended.stdout.splitlines() if line.startswith("violated: ")]
    assert {line.split(": ")[1] for line in told} == {"fingerprint", "files", "groups", "pixels"}
    assert all(image.name in line and "my pipes_obstacle_BASELINE" in line for line in told)
    assert "my pipes_obstacle_EVAL: pixels: VIOLATED (1)" in ended.stdout
    failed = split.inside("verify_dataset.py", "my pipes", "--json", "--no-duplicate-search")
    facts = json.loads(failed.stdout)
    assert failed.returncode == 1 and not facts["proven"] and len(facts["violations"]) == len(told)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no such dataset"),
        (["my pipe"], "did you mean 'my pipes'?"),
        (["my pipes"], "preprocess_dataset.py my pipes"),
    ],
)
def test_bad_input_is_one_line(source, arguments, words):
    ended = source.inside("verify_dataset.py", *arguments)
    assert ended.returncode == 2 and ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1 and words.casefold() in ended.stderr.casefold()
