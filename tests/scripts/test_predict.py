"""`predict.py` as a person runs it: pictures, folders, a video, bad input, Ctrl-C."""

import csv
import json
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeseg.settings import ROOT


@pytest.fixture
def photos(tmp_path):
    """A folder as cameras and people leave it."""
    folder = tmp_path / "мои снимки"
    (folder / "sub dir").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a.jpg", "a.png", "второй снимок.png", "sub dir/a.png"):
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / name)
    Image.fromarray(random.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(folder / "small.webp")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def written(out) -> list[str]:
    return sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())


@pytest.mark.slow
def test_a_folder_with_every_kind_of_name(finished_shop, trained, photos):
    # inside the input: its own overlays are no pictures, in this call and in the next
    out = photos / "found"
    ended = finished_shop.tool(
        "predict.py", trained.directory.run_id, str(photos), "--out", str(out), "--threshold", "0.4"
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{out}: 5 pictures, ") and len(ended.stdout.splitlines()) == 1
    assert "threshold 0.4" in ended.stderr and "Traceback" not in ended.stderr
    keys = ["a.jpg", "a.png", "small", "sub dir/a", "второй снимок"]
    tables = ["predictions.coco.json", "predictions.csv", "predictions.jsonl"]
    expected = [*(f"masks/{key}.png" for key in keys), *(f"overlays/{key}.jpg" for key in keys), *tables]
    assert written(out) == sorted(expected)
    for file, size in (("small", (7, 9)), ("sub dir/a", (50, 40))):
        assert Image.open(out / "masks" / f"{file}.png").size == size
    again = finished_shop.inside(
        "predict.py", "latest", str(photos), "--out", str(photos / "second"), "--tile", "32", "--json"
    )
    assert again.returncode == 0, again.stderr
    facts = json.loads(again.stdout)
    assert facts["pictures"] == 5 and facts["run_id"] == trained.directory.run_id and facts["unreadable"] == 0
    assert len(list((photos / "second" / "masks").rglob("*.png"))) == 5


@pytest.mark.slow
def test_the_folder_is_asked_for_before_it_is_replaced(finished_shop, photos, tmp_path):
    out = tmp_path / "out"
    call = ("predict.py", "latest", str(photos), "--out", str(out))
    assert finished_shop.inside(*call, "--no-overlays").returncode == 0
    assert not (out / "overlays").exists()
    (photos / "a.png").unlink()
    refused = finished_shop.inside(*call)
    assert refused.returncode == 2 and "--resume goes on with it, --force replaces it" in refused.stderr
    replaced = finished_shop.inside(*call, "--force", "--soft")
    assert replaced.returncode == 0 and "4 pictures" in replaced.stdout
    # a.jpg has its name for itself now
    assert sorted(file.name for file in (out / "overlays").glob("*.jpg")) == ["a.jpg", "small.jpg", "второй снимок.jpg"]
    other = finished_shop.inside(*call, "--resume")
    assert other.returncode == 2 and "was begun with soft True, not False" in other.stderr
    resumed = finished_shop.inside(*call, "--resume", "--soft")
    assert resumed.returncode == 0 and "0 pictures" in resumed.stdout and "4 done before" in resumed.stdout


@pytest.mark.slow
def test_an_unreadable_picture_is_told_at_the_end(finished_shop, photos, tmp_path):
    (photos / "broken.png").write_text("no picture")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(photos / "deep.png")
    out = tmp_path / "out"
    ended = finished_shop.inside("predict.py", "latest", str(photos), "--out", str(out))
    assert ended.returncode == 1 and "5 pictures" in ended.stdout and "2 unreadable" in ended.stdout
    assert [line.split(": ")[0] for line in ended.stderr.splitlines()[-2:]] == [
        str(photos / "broken.png"), str(photos / "deep.png"),
    ]  # fmt: skip
    with open(out / "predictions.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 5


@pytest.mark.slow
def test_one_picture_from_a_file_of_weights_with_closed_streams(finished_shop, trained, photos, tmp_path):
    weights = finished_shop.settings.models_dir / f"{trained.directory.run_id}.safetensors"
    program = [sys.executable, str(ROOT / "scripts/tools/predict.py"), str(weights), str(photos / "a.png")]
    command = [*program, "--out", str(tmp_path / "out")]
    ended = finished_shop.call(["sh", "-c", 'exec "$@" <&- >&-', "sh", *command])
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "masks" / "a.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["latest", "EMPTY"], "holds no picture"),
        (["latest", "PHOTOS/notes.txt"], "is neither a picture"),
        (["latest", "PHOTOS/missing.png"], "no such file"),
        (["latest", "PHOTOS/text.png"], "cannot be read as a picture"),
        pytest.param(["latest", "PHOTOS/text.mp4"], "cannot be read as a video", marks=pytest.mark.slow),
        (["latest", "PHOTOS", "--threshold", "1"], "--threshold 1: must lie between 0 and 1"),
        (["latest", "PHOTOS", "--threshold", "nan"], "--threshold nan"),
        (["latest", "PHOTOS", "--tile", "100"], "100 is not a multiple of 32; the nearest is 96"),
        (["latest", "PHOTOS", "--tile", "64", "--overlap", "1"], "--overlap 1"),
        (["latest", "PHOTOS", "--every", "2"], "--every: is for videos"),
        (["latest", "PHOTOS", "--resume", "--force"], "choose"),
        (["latest", "PHOTOS", "--device", "tpu"], "device: 'tpu' is not known"),
        (["latest", "PHOTOS", "--batch-size", "0"], "--batch-size"),
        (["latest:final", "PHOTOS"], "no finished run of final"),
        (["PHOTOS/notes.txt", "PHOTOS"], "is no file of weights"),
        pytest.param(["PHOTOS/fake.safetensors", "PHOTOS"], "not a checkpoint of pipeseg", marks=pytest.mark.slow),
        pytest.param(["PHOTOS/fake.onnx", "PHOTOS"], "fake.onnx: cannot be read as ONNX", marks=pytest.mark.slow),
        (["nobody", "PHOTOS"], "no run 'nobody'"),
        (["latest", "PHOTOS", "--out", "PHOTOS"], "exists and holds other things"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(finished_shop, photos, tmp_path, arguments, words):
    if "onnx" in words:
        pytest.importorskip("onnxruntime")
    (tmp_path / "empty").mkdir()
    for name in ("text.png", "text.mp4", "fake.safetensors", "fake.onnx"):
        (photos / name).write_text("hello")
    before = written(tmp_path)
    filled = [part.replace("PHOTOS", str(photos)).replace("EMPTY", str(tmp_path / "empty")) for part in arguments]
    out = [] if "--out" in filled else ["--out", str(tmp_path / "out")]
    ended = finished_shop.inside("predict.py", *filled, *out)
    assert ended.returncode == 2 and ended.stdout == "", ended.stderr
    assert words in ended.stderr and len(ended.stderr.splitlines()) == 1, ended.stderr
    assert written(tmp_path) == before and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_video(finished_shop, tmp_path):
    path = tmp_path / "проход 1.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 10, (96, 64))
    for index in range(12):
        writer.write(np.full((64, 96, 3), 20 * index, np.uint8))
    writer.release()
    ended = finished_shop.inside("predict.py", "latest", str(path), "--out", str(tmp_path / "out"), "--every", "4")
    assert ended.returncode == 0, ended.stderr
    assert "3 frames" in ended.stdout
    assert written(tmp_path / "out") == sorted([
        *(f"masks/проход 1_{index:06}.png" for index in (0, 4, 8)),
        "overlays/проход 1.mp4", "predictions.coco.json", "predictions.csv", "predictions.jsonl",
    ])  # fmt: skip
    with open(tmp_path / "out" / "predictions.csv", newline="", encoding="utf-8") as file:
        assert [(row["frame"], row["seconds"]) for row in csv.DictReader(file)] == [
            ("0", "0.000"), ("4", "0.400"), ("8", "0.800"),
        ]  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(finished_shop, photos, tmp_path):
    source, out, count = tmp_path / "many", tmp_path / "out", 200
    source.mkdir()
    for index in range(count):
        shutil.copyfile(photos / "a.png", source / f"{index:03}.png")
    program = [sys.executable, str(ROOT / "scripts/tools/predict.py"), "latest", str(source), "--out", str(out)]
    process = subprocess.Popen(
        [*program, "--flips"], env=finished_shop.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        journal = out / "predictions.jsonl"
        finished_shop.wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 10)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in stderr, stderr
    assert "the same command with --resume goes on" in stderr
    done = int(stdout.split(": ")[1].split()[0])
    assert 10 <= done < count and not list(out.rglob("*.tmp"))
    with open(out / "predictions.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == done
    for mask in (out / "masks").iterdir():
        Image.open(mask).load()
    ended = finished_shop.inside("predict.py", *program[2:], "--flips", "--resume", "--json")
    assert ended.returncode == 0, ended.stderr
    facts = json.loads(ended.stdout)
    # the signal may fall between a line of the journal and its counting
    assert facts["skipped"] in (done, done + 1) and facts["skipped"] + facts["pictures"] == count
    coco = json.loads((out / "predictions.coco.json").read_text())
    assert len(coco["images"]) == count == len(list((out / "masks").iterdir()))
