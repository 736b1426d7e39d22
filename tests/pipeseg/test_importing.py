"""Import end to end: what lands in the dataset folder, what is left out and named, and that it is all or nothing."""

import json
import os
import subprocess
import sys
import unicodedata
import zipfile

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, photo, text
from PIL import Image
from real_pictures import REAL

from pipeseg.data.boxes import read_boxes
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.formats import read_source
from pipeseg.data.importing import import_dataset, safe_keys
from pipeseg.data.pictures import read_mask
from pipeseg.data.via import rasterise, read_via
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT

PIPES = REAL.with_name("pipe_yolo")


@pytest.fixture
def yolo(tmp_path):
    folder = tmp_path / "raw"
    for number, name in enumerate(("a.jpg", "b.png", "тройник 3.JPG")):
        photo(folder / "images" / name)
        stem = name.rpartition(".")[0]
        text(folder / "labels" / f"{stem}.txt", f"{number % 2} 0.5 0.5 0.2 0.1\n0 0.1 0.1 0.4 0.4\n")
    text(folder / "classes.txt", "leak\ncrack/deep\n")
    return folder


def described(target) -> dict:
    return json.loads((target / "dataset.json").read_text(encoding="utf-8"))


def refused(source, target, **options) -> str:
    before = sorted(target.parent.rglob("*"))
    with pytest.raises(BadInput) as caught:
        import_dataset(source, target, **options)
    assert "\n" not in str(caught.value) and sorted(target.parent.rglob("*")) == before
    return str(caught.value)


def names_of(target) -> list[str]:
    return sorted(path.name for path in (target / "images").iterdir())


def test_a_yolo_folder(yolo, tmp_path):
    target = tmp_path / "datasets" / "pipes"
    done = import_dataset(yolo, target, labels={"leak": "Течь"})
    assert (done.pictures, done.boxes, done.regions, done.hand_labelled, done.format) == (3, 6, 0, 0, "yolo")
    assert done.problems == () and done.class_counts == {"leak": 3, "crack_deep": 1}
    parts = {"boxes.csv", "classes.txt", "dataset.json", "images", "labels.csv", "masks"}
    assert parts <= {entry.name for entry in target.iterdir()}
    assert names_of(target) == ["a.jpg", "b.png", "тройник 3.JPG"]
    facts = described(target)
    assert facts["name"] == "pipes" and facts["source"] == "raw" and facts["parameters"]["format"] == "yolo"
    # the key is fit for a folder's name, the label is what the source wrote
    assert facts["classes"] == {"leak": "Течь", "crack_deep": "crack/deep"} and facts["problems"] == []
    assert facts["class_counts"] == {"leak": 3, "crack_deep": 1} and facts["hand_labelled"] == []
    assert facts["fingerprint"] == fingerprint_folder(target)
    assert (target / "classes.txt").read_text(encoding="utf-8") == "leak\ncrack_deep\n"
    boxes = read_boxes(target / "boxes.csv", None)
    assert boxes["b.png"] == [(24, 18, 36, 22), (-6, -4, 18, 12)]
    # every picture has its mask: the union of its boxes, cut at the edge
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[18:22, 24:36] = expected[:12, :18] = 255
    for _, mask in DatasetFolder.open(target).read_all():
        assert np.array_equal(mask, expected)
    assert read_via(target / "labels.csv") == {}
    # as it was
    assert (target / "images" / "a.jpg").read_bytes() == (yolo / "images" / "a.jpg").read_bytes()
    assert [entry.name for entry in target.parent.iterdir()] == ["pipes"]


def test_two_imports_are_the_same_bytes(yolo, tmp_path):
    for name in ("one", "two"):
        import_dataset(yolo, tmp_path / name / "set")
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_what_was_imported_is_imported_again_without_a_loss(yolo, tmp_path):
    import_dataset(yolo, tmp_path / "first")
    again = import_dataset(tmp_path / "first", tmp_path / "second")
    assert again.format == "own" and again.boxes == 6 and again.problems == ()
    for name in ("boxes.csv", "labels.csv", "classes.txt"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert described(tmp_path / "first")["fingerprint"] == described(tmp_path / "second")["fingerprint"]
    assert described(tmp_path / "second")["classes"]["crack_deep"] == "crack/deep"


def test_masks_are_kept_to_the_pixel(tmp_path):
    random = np.random.default_rng(0)
    truth = {}
    for number in range(3):
        ids = random.integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint8) * (random.random((HEIGHT, WIDTH)) < 0.5)
        ids[10:20, 10:30], ids[13:16, 15:18] = 2, 0
        name = photo(tmp_path / "raw" / "images" / f"{number}.jpg").name
        truth[name] = ids
        picture = Image.frombytes("P", (WIDTH, HEIGHT), ids.astype(np.uint8).tobytes())
        picture.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
        (tmp_path / "raw" / "masks").mkdir(exist_ok=True)
        picture.save(tmp_path / "raw" / "masks" / f"{number}.png")
    done = import_dataset(tmp_path / "raw", tmp_path / "set", classes=["x", "y", "z"])
    assert done.hand_labelled == 3 and done.class_counts == {"x": 3, "y": 3, "z": 3}
    labels = read_via(tmp_path / "set" / "labels.csv")
    for name, ids in truth.items():
        for number, key in enumerate("xyz", 1):
            drawn = rasterise([region for region in labels[name] if region.defect_class == key], HEIGHT, WIDTH)
            assert np.array_equal(drawn > 0, ids == number)
    boxes = read_source(tmp_path / "set")
    covered = rasterise(boxes.annotations[0].regions, HEIGHT, WIDTH) > 0
    # a box around every part: the box mask holds the hand mask
    assert (read_mask(tmp_path / "set" / "masks" / "0.png") >= covered * 255).all()


def test_coarse_masks_stay_coarse_masks(tmp_path):
    photo(tmp_path / "raw" / "images" / "a.jpg")
    levels = np.zeros((HEIGHT, WIDTH), np.uint8)
    levels[5:15, 5:20] = levels[10:30, 15:40] = 1
    (tmp_path / "raw" / "masks").mkdir()
    Image.fromarray(levels).save(tmp_path / "raw" / "masks" / "a.png")
    done = import_dataset(tmp_path / "raw", tmp_path / "set", masks_are="box", classes=["x"])
    assert done.hand_labelled == done.regions == 0 and done.boxes == 1
    assert np.array_equal(read_mask(tmp_path / "set" / "masks" / "a.png"), levels * 255)


@pytest.mark.filterwarnings("ignore")
def test_pictures_that_cannot_be_used_are_left_out_and_named(yolo, tmp_path):
    images = yolo / "images"
    whole = photo(images / "cut.jpg").read_bytes()
    (images / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((9, 9), 3000, np.uint16)).save(images / "deep.png")
    Image.new("1", (10_000, 10_000)).save(images / "large.png")
    (images / "text.jpg").write_bytes(b"no picture")
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 99, np.uint8)).convert("CMYK").save(images / "cmyk.jpg")
    text(yolo / "labels" / "gone.txt", "0 .5 .5 .1 .1\n")
    text(yolo / "labels" / "large.txt", "0 .5 .5 .1 .1\n")
    done = import_dataset(yolo, tmp_path / "set")
    assert names_of(tmp_path / "set") == ["a.jpg", "b.png", "cmyk.jpg", "тройник 3.JPG"]
    assert {path.stem for path in (tmp_path / "set" / "masks").iterdir()} == {"a", "b", "cmyk", "тройник 3"}
    named = {problem.file: problem.reason for problem in done.problems}
    assert "left out" in named["cut.jpg"] and "8-bit" in named["deep.png"] and "64 megapixels" in named["large.png"]
    assert "cannot be read" in named["text.jpg"] and "without picture" in named["labels/gone.txt"]
    assert described(tmp_path / "set")["problems"] == [{"file": p.file, "reason": p.reason} for p in done.problems]
    # no row speaks of a picture that is not there
    assert set(read_boxes(tmp_path / "set" / "boxes.csv", None)) <= set(names_of(tmp_path / "set"))


def test_equal_stems_are_left_out_never_paired(yolo, tmp_path):
    photo(yolo / "images" / "a.png")
    done = import_dataset(yolo, tmp_path / "set")
    assert names_of(tmp_path / "set") == ["b.png", "тройник 3.JPG"]
    assert [p.reason for p in done.problems if p.file == "a.jpg"][-1] == "left out: a.jpg and a.png share one name"


def test_equal_names_in_two_folders_do_not_collide(tmp_path):
    for part in ("a", "b"):
        photo(tmp_path / "raw" / "img" / part / "1.jpg", 20 if part == "a" else 30)
        text(tmp_path / "raw" / "img" / part / "1.txt", "0 .5 .5 1 1\n")
    import_dataset(tmp_path / "raw", tmp_path / "set")
    assert read_boxes(tmp_path / "set" / "boxes.csv", None) == {
        "img__a__1.jpg": [(0, 0, WIDTH, 20)],
        "img__b__1.jpg": [(0, 0, WIDTH, 30)],
    }
    DatasetFolder.open(tmp_path / "set")


def test_names_are_written_in_one_unicode_form(tmp_path):
    name = unicodedata.normalize("NFD", "й ё.jpg")
    photo(tmp_path / "raw" / name)
    text(tmp_path / "raw" / "й ё.txt", "0 .5 .5 .5 .5\n")
    import_dataset(tmp_path / "raw", tmp_path / "set")
    assert names_of(tmp_path / "set") == [unicodedata.normalize("NFC", name)]
    assert list(read_boxes(tmp_path / "set" / "boxes.csv", None)) == [unicodedata.normalize("NFC", name)]
    assert DatasetFolder.open(tmp_path / "set").samples[0].mask.is_file()


def test_exif_is_named_and_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(tmp_path / "raw" / "a.jpg", exif=exif)
    text(tmp_path / "raw" / "a.txt", "0 .5 .25 1 .5\n")
    done = import_dataset(tmp_path / "raw", tmp_path / "set")
    (problem,) = done.problems
    assert problem.file == "a.jpg" and "turned by EXIF" in problem.reason
    mask = read_mask(tmp_path / "set" / "masks" / "a.png")
    # as one sees it: the picture stands, its upper half is marked
    assert mask.shape == (WIDTH, HEIGHT) and mask[: WIDTH // 2].all() and not mask[WIDTH // 2 :].any()
    list(DatasetFolder.open(tmp_path / "set").read_all())


def test_groups_survive(yolo, tmp_path):
    import_dataset(yolo, tmp_path / "one")
    facts = described(tmp_path / "one")
    text(tmp_path / "one" / "dataset.json", {**facts, "groups": {"a.jpg": "g", "b.png": "g", "gone.jpg": "g"}})
    import_dataset(tmp_path / "one", tmp_path / "two")
    assert described(tmp_path / "two")["groups"] == {"a.jpg": "g", "b.png": "g"}


def test_an_archive(yolo, tmp_path):
    with zipfile.ZipFile(tmp_path / "pipes.zip", "w") as archive:
        for path in yolo.rglob("*"):
            archive.write(path, f"download/{path.relative_to(yolo)}")
    done = import_dataset(tmp_path / "pipes.zip", tmp_path / "datasets" / "pipes")
    assert done.pictures == 3 and done.boxes == 6 and described(done.path)["source"] == "pipes.zip"
    assert [entry.name for entry in (tmp_path / "datasets").iterdir()] == ["pipes"]
    assert len(list(DatasetFolder.open(done.path).read_all())) == 3


def test_an_archive_that_leads_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../evil.txt", "1")
    assert "leads out" in refused(tmp_path / "a.zip", tmp_path / "set")


def test_targets_that_are_in_the_way(yolo, tmp_path):
    target = tmp_path / "set"
    import_dataset(yolo, target)
    assert "exists already; --force" in refused(yolo, target)
    (yolo / "images" / "a.jpg").unlink()
    (yolo / "labels" / "a.txt").unlink()
    import_dataset(yolo, target, force=True)
    assert names_of(target) == ["b.png", "тройник 3.JPG"]
    # no dataset of ours
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "no dataset.json" in refused(yolo, tmp_path / "mine", force=True)
    assert "lies in" in refused(target, target, force=True)
    assert "lies in" in refused(yolo, tmp_path, force=True)
    assert "lies in" in refused(yolo, yolo / "out")
    assert "no such file" in refused(tmp_path / "nowhere", tmp_path / "new")
    assert "no class 'leek' to label" in refused(yolo, tmp_path / "new", labels={"leek": "x"})


def test_nothing_to_import(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jpg").write_bytes(b"no picture")
    assert "no picture could be imported (a.jpg: left out" in refused(tmp_path / "raw", tmp_path / "set")
    (tmp_path / "raw" / "a.jpg").unlink()
    assert "holds no picture" in refused(tmp_path / "raw", tmp_path / "set")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_target(yolo, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "no permission" in refused(yolo, tmp_path / "locked" / "set")


def test_a_target_below_a_file(yolo, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in refused(yolo, tmp_path / "file" / "set")


LIMITED = """
import resource, sys
from pathlib import Path
from pipeseg.data.importing import import_dataset
from pipeseg.errors import BadInput
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    import_dataset(Path(sys.argv[1]), Path(sys.argv[2]), force=True)
except BadInput as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_a_disk_that_fills_up_halfway_leaves_nothing_behind(yolo, tmp_path, archive, old):
    for number in range(8):
        photo(yolo / "images" / f"n{number}.png", 100, 100)
    source, target = yolo, tmp_path / "datasets" / "set"
    if archive:
        source = tmp_path / "raw.zip"
        with zipfile.ZipFile(source, "w") as packed:
            for path in yolo.rglob("*"):
                packed.write(path, path.relative_to(yolo))
    else:
        # one label file of many boxes: boxes.csv grows beyond what fits
        text(yolo / "labels" / "n1.txt", "0 .5 .5 .1 .1\n" * 4000)
    if old:
        import_dataset(yolo, target)
        (target / "mark").write_text("the dataset that was there")
    command = [sys.executable, "-c", LIMITED, str(source), str(target), "20000"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stdout.splitlines()) == 1 and "File too large" in ended.stdout
    assert [entry.name for entry in target.parent.iterdir()] == (["set"] if old else [])
    assert not old or (target / "mark").is_file()


def test_an_interrupt_leaves_nothing_behind(yolo, tmp_path):
    def tick(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(yolo, tmp_path / "datasets" / "set", tick=tick)
    assert not list((tmp_path / "datasets").iterdir())


def test_progress_counts_every_picture_to_the_end(yolo, tmp_path):
    ticks = []
    import_dataset(yolo, tmp_path / "set", tick=lambda *tick: ticks.append(tick))
    assert ticks == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["leak", "Отложения в трубе"], ["leak", "Отложения_в_трубе"]),
        (["a/b", "a\\b", "a b"], ["a_b", "a_b_2", "a_b_3"]),
        (["Leak", "leak"], ["Leak", "leak_2"]),
        (["../../etc", ".hidden", "-rf", "con.", "", "  "], ["etc", "hidden", "rf", "con", "class", "class_2"]),
        (["x,y", "a=b", 'a"b', "tab\there"], ["x_y", "a_b", "a_b_2", "tab_here"]),
    ],
)
def test_keys_are_fit_for_folders(names, keys):
    assert list(safe_keys(names).values()) == keys


@pytest.mark.skipif(not PIPES.is_dir(), reason="the real pictures are not here")
def test_real_pictures_of_a_pipe(tmp_path):
    done = import_dataset(PIPES, tmp_path / "pipe_yolo")
    assert (done.pictures, done.boxes, done.format) == (300, 376, "yolo") and done.problems == ()
    boxes = {key: read_boxes(tmp_path / "pipe_yolo" / "boxes.csv", key) for key in ("leak", "crack")}
    assert {key: sum(map(len, found.values())) for key, found in boxes.items()} == {"leak": 203, "crack": 173}
    assert len(DatasetFolder.open(tmp_path / "pipe_yolo").samples) == 300
