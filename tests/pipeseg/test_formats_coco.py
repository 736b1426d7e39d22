"""COCO JSON and its run lengths, compared with pycocotools."""

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, reasons_of, text

from pipeseg.data.formats import read_source
from pipeseg.data.regions import rasterise
from pipeseg.data.rle import decode, encode
from pipeseg.errors import BadInput

coco_mask = pytest.importorskip("pycocotools.mask")
TRIANGLE = [5, 5, 25, 5, 5, 25]


def content(*annotations, images=("a.jpg",), categories=("leak", "crack")) -> dict:
    return {
        "images": [
            {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH} for number, name in enumerate(images, 1)
        ],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, **parts}
            for number, parts in enumerate(annotations, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, 1)],
    }


@pytest.fixture
def folder(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    photo(tmp_path / "images" / "b.jpg")
    return tmp_path


def blob(seed: int = 0) -> np.ndarray:
    mask = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.3
    mask[10:30, 10:40] = True
    mask[15:20, 20:25] = False
    return mask


def plain(mask: np.ndarray) -> dict:
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.astype(int), [0]])))
    edges = edges[edges < mask.size]
    return {"size": list(mask.shape), "counts": np.diff(np.concatenate([[0], edges, [mask.size]])).tolist()}


def test_boxes(folder):
    text(folder / "instances.json", content({"bbox": [1, 2, 10, 20]}, {"bbox": [50, 30, 99, 9], "category_id": 2}))
    source = read(folder)
    assert source.format == "coco" and source.classes == ("leak", "crack") and source.all_problems == []
    # the second reaches outside: kept for the audit
    assert boxes_of(source) == {"a.jpg": [("leak", (1, 2, 11, 22)), ("crack", (50, 30, 149, 39))], "b.jpg": []}
    assert not any(one.hand_labelled for one in source.annotations)


def test_polygons_of_one_object_share_its_box(folder):
    parts = {"bbox": [5, 5, 45, 30], "segmentation": [TRIANGLE, [40, 20, 50, 20, 50, 35]]}
    text(folder / "a.json", content(parts, images=("a.jpg", "b.jpg")))
    first, second = read(folder).annotations
    assert first.boxes == (("leak", (5, 5, 50, 35)),) and len(first.regions) == 2 and first.hand_labelled
    assert first.regions[0].points.tolist() == [[5, 5], [25, 5], [5, 25]]
    # listed among polygons without an object: looked at
    assert second.hand_labelled and not second.regions


def test_polygons_without_box_get_one(folder):
    text(folder / "a.json", content({"segmentation": [TRIANGLE, [40, 20, 50, 20, 50, 35]]}))
    assert boxes_of(read(folder))["a.jpg"] == [("leak", (5, 5, 51, 36))]


@pytest.mark.parametrize("kind", ["plain", "compressed"])
def test_run_lengths_lose_nothing(folder, kind):
    mask = blob()
    segmentation = plain(mask)
    if kind == "compressed":
        packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        segmentation = {"size": packed["size"], "counts": packed["counts"].decode()}
    text(folder / "a.json", content({"bbox": [0, 0, WIDTH, HEIGHT], "segmentation": segmentation, "iscrowd": 1}))
    (one, _) = read(folder).annotations
    assert np.array_equal(rasterise(one.regions, HEIGHT, WIDTH) > 0, mask)
    assert one.boxes == (("leak", (0, 0, WIDTH, HEIGHT)),) and one.hand_labelled


def test_a_polygon_that_is_the_box_again_is_a_box(folder):
    box = {"bbox": [5, 6, 20, 10], "segmentation": [[5, 6, 25, 6, 25, 16, 5, 16]]}
    text(folder / "a.json", content(box))
    source = read(folder)
    assert boxes_of(source)["a.jpg"] == [("leak", (5, 6, 25, 16))] and not source.annotations[0].hand_labelled


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"bbox": [1, 2, 3]}, "no four numbers"),
        ({"bbox": [1, 2, float("nan"), 4]}, "is not finite"),
        ({"bbox": [1, 2, None, 4]}, "is no number"),
        ({}, "neither bbox nor segmentation"),
        ({"bbox": [1, 2, 3, 4], "category_id": 9}, "category 9 is unknown"),
        ({"bbox": [1, 2, 3, 4], "category_id": []}, "is unknown"),
        ({"segmentation": [[1, 2, 3, 4]]}, "a polygon of 4 numbers"),
        ({"segmentation": [[1, 2, 3, 4, 5, "x"]]}, "no number"),
        ({"segmentation": [[900, 900, 950, 900, 900, 950]]}, "lies outside of the picture"),
        ({"segmentation": [[1, 1, 1e12, 5, 5, 5]]}, "beyond any picture"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5]}}, "run lengths of 5 pixels"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [-5, HEIGHT * WIDTH + 5]}}, "no counts"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "\x01"}}, "not compressed"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "o"}}, "middle of a number"),
        ({"segmentation": {"size": [9, 9], "counts": [81]}}, "a mask of 9x9"),
        ({"segmentation": {"size": 9}}, "annotation 2"),
        ({"segmentation": {"counts": [81]}}, "annotation 2"),
    ],
)
def test_a_broken_annotation_is_named_and_the_rest_kept(folder, parts, words):
    text(folder / "a.json", content({"bbox": [1, 2, 10, 20]}, parts))
    source = read(folder)
    assert ("leak", (1, 2, 11, 22)) in boxes_of(source)["a.jpg"]
    assert words in reasons_of(source) and "a.jpg: " in reasons_of(source)


def test_a_mask_of_a_gigabyte_is_refused_by_its_size(folder):
    made = content({"segmentation": {"size": [100_000, 100_000], "counts": [10_000_000_000]}})
    del made["images"][0]["height"]
    text(folder / "a.json", made)
    assert "64 megapixels" in reasons_of(read(folder))


def test_what_belongs_to_no_picture(folder):
    made = content({"bbox": [1, 2, 3, 4]}, {"bbox": [1, 2, 3, 4], "image_id": 77}, images=("a.jpg", "gone.jpg"))
    made["images"] += [{"id": 1, "file_name": "b.jpg"}, {"id": 5}, "b.jpg"]
    made["categories"] += [{"id": 1, "name": "again"}, {"name": "x"}]
    text(folder / "a.json", made)
    source = read(folder)
    reasons = reasons_of(source)
    for words in (
        "a.json: 1 annotations of picture id 77",
        "gone.jpg: labelled, but there is no such picture",
        "b.jpg: a second picture of id 1",
        "without id and file_name",
        "two categories of id 1",
        "a category without id and name",
    ):
        assert words in reasons
    assert boxes_of(source) == {"a.jpg": [("leak", (1, 2, 4, 6))], "b.jpg": []}


def test_a_split_into_files_with_numbers_of_their_own(tmp_path):
    for part, name in (("train", "leak"), ("val", "crack")):
        photo(tmp_path / part / "1.jpg")
        made = content({"bbox": [1, 2, 3, 4]}, images=(f"{part}/1.jpg",), categories=(name,))
        text(tmp_path / "annotations" / f"instances_{part}.json", made)
    text(tmp_path / "annotations" / "broken.json", "{\n]")
    source = read(tmp_path)
    assert boxes_of(source) == {"train__1.jpg": [("leak", (1, 2, 4, 6))], "val__1.jpg": [("crack", (1, 2, 4, 6))]}
    assert "broken.json: " in reasons_of(source) and "line 2" in reasons_of(source)
    # one of them alone
    alone = read(tmp_path / "annotations" / "instances_val.json")
    assert alone.classes == ("crack",) and boxes_of(alone)["train__1.jpg"] == []


def test_another_size_than_the_file_says_is_named(folder):
    photo(folder / "images" / "a.jpg", 20, 30)
    text(folder / "a.json", content({"bbox": [1, 2, 3, 4]}))
    assert "annotated at 60x40, but the picture is 30x20" in reasons_of(read(folder))


def test_lists_that_are_none(folder):
    for key in ("images", "annotations", "categories"):
        text(folder / "a.json", {**content(), key: {}})
        with pytest.raises(BadInput, match=f"{key} is no list"):
            read_source(folder)


def test_run_lengths_are_those_of_pycocotools():
    random = np.random.default_rng(0)
    for _ in range(200):
        height, width = random.integers(1, 40, 2)
        mask = random.random((height, width)) < random.random()
        packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert encode(mask) == packed
        assert np.array_equal(decode(packed, height, width), mask)
    # long runs need several characters
    mask = np.zeros((3000, 2000), bool)
    mask[1:, 1500:] = True
    assert np.array_equal(decode(encode(mask), 3000, 2000), mask)
    assert np.array_equal(coco_mask.decode({"size": [3000, 2000], "counts": encode(mask).encode()}) > 0, mask)
