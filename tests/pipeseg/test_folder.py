"""Dataset folders: pairs by stem, groups, unreadable files, and an identity that is their content."""

import json
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.names import case_twins
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.errors import BadInput


@pytest.fixture
def folder(own_tiny):
    return own_tiny.add_dataset("set", range(5))


def sentence(folder, read: bool = False) -> str:
    with pytest.raises(BadInput) as caught:
        opened = DatasetFolder.open(folder)
        if read:
            list(opened.read_all())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pairs_are_matched_by_stem_not_by_position(folder):
    # the original matched sorted lists: one name that sorts elsewhere shifted every pair
    (folder / "images" / "p000.png").rename(folder / "images" / "zz трещина 1.jpeg.png")
    (folder / "masks" / "p000.png").rename(folder / "masks" / "zz трещина 1.jpeg.png")
    opened = DatasetFolder.open(folder)
    assert all(sample.image.stem == sample.mask.stem for sample in opened.samples)
    assert [sample.image.stem for sample in opened.samples] == ["p001", "p002", "p003", "p004", "zz трещина 1.jpeg"]
    for sample, (image, mask) in zip(opened.samples, opened.read_all(), strict=True):
        assert np.array_equal(mask, read_mask(sample.mask)) and np.array_equal(image, read_image(sample.image))
        assert not mask.any() or image[mask > 0].mean() > image[mask == 0].mean() + 50


def test_ticks_count_every_pair(folder):
    ticks = []
    list(DatasetFolder.open(folder).read_all(lambda *tick: ticks.append(tick)))
    assert ticks == [(number, 5) for number in range(1, 6)]


def test_groups_come_from_the_description(folder):
    assert [sample.group for sample in DatasetFolder.open(folder).samples][:2] == ["g000", "g001"]
    (folder / "dataset.json").write_text(json.dumps({"groups": {"p001.png": 7}}))
    assert [sample.group for sample in DatasetFolder.open(folder).samples][:2] == ["p000.png", "7"]


def test_missing_and_empty_folders(tmp_path, folder):
    assert str(tmp_path / "nowhere") in sentence(tmp_path / "nowhere")
    (tmp_path / "empty" / "images").mkdir(parents=True)
    assert "holds no picture" in sentence(tmp_path / "empty")
    shutil.rmtree(folder / "masks")
    assert "picture without mask (and 4 more)" in sentence(folder)


def test_lonely_pictures_and_masks_are_named(folder):
    (folder / "masks" / "p002.png").unlink()
    assert "p002.png: picture without mask; add masks/p002.png" in sentence(folder)
    shutil.copy(folder / "masks" / "p001.png", folder / "masks" / "p002.png")
    (folder / "images" / "p003.png").unlink()
    assert "p003.png: mask without picture" in sentence(folder)


def test_two_pictures_of_one_stem_are_refused(folder):
    Image.open(folder / "images" / "p001.png").save(folder / "images" / "p001.jpg")
    text = sentence(folder)
    assert "p001.jpg" in text and "p001.png" in text


def test_a_mask_of_another_size_is_refused_even_when_transposed(folder):
    Image.fromarray(np.zeros((63, 64), np.uint8)).save(folder / "masks" / "p001.png")
    text = sentence(folder, read=True)
    assert "mask is 64x63" in text and "p001.png is 64x64" in text


@pytest.mark.parametrize("part", ["images", "masks"])
@pytest.mark.parametrize("content", [b"", b"no picture", "truncated"])
def test_files_that_are_no_picture(folder, part, content):
    file = folder / part / "p003.png"
    file.write_bytes(file.read_bytes()[:-200] if content == "truncated" else content)
    assert str(file) in sentence(folder, read=True)


def test_a_truncated_jpeg_is_refused_not_filled_with_grey(folder):
    file = folder / "images" / "p001.jpg"
    Image.open(folder / "images" / "p001.png").save(file, quality=95)
    (folder / "images" / "p001.png").unlink()
    file.write_bytes(file.read_bytes()[:-400])
    assert str(file) in sentence(folder, read=True)


@pytest.mark.parametrize("part", ["images", "masks"])
def test_sixteen_bits_are_refused_not_cut(folder, part):
    # values above 255 would all turn white
    Image.fromarray(np.full((64, 64), 3000, np.uint16)).save(folder / part / "p001.png")
    text = sentence(folder, read=True)
    assert str(folder / part / "p001.png") in text and "8" in text


def test_soft_palette_grey_and_one_bit_masks_keep_their_values(tmp_path):
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4] = 255
    for mode in ("L", "1", "P", "RGB", "RGBA"):
        Image.fromarray(mask).convert(mode).save(tmp_path / "m.png")
        assert np.array_equal(read_mask(tmp_path / "m.png"), mask), mode
    soft = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(soft).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png"), soft)


def test_the_fingerprint_is_the_content(folder):
    first = fingerprint_folder(folder)
    copy = folder.with_name("other name")
    shutil.copytree(folder, copy)
    (copy / "dataset.json").unlink()
    assert fingerprint_folder(copy) == first
    mask = read_mask(copy / "masks" / "p000.png").copy()
    mask[0, 0] ^= 1
    Image.fromarray(mask).save(copy / "masks" / "p000.png")
    assert fingerprint_folder(copy) != first


def test_the_fingerprint_sees_names_and_swaps(folder):
    first = fingerprint_folder(folder)
    a, b, c = (folder / "masks" / name for name in ("p000.png", "p001.png", "c"))
    a.rename(c), b.rename(a), c.rename(b)
    assert fingerprint_folder(folder) != first


def test_names_match_in_either_unicode_form(folder):
    # macOS archives hold decomposed names, and an annotator on Linux writes composed ones
    composed, decomposed = (unicodedata.normalize(form, "й é.png") for form in ("NFC", "NFD"))
    (folder / "images" / "p001.png").rename(folder / "images" / decomposed)
    (folder / "masks" / "p001.png").rename(folder / "masks" / composed)
    (folder / "dataset.json").write_text(json.dumps({"groups": {composed: "g"}}))
    found = {sample.name: sample for sample in DatasetFolder.open(folder).samples}[decomposed]
    assert found.mask.name == composed and found.group == "g"
    first = fingerprint_folder(folder)
    (folder / "images" / decomposed).rename(folder / "images" / composed)
    assert fingerprint_folder(folder) == first
    shutil.copy(folder / "images" / composed, folder / "images" / decomposed)
    assert "share one mask name" in sentence(folder)


def test_names_that_differ_in_case_are_told():
    assert case_twins(["b.png", "A.png", "a.png", "B.png", "c.png"]) == [("A.png", "a.png"), ("B.png", "b.png")]


def test_hidden_files_are_no_pictures(folder):
    for part in ("images", "masks"):
        (folder / part / "._p001.png").write_bytes(b"Mac OS X")
    assert len(DatasetFolder.open(folder).samples) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        ('["groups"]', "holds no JSON object"),
        ('{"groups": ["p001.png"]}', "groups must be a mapping file -> group"),
        ('{"groups": {"p001.png": null}}', "groups: 'p001.png' holds None"),
        ('{"groups": {"p001.png": true}}', "groups: 'p001.png' holds True"),
        ('{"splits": {"test": "p001.png"}}', "splits: 'test' holds 'p001.png'"),
        ('{"classes": ["x"]}', "classes must be a mapping"),
        ('{"fingerprint": 7}', "fingerprint is no text"),
    ],
)
def test_a_broken_description_is_refused(folder, text, words):
    (folder / "dataset.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert f"{folder / 'dataset.json'}: {words}" in sentence(folder)
