"""`import_dataset.py` and `export_dataset.py` as programs: exit codes, and what is told where."""

import json
import shutil

import pytest
from foreign import photo, text


@pytest.fixture
def raw(own_tiny):
    folder = own_tiny.root / "трубы 1"
    for name in ("a.jpg", "b b.png"):
        photo(folder / "images" / name)
        text(folder / "labels" / f"{name.rpartition('.')[0]}.txt", "0 0.5 0.5 0.2 0.1\n")
    text(folder / "classes.txt", "leak\n")
    return folder


def refused(ended) -> str:
    assert ended.returncode == 2 and ended.stdout == "", ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


def test_a_folder_becomes_a_dataset_and_a_coco_file(own_tiny, raw):
    ended = own_tiny.tool("import_dataset.py", str(raw), "--label", "leak=Течь")
    target = own_tiny.settings.datasets_dir / "трубы_1"
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    first, second = ended.stdout.splitlines()
    assert first.startswith(f"{target}: 2 pictures read as yolo, 2 boxes") and second == "leak: 2 pictures"
    assert json.loads((target / "dataset.json").read_text(encoding="utf-8"))["classes"] == {"leak": "Течь"}
    out = own_tiny.root / "out.json"
    ended = own_tiny.tool("export_dataset.py", "трубы_1", "--out", str(out))
    assert ended.returncode == 0 and ended.stdout == f"{out}: 2 pictures, 2 boxes, 0 regions\n", ended.stderr
    assert len(json.loads(out.read_text(encoding="utf-8"))["annotations"]) == 2


def test_problems_are_told_and_do_not_fail_the_import(own_tiny, raw):
    for number in range(15):
        text(raw / "labels" / f"gone{number:02}.txt", "0 .5 .5 .1 .1\n")
    ended = own_tiny.inside("import_dataset.py", str(raw), "--name", "pipes")
    assert ended.returncode == 0 and "2 pictures" in ended.stdout
    lines = ended.stderr.splitlines()
    assert len(lines) == 11 and lines[0].startswith("labels/gone00.txt: a label file without picture")
    assert lines[-1].startswith("... and 5 more problems") and "dataset.json" in lines[-1]


def test_refusals(own_tiny, raw):
    datasets = own_tiny.settings.datasets_dir
    assert "no such file" in refused(own_tiny.inside("import_dataset.py", str(own_tiny.root / "nowhere")))
    assert "cannot be a folder's name" in refused(own_tiny.inside("import_dataset.py", str(raw), "--name", "../x"))
    assert "KEY=TEXT" in refused(own_tiny.inside("import_dataset.py", str(raw), "--label", "leak"))
    assert "did you mean 'yolo'" in refused(own_tiny.inside("import_dataset.py", str(raw), "--format", "yol"))
    shutil.rmtree(raw / "images")
    assert "picture" in refused(own_tiny.inside("import_dataset.py", str(raw)))
    assert not list(datasets.iterdir())
    assert "nowhere" in refused(own_tiny.inside("export_dataset.py", "nowhere"))
    assert "format 'x' is not known" in refused(own_tiny.inside("export_dataset.py", "nowhere", "--format", "x"))


def test_an_existing_dataset_is_replaced_only_by_force(own_tiny, raw):
    arguments = ("import_dataset.py", str(raw), "--name", "pipes")
    assert own_tiny.inside(*arguments).returncode == 0
    assert "exists already; --force" in refused(own_tiny.inside(*arguments))
    assert own_tiny.inside(*arguments, "--force").returncode == 0
    assert [entry.name for entry in own_tiny.settings.datasets_dir.iterdir()] == ["pipes"]
