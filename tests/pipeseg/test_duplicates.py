"""Copies are found whatever was done to them, and nothing else is."""

import csv
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from real_pictures import ROTATED

from pipeseg.data.duplicates import Duplicates, find_duplicates, group_names
from pipeseg.data.duplicates.agreement import agreement
from pipeseg.data.duplicates.dihedral import NAMES, after, inverse, turn
from pipeseg.data.duplicates.find import LEAST_SIMILARITY
from pipeseg.data.duplicates.grouping import LARGEST_CHAIN, Link, joined
from pipeseg.data.duplicates.hashing import FREQUENCIES, features, hashes, turned
from pipeseg.data.duplicates.index import LARGEST_RADIUS, near_blocks, near_pairs
from pipeseg.errors import BadInput

HEIGHT, WIDTH = 240, 320


def scene(seed: int, zoom: float = 1.0) -> np.ndarray:
    """A view into a pipe, uint8 RGB: the same rings and dark end for every seed, with stains of its own."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    x, y = (x - 0.5 * WIDTH) / zoom, (y - 0.45 * HEIGHT) / zoom
    radius = np.hypot(x, y)
    light = 150 * (1 - np.exp(-radius / 60)) + 15 * np.sin(radius / 4)
    for size, strength in ((3, 90), (8, 110), (25, 160)):
        stains = cv2.GaussianBlur(random.normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), size)
        stains *= strength / 4 / stains.std()
        columns, rows = x + WIDTH / 2, y + 0.45 * HEIGHT
        light += cv2.remap(stains, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.clip(light[..., None] * (1.0, 0.95, 0.8) + 20, 0, 255).astype(np.uint8)


def cut(image: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return image[
        round(top * HEIGHT) : HEIGHT - round(bottom * HEIGHT), round(left * WIDTH) : WIDTH - round(right * WIDTH)
    ]


def captioned(image: np.ndarray, lines: list[str]) -> np.ndarray:
    image = image.copy()
    for number, line in enumerate(lines):
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            place = (30 + 130 * (number % 2), 30 + 185 * (number // 2))
            cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness)
    return image


def letterboxed(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, (180, 240), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 0, 0, 70, 70, cv2.BORDER_CONSTANT)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "saved again": lambda image: image,
    "cut at the left": lambda image: cut(image, 0.03, 0, 0, 0),
    "cut all round": lambda image: cut(image, 0.03, 0.01, 0.02, 0.03),
    "cut and resized": lambda image: cv2.resize(cut(image, 0.0, 0.03, 0.03, 0.01), (WIDTH, HEIGHT)),
    "brighter": lambda image: np.clip(image * 1.1, 0, 255).astype(np.uint8),
    "darker": lambda image: (image * 0.9).astype(np.uint8),
    "other caption": lambda image: captioned(image, ["O:Z_TELE", "Z: 5X", "P: 0.00PSI", "D:12.4M"]),
    "letterboxed": letterboxed,
}


def save(folder: Path, name: str, image: np.ndarray, quality: int = 90) -> Path:
    path = folder / name
    Image.fromarray(np.ascontiguousarray(image)).save(path, **({"quality": quality} if path.suffix == ".jpg" else {}))
    return path


def find(folder: Path, **options) -> Duplicates:
    return find_duplicates(list(folder.iterdir()), **options)


def pairs_of(groups) -> set[tuple[str, str]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_among_look_alikes(tmp_path, change):
    for seed in range(4):
        image = captioned(scene(seed), ["O:Z_WIDE", "Z: 1X"])
        save(tmp_path, f"{seed}.jpg", image)
        source = scene(seed) if "caption" in change else image
        save(tmp_path, f"{seed}-copy.jpg", CHANGES[change](source), quality=40 + 10 * seed)
    found = find(tmp_path)
    assert found.groups == tuple((f"{seed}-copy.jpg", f"{seed}.jpg") for seed in range(4))
    assert {(pair.kind, pair.transform) for pair in found.pairs} == {("near", "same")}
    assert all(0.7 < pair.similarity <= 1 for pair in found.pairs)


def test_the_next_video_frame_belongs_to_the_frame_before(tmp_path):
    for seed in range(3):
        for frame in range(3):
            save(tmp_path, f"{seed}-{frame}.jpg", scene(seed, zoom=1 + 0.03 * frame))
    assert find(tmp_path).groups == tuple(tuple(f"{seed}-{frame}.jpg" for frame in range(3)) for seed in range(3))


@pytest.mark.parametrize("transform", range(8))
def test_turned_and_mirrored_copies_are_found_with_their_transform(tmp_path, transform):
    image = scene(1)
    save(tmp_path, "a.png", image)
    save(tmp_path, "b.png", turn(image, transform))
    save(tmp_path, "c.jpg", turn(cut(image, 0.02, 0, 0, 0.01), transform), quality=60)
    found = find(tmp_path)
    assert found.groups == (("a.png", "b.png", "c.jpg"),)
    told = {(pair.first, pair.second): (pair.kind, pair.transform) for pair in found.pairs}
    assert told["a.png", "b.png"] == ("exact", NAMES[transform])
    assert told["a.png", "c.jpg"] == ("near", NAMES[transform])


def test_exact_copies_are_told_from_near_ones_whatever_the_format(tmp_path):
    original = save(tmp_path, "a.jpg", scene(2))
    (tmp_path / "b.jpg").write_bytes(original.read_bytes())
    with Image.open(original) as decoded:
        decoded.save(tmp_path / "c.png")
    save(tmp_path, "d.jpg", np.asarray(Image.open(original)), quality=95)
    found = find(tmp_path)
    exact = {(pair.first, pair.second) for pair in found.pairs if pair.kind == "exact"}
    assert found.groups == (("a.jpg", "b.jpg", "c.png", "d.jpg"),)
    assert exact == {("a.jpg", "b.jpg"), ("a.jpg", "c.png")}
    assert ("a.jpg", "d.jpg") in {(pair.first, pair.second) for pair in found.pairs} - exact


def test_a_picture_turned_by_exif_is_the_picture_that_a_person_sees(tmp_path):
    image = scene(3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(image).save(tmp_path / "a.jpg", exif=exif)
    save(tmp_path, "b.jpg", np.rot90(image, -1))
    assert [pair.transform for pair in find(tmp_path).pairs] == ["same"]


def test_different_pictures_of_one_kind_are_no_copies(tmp_path):
    for seed in range(30):
        save(tmp_path, f"{seed:02}.jpg", captioned(scene(seed), ["O:Z_TELE", "Z: 5X", "P: 0.00PSI", "D:__.__M"]))
    assert find(tmp_path) == Duplicates((), (), {})


@pytest.mark.slow
def test_flat_pictures_are_copies_only_of_the_same_pixels(tmp_path):
    random = np.random.default_rng(0)
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number in range(40):
        save(tmp_path, f"black{number:02}.png", black)
        save(tmp_path, f"level{number:02}.png", black + np.uint8(number + 1))
        save(tmp_path, f"noise{number:02}.png", random.integers(100, 104, black.shape, np.uint8))
    save(tmp_path, "noise00-turned.png", np.rot90(np.asarray(Image.open(tmp_path / "noise00.png"))))
    found = find(tmp_path)
    assert found.groups == (
        tuple(f"black{number:02}.png" for number in range(40)),
        ("noise00-turned.png", "noise00.png"),
    )
    assert {pair.kind for pair in found.pairs} == {"exact"}
    assert found.pairs[-1].transform == "rotated_270"


def test_a_turned_picture_of_one_colour_has_the_same_pixels(tmp_path):
    save(tmp_path, "a.png", np.full((40, 60, 3), 7, np.uint8))
    save(tmp_path, "b.png", np.full((60, 40, 3), 7, np.uint8))
    save(tmp_path, "c.png", np.full((60, 41, 3), 7, np.uint8))
    assert find(tmp_path).groups == (("a.png", "b.png"),)


@pytest.mark.parametrize("change", [lambda image: image, letterboxed])
def test_look_alikes_do_not_agree_even_if_the_hash_proposed_them(change):
    caption = ["O:Z_TELE", "Z: 5X", "P: 0.00PSI", "D:__.__M"]
    grey = [cv2.cvtColor(change(captioned(scene(seed), caption)), cv2.COLOR_RGB2GRAY) for seed in range(6)]
    thumbnails = [cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in grey]
    assert all(agreement(one, other) < LEAST_SIMILARITY - 0.2 for one, other in combinations(thumbnails, 2))
    assert all(agreement(one, one) > 0.9 for one in thumbnails)


def test_unreadable_pictures_are_named_and_the_rest_is_compared(tmp_path):
    whole = save(tmp_path, "a.jpg", scene(4)).read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole)
    (tmp_path / "short.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("no picture")
    found = find_duplicates([*tmp_path.iterdir(), tmp_path / "gone.jpg"])
    assert found.groups == (("a.jpg", "b.jpg"),)
    assert sorted(found.unreadable) == ["gone.jpg", "short.jpg", "text.png"]
    assert all(name in reason for name, reason in found.unreadable.items())


def test_two_pictures_of_one_name_are_refused(tmp_path):
    (tmp_path / "x").mkdir()
    paths = [save(tmp_path, "a.png", scene(0)), save(tmp_path / "x", "a.png", scene(1))]
    with pytest.raises(BadInput, match="same file name"):
        find_duplicates(paths)


def test_nothing_to_compare(tmp_path):
    assert find_duplicates([]) == Duplicates((), (), {})
    assert find_duplicates([save(tmp_path, "a.png", scene(0))]) == Duplicates((), (), {})


def test_the_result_depends_neither_on_order_nor_on_workers(tmp_path):
    for seed in range(5):
        save(tmp_path, f"{seed}.jpg", scene(seed))
        save(tmp_path, f"{seed}-b.jpg", turn(scene(seed, zoom=1.02), seed), quality=50)
    paths = sorted(tmp_path.iterdir())
    ticks: list[tuple[int, int]] = []
    first = find_duplicates(paths, workers=1, tick=lambda done, total: ticks.append((done, total)))
    assert len(first.groups) == 5
    assert find_duplicates(paths[::-1], workers=4) == first
    assert [done for done, _ in ticks] == sorted(done for done, _ in ticks)
    assert ticks[-1][0] == ticks[-1][1] > len(paths)


def test_weak_links_do_not_chain_but_strong_ones_do():
    chain = [(number, number + 1) for number in range(20)]

    def nothing_agrees(first: int, second: int, transform: int) -> float:
        return 0.0

    weak = joined([Link(a, b, 0, 0.75) for a, b in chain], nothing_agrees)
    assert max(map(len, weak)) == 2
    assert joined([Link(a, b, 0, 0.95) for a, b in chain], nothing_agrees) == [list(range(21))]
    assert joined([Link(a, b, 0, 0.75) for a, b in chain], lambda first, second, transform: 0.9) == [list(range(21))]
    long = [Link(number, number + 1, 0, 0.95) for number in range(3 * LARGEST_CHAIN)]
    assert max(map(len, joined(long, nothing_agrees))) == LARGEST_CHAIN


def test_pairs_across_are_compared_under_the_transform_that_their_links_imply():
    turns = [0, 3, 5, 6]  # of each picture relative to one scene
    asked: list[tuple[int, int, int]] = []

    def compare(first: int, second: int, transform: int) -> float:
        asked.append((first, second, transform))
        return 0.9

    def link(first: int, second: int, similarity: float) -> Link:
        return Link(first, second, after(turns[second], inverse(turns[first])), similarity)

    assert joined([link(0, 1, 0.9), link(2, 3, 0.9), link(1, 3, 0.75)], compare) == [[0, 1, 2, 3]]
    assert len(asked) == 3
    assert all(transform == after(turns[second], inverse(turns[first])) for first, second, transform in asked)


def test_found_groups_unite_with_known_ones():
    found = Duplicates((("a", "b"), ("c", "d", "e")), (), {})
    known = {"a": "s2", "f": "s2", "d": "s9", "e": "s1", "elsewhere": "s1"}
    names = group_names("abcdefg", found, known)
    assert names == {"a": "s2", "b": "s2", "f": "s2", "c": "s1", "d": "s1", "e": "s1", "g": "g"}


def test_a_known_group_that_is_called_like_a_file_is_another_group():
    names = group_names(["a", "b"], Duplicates((), (), {}), {"b": "a"})
    assert names["b"] == "a" != names["a"]


def test_transforms_form_a_group():
    array = np.arange(12).reshape(3, 4)
    for first in range(8):
        assert (turn(turn(array, first), inverse(first)) == array).all()
        for second in range(8):
            assert np.array_equal(turn(turn(array, first), second), turn(array, after(second, first)))


def test_the_hash_of_a_turned_picture_follows_from_that_of_the_picture():
    thumbnail = cv2.resize(cv2.cvtColor(scene(5), cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_AREA)
    assert len(set(FREQUENCIES)) == 64
    expected = turned(features(thumbnail).astype(np.float64))
    for transform in range(8):
        direct = features(np.ascontiguousarray(turn(thumbnail, transform)))
        assert np.abs(direct - expected[:, transform]).max() < 2e-3
        assert np.bitwise_count(hashes(direct) ^ hashes(expected[:, transform])).max() <= 1


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 8])
def test_the_index_finds_what_comparing_all_finds(radius):
    random = np.random.default_rng(radius)
    known = random.integers(0, 2**64, 1500, dtype=np.uint64)
    known[:40] = known[0]  # a crowd
    queries = known[random.permutation(1500)]
    for number in range(len(queries)):
        for bit in random.choice(64, random.integers(0, 11), replace=False):
            queries[number] ^= np.uint64(1) << np.uint64(bit)
    near = np.bitwise_count(known[:, None] ^ queries[None]) <= radius
    expected = np.argwhere(near.T)[:, ::-1]
    assert len(expected) > 100
    assert np.array_equal(near_pairs(known, queries, radius), expected)
    assert np.array_equal(np.concatenate(list(near_blocks(known, queries, radius, block=300, workers=3))), expected)


def test_a_crowd_of_hashes_gives_a_bounded_number_of_hits():
    crowd = np.full(5000, 77, np.uint64)
    hits = np.concatenate(list(near_blocks(crowd, crowd[:100], 2, most=10)))
    assert np.array_equal(np.bincount(hits[:, 1]), np.full(100, 10))


def test_the_index_of_nothing_and_a_radius_too_large():
    nothing = np.empty(0, np.uint64)
    assert near_pairs(nothing, np.ones(3, np.uint64), 4).shape == (0, 2)
    assert near_pairs(np.ones(3, np.uint64), nothing, 4).shape == (0, 2)
    with pytest.raises(ValueError, match="radius"):
        near_pairs(nothing, nothing, LARGEST_RADIUS + 1)


def test_copies_of_generated_pipes_are_found(tmp_path):
    from pipeseg.synthetic.generate import generate
    from pipeseg.synthetic.options import PRESETS

    generate(tmp_path / "sample", PRESETS["tiny"])
    truth = json.loads((tmp_path / "sample" / "truth.json").read_text("utf-8"))["duplicates"]
    scenes = json.loads((tmp_path / "sample" / "dataset.json").read_text("utf-8"))["groups"]
    found = pairs_of(find(tmp_path / "sample" / "images").groups)
    assert {tuple(sorted((copy["file"], copy["of"]))) for copy in truth} <= found
    assert all(scenes[first] == scenes[second] for first, second in found)


@pytest.mark.skipif(not ROTATED.is_dir(), reason="needs real pictures")
def test_turned_copies_of_real_pictures():
    groups: dict[str, list[str]] = {}
    with (ROTATED / "groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            groups.setdefault(row["group"], []).append(row["file"])
    true, found = pairs_of(groups.values()), pairs_of(find(ROTATED / "images").groups)
    assert len(found & true) >= 0.99 * len(true)
    assert len(found & true) >= 0.99 * len(found)
