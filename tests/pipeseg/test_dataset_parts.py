"""Boxes and weights beside the masks: written, found, part of the dataset's identity, and proven."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.build import building
from pipeseg.data.fingerprint import fingerprint_folder, read_checksums
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_mask
from pipeseg.data.verify import verify
from pipeseg.errors import BadInput

PARTS = ("boxes", "weights")


@pytest.fixture
def hybrid(tmp_path):
    """A hybrid set of three pictures: refined, clean, hand-drawn."""
    random = np.random.default_rng(0)
    box, full, none = np.zeros((8, 6), np.uint8), np.full((8, 6), 255, np.uint8), np.zeros((8, 6), np.uint8)
    box[2:6, 1:4] = 255
    for name in "abc":
        Image.fromarray(random.integers(0, 256, (8, 6, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    with building(tmp_path / "s_x_H1") as writer:
        writer.add(tmp_path / "a.png", box // 2, boxes=box, weight=full // 3)
        writer.add(tmp_path / "b.png", none, boxes=none)
        writer.add(tmp_path / "c.png", box)
        groups = {f"{name}.png": name for name in "abc"}
        writer.describe(source="s", defect_class="x", set="train", groups=groups)
    return tmp_path / "s_x_H1"


def failures(hybrid) -> list[str]:
    report = verify([hybrid], duplicate_search=False, tick=lambda step: lambda done, total: None)
    return [found.text for found in report.violations]


def test_each_picture_has_what_it_was_given(hybrid):
    refined, clean, drawn = DatasetFolder.open(hybrid).samples
    assert read_mask(refined.boxes).sum() == 12 * 255 and (read_mask(refined.weight) == 85).all()
    assert not read_mask(clean.boxes).any() and clean.weight is None
    assert drawn.boxes is None and drawn.weight is None
    assert sorted(path.name for part in PARTS for path in (hybrid / part).iterdir()) == ["a.png", "a.png", "b.png"]


def test_without_boxes_and_weights_nothing_of_them_is_there(tmp_path, hybrid):
    with building(tmp_path / "plain") as writer:
        writer.add(tmp_path / "a.png", np.zeros((8, 6), np.uint8))
        writer.describe()
    assert sorted(path.name for path in (tmp_path / "plain").iterdir() if path.is_dir()) == ["images", "masks"]
    expected = hashlib.sha256()
    for name in ("images/a.png", "masks/a.png"):
        content = (tmp_path / "plain" / name).read_bytes()
        expected.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    assert fingerprint_folder(tmp_path / "plain") == expected.hexdigest()


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_pixel_is_another_dataset_and_is_named(hybrid, part):
    before = fingerprint_folder(hybrid)
    assert not failures(hybrid) and f"{part}/a.png" in read_checksums(hybrid)
    changed = read_mask(hybrid / part / "a.png").copy()
    changed[0, 0] = 255 - changed[0, 0] // 255 * 255
    Image.fromarray(changed).save(hybrid / part / "a.png")
    assert fingerprint_folder(hybrid) != before
    assert failures(hybrid) == [f"s_x_H1: differs from its recorded fingerprint in {part}/a.png"]


@pytest.mark.parametrize("part", PARTS)
def test_a_file_without_picture_is_refused(hybrid, part):
    Image.fromarray(np.zeros((8, 6), np.uint8)).save(hybrid / part / "lonely.png")
    with pytest.raises(BadInput, match=rf"{part}.lonely\.png: no picture of this name; add the picture or remove"):
        DatasetFolder.open(hybrid)
    assert f"s_x_H1: {part}/lonely.png has no picture" in failures(hybrid)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("boxes", np.zeros((6, 8), np.uint8), "boxes/a.png is 8x6, its picture 6x8"),
        ("weights", np.zeros((6, 8), np.uint8), "weights/a.png is 8x6, its picture 6x8"),
        ("boxes", np.full((8, 6), 90, np.uint8), "boxes/a.png holds values other than 0 and 255, which no filled box"),
    ],
)
def test_what_does_not_fit_is_no_proof(hybrid, part, content, words):
    Image.fromarray(content).save(hybrid / part / "a.png")
    assert any(words in text for text in failures(hybrid))
