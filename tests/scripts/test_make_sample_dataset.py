"""The sample-dataset tool as a person runs it: layout, determinism, refusals, a stop in the middle."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

TOOL = Path(__file__).resolve().parents[2] / "scripts" / "tools" / "make_sample_dataset.py"
TINY = ("--images-per-class", "2", "--hand-per-class", "1", "--clean", "2", "--size", "96x128")


def run(*arguments, **environment):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The smallest preset, with more mistakes than usual."""
    out = tmp_path_factory.mktemp("data") / "sample"
    done = run("--out", out, "--preset", "tiny", "--errors", "4", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    return out


def described(sample):
    return json.loads((sample / "dataset.json").read_text("utf-8"))


def truth_of(sample):
    return json.loads((sample / "truth.json").read_text("utf-8"))


def grey(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_layout(sample):
    catalogue = described(sample)
    count = len(catalogue["groups"])
    stems = [f"sample_{i:04d}" for i in range(1, count + 1)]
    assert 22 < count < 30
    assert sorted(p.name for p in (sample / "images").iterdir()) == [f"{s}.jpg" for s in stems]
    for folder in ("masks", *(f"truth/{key}" for key in catalogue["classes"])):
        assert sorted(p.name for p in (sample / folder).iterdir()) == [f"{s}.png" for s in stems]
    assert sorted(p.name for p in (sample / "labels").iterdir()) == [f"{s}.txt" for s in stems]
    assert (sample / "classes.txt").read_text().split() == list(catalogue["classes"])
    assert catalogue["classes"]["deposition"] == "Отложения" and catalogue["classes"]["misalignment"] == "Несоосность"
    assert len(catalogue["classes"]) == 6 and "box_truth" not in catalogue
    assert len(catalogue["hand_labelled"]) >= 6 * 3 + 1
    assert set(catalogue["groups"]) == {f"{s}.jpg" for s in stems}
    assert all(count >= 3 for count in catalogue["class_counts"].values())
    assert len(catalogue["fingerprint"]) == 64
    assert catalogue["parameters"]["size"] == "96x128" and catalogue["parameters"]["errors"] == 4.0
    image, mask = grey(sample / "images" / "sample_0001.jpg"), grey(sample / "masks" / "sample_0001.png")
    assert image.shape[:2] == mask.shape and set(np.unique(mask)) <= {0, 255}


def test_boxes_cover_the_truth_unless_they_are_recorded_as_wrong(sample):
    catalogue = described(sample)
    errors = truth_of(sample)["boxes"]
    listed = {}
    for row in table(sample / "boxes.csv"):
        box = tuple(int(row[k]) for k in ("x_min", "y_min", "x_max", "y_max"))
        listed.setdefault((row["filename"], row["defect_class"]), []).append(box)
    covering = {place: list(boxes) for place, boxes in listed.items()}
    kinds = set()
    for error in errors:
        place, box = (error["filename"], error["defect_class"]), tuple(error["box"])
        kinds.add(error["kind"])
        assert (box in listed.get(place, [])) == (error["kind"] != "missed"), error
        # What is there although the boxes do not say so.
        if error["kind"] == "missed":
            covering.setdefault(place, []).append(box)
        elif error["kind"] == "wrong_class":
            assert error["true_class"] in catalogue["classes"] and error["true_class"] != place[1]
            covering.setdefault((place[0], error["true_class"]), []).append(box)
    assert {"missed", "wrong_class"} <= kinds
    wrong = {(e["filename"], e["defect_class"], tuple(e["box"])) for e in errors}
    for filename in catalogue["groups"]:
        height, width = grey(sample / "images" / filename).shape[:2]
        filled = np.zeros((height, width), bool)
        for key in catalogue["classes"]:
            truth = grey(sample / "truth" / key / f"{Path(filename).stem}.png") > 0
            assert truth.shape == (height, width)
            covered = fill(covering.get((filename, key), []), height, width)
            filled |= fill(listed.get((filename, key), []), height, width)
            if truth.any():  # a side may lie 3 % inside
                assert (truth & covered).sum() > 0.85 * truth.sum(), (filename, key)
            for x0, y0, x1, y1 in listed.get((filename, key), []):
                right = 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
                assert right or (filename, key, (x0, y0, x1, y1)) in wrong
        assert np.array_equal(grey(sample / "masks" / f"{Path(filename).stem}.png") > 0, filled)


def fill(boxes, height, width):
    mask = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes:
        mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return mask


def test_copies_are_recorded_and_share_the_group_of_their_original(sample):
    catalogue, duplicates = described(sample), truth_of(sample)["duplicates"]
    assert {d["kind"] for d in duplicates} >= {"exact", "recompressed", "flipped"}
    for entry in duplicates:
        copy, original = (sample / "images" / entry[name] for name in ("file", "of"))
        assert catalogue["groups"][copy.name] == catalogue["groups"][original.name]
        assert (copy.read_bytes() == original.read_bytes()) == (entry["kind"] == "exact")
        if entry["transform"] == "flipped":
            difference = np.abs(grey(copy)[:, ::-1].astype(float) - grey(original))
            assert difference.mean() < 8


def test_errors_and_copies_can_be_turned_off(tmp_path):
    done = run("--out", tmp_path / "clean", *TINY, "--errors", "0", "--duplicates", "0", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert truth_of(tmp_path / "clean") == {"duplicates": [], "boxes": []}


def test_yolo_labels_say_the_same_as_the_boxes(sample):
    names = (sample / "classes.txt").read_text().split()
    expected = {}
    for row in table(sample / "boxes.csv"):
        x0, y0, x1, y1 = (int(row[k]) for k in ("x_min", "y_min", "x_max", "y_max"))
        expected.setdefault(Path(row["filename"]).stem, []).append((row["defect_class"], x0, y0, x1, y1))
    for path in (sample / "labels").iterdir():
        height, width = grey(sample / "images" / f"{path.stem}.jpg").shape[:2]
        found = []
        for line in path.read_text().splitlines():
            number, *relative = line.split()
            cx, cy, w, h = (float(v) * side for v, side in zip(relative, (width, height) * 2, strict=True))
            found.append((names[int(number)], *(round(v) for v in (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))))
        assert found == expected.get(path.stem, [])


def test_hand_labels_are_via_rows_that_match_the_truth(sample):
    catalogue = described(sample)
    rows = table(sample / "labels.csv")
    assert {row["filename"] for row in rows} == set(catalogue["hand_labelled"])
    drawn = {}
    for row in rows:
        assert int(row["file_size"]) == (sample / "images" / row["filename"]).stat().st_size
        assert row["file_attributes"] == "{}"
        shape, attributes = json.loads(row["region_shape_attributes"]), json.loads(row["region_attributes"])
        if row["region_count"] == "0":
            assert (row["region_id"], shape, attributes) == ("0", {}, {})
            continue
        assert shape["name"] == "polygon" and len(shape["all_points_x"]) == len(shape["all_points_y"]) >= 3
        points = np.stack([shape["all_points_x"], shape["all_points_y"]], 1).astype(np.int32)
        key = (row["filename"], attributes["defect_class"])
        one = np.zeros(grey(sample / "images" / row["filename"]).shape[:2], np.uint8)
        cv2.fillPoly(one, [points], 1)
        drawn[key] = drawn.get(key, False) | (one > 0)
    scores = []
    for filename in catalogue["hand_labelled"]:
        for defect in catalogue["classes"]:
            truth = grey(sample / "truth" / defect / f"{Path(filename).stem}.png") > 0
            hand = drawn.get((filename, defect), np.zeros_like(truth))
            if truth.any() or hand.any():
                scores.append((hand & truth).sum() / (hand | truth).sum())
    assert 0.75 < np.mean(scores) < 0.98


@pytest.mark.slow
def test_same_bytes_for_any_number_of_workers_and_hash_seed(tmp_path):
    one, three = tmp_path / "one", tmp_path / "three"
    for out, workers, hash_seed in ((one, 1, "1"), (three, 3, "777")):
        done = run("--out", out, *TINY, "--workers", workers, PYTHONHASHSEED=hash_seed)
        assert done.returncode == 0, done.stderr
    assert contents(one) == contents(three)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "three"]


@pytest.mark.slow
def test_a_dataset_that_is_there_is_left_alone_unless_forced(tmp_path):
    out = tmp_path / "sample"
    tiny = ("--out", out, "--images-per-class", "1", "--clean", "0", "--size", "64x64", "--classes", "deposition")
    assert run(*tiny, "--workers", "1").returncode == 0
    before = contents(out)
    again = run(*tiny, "--seed", "5")
    assert again.returncode == 0 and "exists already" in again.stderr and contents(out) == before
    forced = run(*tiny, "--seed", "5", "--workers", "1", "--force")
    assert forced.returncode == 0 and contents(out) != before
    assert [p.name for p in tmp_path.iterdir()] == ["sample"]


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    done = run("--out", tmp_path, "--force")
    assert done.returncode == 2 and "choose another --out" in done.stderr
    (tmp_path / "dataset.json").write_text('{"source": "somebody else"}')
    done = run("--out", tmp_path, "--force")
    assert done.returncode == 2 and "choose another --out" in done.stderr
    assert (tmp_path / "holiday.jpg").read_bytes() == b"x"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--classes", "depositon"), "did you mean 'deposition'"),
        (("--size", "wide"), "HEIGHTxWIDTH"),
        (("--images-per-class", "0"), "--images-per-class"),
        (("--workers", "-2"), "--workers"),
        (("--seed", "-1"), "--seed"),
        (("--preset", "demmo"), "did you mean 'demo'"),
        (("--errors", "-1"), "--errors"),
        (("--duplicates", "99"), "--duplicates"),
        (("--mix", "odd"), "--mix"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, words):
    done = run("--out", tmp_path / "new", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert words in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists() or not hasattr(os, "fork"), reason="needs a POSIX file system")
def test_a_place_that_cannot_be_written_is_named():
    done = run("--out", "/proc/sample", *TINY)
    assert done.returncode in (1, 2)
    assert "/proc/" in done.stderr and "sample" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Ctrl-C is sent to a POSIX process group")
@pytest.mark.slow
def test_a_stop_leaves_nothing_behind(tmp_path):
    command = [
        sys.executable,
        str(TOOL),
        "--out",
        str(tmp_path / "sample"),
        "--workers",
        "2",
        "--images-per-class",
        "1000",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    first = process.stderr.readline()  # some are drawn
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert "drawing" in first and process.returncode == 130
    assert "Traceback" not in rest and not list(tmp_path.iterdir())


def test_datasets_dir_decides_where_it_goes(tmp_path):
    tiny = ("--images-per-class", "1", "--clean", "0", "--size", "64x64", "--classes", "deposition", "--workers", "1")
    done = run(*tiny, DATASETS_DIR=str(tmp_path / "deep" / "data"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "deep" / "data" / "sample" / "dataset.json").is_file()
