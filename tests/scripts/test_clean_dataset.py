"""`clean_dataset.py` as a person runs it: on our layout, on a YOLO folder, on pictures alone."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from real_pictures import REAL

from pipeseg.data.folder import DatasetFolder
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT

ROTATED, PIPES = REAL.with_name("neu_rotated"), REAL.with_name("pipe_yolo")
SCRIPT = "clean_dataset.py"


@pytest.fixture
def workshop(own_tiny):
    """A dataset `pipes` of ten pictures with boxes: a copy, a turned copy, a box drawn twice, a box outside."""
    folder = own_tiny.add_dataset("pipes", range(10), classes={"leak": "Течь"})
    images = folder / "images"
    (folder / "dataset.json").write_text(json.dumps({"classes": {"leak": "Течь"}}))
    shutil.copyfile(images / "p000.png", images / "copy.png")
    Image.open(images / "p001.png").transpose(Image.Transpose.ROTATE_90).save(images / "turned.png")
    for name, source in (("copy", "p000"), ("turned", "p001")):
        shutil.copyfile(folder / "masks" / f"{source}.png", folder / "masks" / f"{name}.png")
    rows = []
    for index in (0, 1, 2, 4, 5, 6, 8):
        mask = np.asarray(Image.open(folder / "masks" / f"p{index:03}.png"))
        y, x = np.nonzero(mask)
        rows.append([f"p{index:03}.png", "leak", x.min(), y.min(), x.max() + 1, y.max() + 1])
    rows += [["copy.png", *rows[0][1:]], ["turned.png", "crack", 5, 5, 20, 20]]
    rows += [rows[2], ["p004.png", "leak", 100, 100, 120, 120]]
    with (folder / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["filename", "defect_class", "x_min", "y_min", "x_max", "y_max"], *rows])
    return own_tiny


def pixels(index: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (height, width, 3), dtype=np.uint8)


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `folder` with its time of change and content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_the_reports_name_what_was_found_and_the_source_stays_as_it_is(workshop, tmp_path):
    source = workshop.settings.datasets_dir / "pipes"
    before = state(source)
    ended = workshop.tool(
        SCRIPT, "pipes", "--report", str(tmp_path / "r.json"), "--markdown", str(tmp_path / "r.md"), "--no-content"
    )
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    assert "pipes: 12 pictures" in ended.stdout and "boxes drawn twice" in ended.stdout
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert sorted(report["duplicate_groups"]) == [["copy.png", "p000.png"], ["p001.png", "turned.png"]]
    suspects = {(entry["file"], entry["kind"]) for entry in report["suspect_boxes"]}
    assert suspects == {("p002.png", "twice"), ("p004.png", "outside")}
    (outside,) = (entry for entry in report["suspect_boxes"] if entry["kind"] == "outside")
    assert outside["box"] == [100, 100, 120, 120] and outside["reason"].startswith("outside: ")
    assert report["unreadable"] == [] and report["class_counts"] == {"leak": 8, "crack": 1}
    assert report["conflicts"][0]["files"] == ["p001.png", "turned.png"]
    page = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "copy.png, p000.png" in page and "](r.jpg)" in page
    assert Image.open(tmp_path / "r.jpg").size[0] > 500
    assert state(source) == before


def test_cleaning_writes_a_new_dataset_that_can_be_undone(workshop):
    datasets = workshop.settings.datasets_dir
    before = state(datasets / "pipes")
    ended = workshop.inside(SCRIPT, "pipes", "--clean", "--no-content")
    assert ended.returncode == 0, ended.stderr
    assert "pipes_CLEAN: 10 pictures; in quarantine: 2 duplicate, 1 outside, 1 twice" in ended.stdout
    folder = DatasetFolder.open(datasets / "pipes_CLEAN")
    assert len(folder.samples) == 10 and list(folder.read_all())
    assert (datasets / "pipes_CLEAN" / "quarantine" / "quarantine.csv").is_file()
    again = workshop.inside(SCRIPT, "pipes", "--clean", "--no-content")
    assert again.returncode == 2 and "--force replaces it" in again.stderr
    undone = workshop.inside(SCRIPT, "pipes_CLEAN", "--restore", "all")
    assert undone.returncode == 0 and len(undone.stdout.splitlines()) == 4
    assert len(DatasetFolder.open(datasets / "pipes_CLEAN").samples) == 12
    assert state(datasets / "pipes") == before
    assert [path.name for path in sorted(datasets.iterdir())] == ["pipes", "pipes_CLEAN"]


def test_choices_on_the_command_line(workshop):
    arguments = ["--drop", "crack", "--except", "p004.png", "--keep-duplicates", "--no-content", "--workers", "1"]
    ended = workshop.inside(SCRIPT, "pipes", "--out", "fewer", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert "fewer: 11 pictures; in quarantine: 2 dropped_class, 1 twice" in ended.stdout
    facts = json.loads((workshop.settings.datasets_dir / "fewer" / "dataset.json").read_text(encoding="utf-8"))
    assert facts["source"] == "pipes" and facts["classes"] == {"leak": "Течь"}
    assert facts["parameters"]["drop"] == ["crack"] and facts["groups"]["copy.png"] == facts["groups"]["p000.png"]


def test_content_is_asked_for_by_default(workshop, tmp_path):
    ended = workshop.inside(SCRIPT, "pipes", "--report", str(tmp_path / "r.json"))
    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["content_checked"] is True


def test_pictures_alone_with_files_that_are_none(own_tiny, tmp_path):
    folder = tmp_path / "just pictures" / "images"
    folder.mkdir(parents=True)
    for index in range(4):
        Image.fromarray(pixels(index)).save(folder / f"фото {index}.jpg", quality=95)
    whole = (folder / "фото 1.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((64, 64), np.uint16) + 3000).save(folder / "deep.png")
    Image.fromarray(pixels(9)).convert("CMYK").save(folder / "print.jpg")
    Image.fromarray(pixels(8, 32, 100)).save(folder / "odd.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(pixels(7)).save(folder / "exif.jpg", exif=turned)
    ended = own_tiny.inside(SCRIPT, str(folder.parent), "--report", str(tmp_path / "r.json"))
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert {entry["file"] for entry in report["unreadable"]} == {"half.jpg", "deep.png"}
    notes = {(note["file"], note["kind"]) for note in report["notes"]}
    assert {("print.jpg", "mode"), ("odd.png", "size_of_picture"), ("exif.jpg", "exif")} <= notes
    assert report["class_counts"] == {} and report["content_checked"] is False
    cleaned = own_tiny.inside(SCRIPT, str(folder.parent), "--clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert len(DatasetFolder.open(own_tiny.settings.datasets_dir / "just pictures_CLEAN").samples) == 7


def test_a_yolo_folder(own_tiny, tmp_path):
    folder = tmp_path / "yolo"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for index in range(5):
        Image.fromarray(pixels(index)).save(folder / "images" / f"p{index}.png")
        (folder / "labels" / f"p{index}.txt").write_text("0 0.5 0.5 0.25 0.25\n1 0.5 0.5 1 1\n")
    (folder / "classes.txt").write_text("leak\ncrack\n")
    ended = own_tiny.inside(SCRIPT, str(folder), "--clean", "--no-content", "--report", str(tmp_path / "r.json"))
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [entry["kind"] for entry in report["suspect_boxes"]] == ["whole"] * 5
    _, mask = next(DatasetFolder.open(own_tiny.settings.datasets_dir / "yolo_CLEAN").read_all())
    assert mask.sum() == 16 * 16 * 255


@pytest.fixture(scope="module")
def command():
    """The function behind the command line: a process for every mistake would take a second each."""
    spec = importlib.util.spec_from_file_location("clean_dataset", ROOT / "scripts" / "tools" / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.clean_dataset


@pytest.mark.parametrize(
    ("directory", "options", "words"),
    [
        ("pipe", {}, "did you mean 'pipes'?"),
        ("pipes", {"clean": True, "drop": "lek"}, "did you mean 'leak'?"),
        ("pipes", {"clean": True, "spare": ["p1"]}, "holds no picture 'p1'"),
        ("pipes", {"drop": "leak"}, "need --clean or --out"),
        ("pipes", {"out": "a/b"}, "is no name of a dataset"),
        ("pipes", {"out": ".hidden"}, "is no name of a dataset"),
        ("pipes", {"out": "pipes"}, "is the source itself"),
        ("pipes", {"out": "mine", "force": True}, "was not made by cleaning"),
        ("pipes", {"report": Path("nowhere/r.json")}, "no such folder"),
        ("pipes", {"restore": ["all"]}, "only what clean_dataset.py wrote"),
        ("pipes", {"clean": True, "restore": ["all"]}, "--restore: takes DIR only"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(workshop, command, monkeypatch, directory, options, words):
    datasets = workshop.settings.datasets_dir
    (datasets / "mine").mkdir()
    monkeypatch.setenv("DATASETS_DIR", str(datasets))
    # the function takes SIGTERM over
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(BadInput, match=re.escape(words)) as raised:
        command(directory, content=False, **options)
    signal.signal(signal.SIGTERM, before)
    assert len(str(raised.value).splitlines()) == 1
    assert sorted(path.name for path in datasets.iterdir()) == ["mine", "pipes"]


def test_a_mistake_on_the_command_line_is_one_line(workshop):
    ended = workshop.inside(SCRIPT, "pipes", "--clean", "--drop", "lek")
    assert ended.returncode == 2 and ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1 and "did you mean 'leak'?" in ended.stderr


def test_a_target_that_cannot_be_written(workshop, tmp_path):
    # a folder below a file refuses everybody, root too
    (tmp_path / "file").write_text("")
    source = str(workshop.settings.datasets_dir / "pipes")
    ended = workshop.inside(SCRIPT, source, "--clean", "--no-content", env={"DATASETS_DIR": str(tmp_path / "file")})
    assert ended.returncode in (1, 2) and len(ended.stderr.splitlines()) == 1
    assert str(tmp_path / "file") in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_an_interrupt_leaves_nothing_half_written(workshop):
    datasets = workshop.settings.datasets_dir
    command = [sys.executable, str(ROOT / "scripts" / "tools" / SCRIPT), "pipes", "--clean", "--no-content"]
    # stopped as soon as its half-written folder appears: pictures enough that this is not too late
    for index in range(150):
        shutil.copyfile(datasets / "pipes" / "images" / "p003.png", datasets / "pipes" / "images" / f"q{index}.png")
        shutil.copyfile(datasets / "pipes" / "masks" / "p003.png", datasets / "pipes" / "masks" / f"q{index}.png")
    process = subprocess.Popen(
        [*command, "--keep-duplicates"], env=workshop.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    workshop.wait_until(lambda: any(".partial-" in path.name for path in datasets.iterdir()) or process.poll())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130 and b"Traceback" not in process.stderr.read()
    assert [path.name for path in datasets.iterdir()] == ["pipes"]


@pytest.mark.slow
@pytest.mark.skipif(not ROTATED.is_dir(), reason="the real pictures are not here")
def test_turned_copies_among_real_pictures(own_tiny, tmp_path):
    ended = own_tiny.inside(SCRIPT, str(ROTATED), "--report", str(tmp_path / "r.json"))
    assert ended.returncode == 0, ended.stderr
    groups: dict[str, list[str]] = {}
    with (ROTATED / "groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            groups.setdefault(row["group"], []).append(row["file"])
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))

    def pairs(found):
        return {pair for names in found for pair in combinations(sorted(names), 2)}

    truth, claimed = pairs(groups.values()), pairs(report["duplicate_groups"])
    assert len(truth & claimed) / len(truth) >= 0.99
    assert len(truth & claimed) / len(claimed) >= 0.99


@pytest.mark.slow
@pytest.mark.skipif(not PIPES.is_dir(), reason="the real pictures are not here")
def test_real_photographs_with_boxes(own_tiny, tmp_path):
    ended = own_tiny.tool(SCRIPT, str(PIPES), "--report", str(tmp_path / "r.json"), "--clean", timeout=300)
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["box_counts"] == {"leak": 203, "crack": 173} and report["unreadable"] == []
    assert report["duplicate_groups"] and any(pair["transform"] != "same" for pair in report["duplicate_pairs"])
    assert len(report["suspect_boxes"]) < 0.1 * 376
    assert len(DatasetFolder.open(own_tiny.settings.datasets_dir / "pipe_yolo_CLEAN").samples) > 100
