"""What a test leaves of its pictures: small, exact about the masks, and readable without the dataset."""

import csv

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.scored_pictures import SIDE, SMALL_SIDE, ScoredPictures, read_scored_pictures


def test_reads_back_what_was_added(tmp_path):
    random, kept, masks = np.random.default_rng(0), ScoredPictures(3), {}
    for name, size in (("a.png", (300, 500)), ("b.png", (40, 30)), ("Ржавчина 1.png", (64, 64))):
        Image.fromarray(random.integers(0, 255, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
        masks[name] = random.random((2, *size)) > 0.7
        kept.add(tmp_path / name, *masks[name])
    for path in ("one.zip", "two.zip"):
        kept.write(tmp_path / path)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    found = read_scored_pictures(tmp_path / "one.zip", [*masks, "missing.png"])
    assert found.keys() == masks.keys()
    for name, picture in found.items():
        assert (picture.truth == masks[name][0]).all() and (picture.prediction == masks[name][1]).all()
    assert found["a.png"].thumbnail.shape == (round(SIDE * 300 / 500), SIDE, 3)
    assert found["b.png"].thumbnail.shape == (40, 30, 3), "never enlarged"


def test_a_large_test_set_keeps_smaller_pictures(tmp_path):
    Image.fromarray(np.zeros((200, 200), np.uint8)).save(tmp_path / "a.png")
    kept = ScoredPictures(1000)
    kept.add(tmp_path / "a.png", *np.zeros((2, 200, 200), bool))
    kept.write(tmp_path / "kept.zip")
    assert read_scored_pictures(tmp_path / "kept.zip", ["a.png"])["a.png"].thumbnail.shape[:2] == (SMALL_SIDE,) * 2


def test_a_damaged_archive_is_one_sentence(tmp_path):
    (tmp_path / "kept.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"kept\.zip is damaged"):
        read_scored_pictures(tmp_path / "kept.zip", ["a.png"])


def test_a_training_keeps_every_test_picture_as_it_was_scored(trained):
    with (trained.directory.results / "per_image.csv").open() as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    found = read_scored_pictures(trained.directory.results / "test_pictures.zip", list(rows))
    assert found.keys() == rows.keys() and len(rows) == 5
    for file, picture in found.items():
        both, either = (picture.truth & picture.prediction).sum(), (picture.truth | picture.prediction).sum()
        assert int(rows[file]["alarm"]) == picture.prediction.any()
        if rows[file]["iou"]:
            assert float(rows[file]["iou"]) == pytest.approx(both / either, abs=1e-6)
