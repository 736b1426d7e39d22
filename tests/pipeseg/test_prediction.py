"""Prediction: the numbers of the test evaluation, tiles that blend, turns that commute, and one name per picture."""

import csv
import json
import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO

from pipeseg.data.pictures import read_image, read_mask
from pipeseg.data.rle import decode, encode
from pipeseg.errors import BadInput
from pipeseg.prediction.checks import check_overlap, check_threshold, parse_tile
from pipeseg.prediction.covering import Loaded, Tiled, Whole, importance, probabilities
from pipeseg.prediction.inputs import find_pictures, unique_keys
from pipeseg.prediction.job import Job, run_job
from pipeseg.prediction.networks import Facts, TorchNetwork, load_network
from pipeseg.prediction.output import OutputFolder
from pipeseg.prediction.predict import Options, Totals, predict, workers_for
from pipeseg.prediction.regions import find_regions
from pipeseg.training.device import Hardware

CPU = Hardware.choose("cpu", "float32")


class Red(torch.nn.Module):
    """Looks at single pixels: a channel per class, logit by how red and how blue a pixel is."""

    def forward(self, x):
        return torch.cat([x[:, :1] - x[:, 1:2], x[:, 2:] - x[:, 1:2]], 1) * 3


class Lopsided(torch.nn.Module):
    """A convolution that sees left and right, up and down differently."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 1, 5, padding=2)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(self.layer.weight.shape, generator=generator))

    def forward(self, x):
        return self.layer(x)


def toy(model=None, classes=("red", "blue"), size=(64, 96)) -> TorchNetwork:
    return TorchNetwork(model or Red(), Facts(classes, 0.5, size, "toy", 1), CPU)


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ask(network, images, cover, **options) -> list[torch.Tensor]:
    loaded = [Loaded(index, image, cover.inputs(image)) for index, image in enumerate(images)]
    found = list(probabilities(network, loaded, cover, **{"batch_size": 4, **options}))
    assert [picture.item for picture, _ in found] == list(range(len(images)))
    assert all(p.shape[1:] == image.shape[:2] for (_, p), image in zip(found, images, strict=True))
    return [probability for _, probability in found]


@pytest.fixture(scope="module")
def run(tiny_session):
    """A run that learned enough to be neither empty nor full, scored after its threshold."""
    return tiny_session.train(epochs=1, steps_per_epoch=16, learning_rate=0.01, threshold=0.45, augment=False)


def job(run, source, out, **changes) -> Job:
    options = changes.pop("options", Options())
    items = find_pictures(source, out)
    return Job(run.directory.best_checkpoint, source, items, out, options, device="cpu", **changes)


class Silent:
    """Stands for the progress display."""

    def __enter__(self):
        return lambda done, total: None

    def __exit__(self, *_):
        pass


def test_masks_score_what_the_run_was_tested_at(run, tmp_path):
    folder = run.settings.datasets_dir / "tiny_deposition_EVAL"
    with open(run.directory.results / "per_image.csv", newline="") as file:
        expected = list(csv.DictReader(file))
    assert any(0.05 < float(row["iou"] or 0) < 0.99 for row in expected)  # neither blind nor perfect
    for batch_size in (1, 3, 8):
        out = tmp_path / f"found {batch_size}"
        outcome = run_job(job(run, folder, out, options=Options(batch_size=batch_size)), ticks=Silent)
        assert outcome.threshold == 0.45 and outcome.totals.pictures == 5 and not outcome.totals.failures
        for row in expected:
            name = row["file"]
            found = read_mask(out / "masks" / name) > 0
            truth = read_mask(folder / "masks" / name) > 127
            assert found.sum() == int(row["predicted_pixels"])
            assert (found & truth).sum() == int(row["intersection"])
            if truth.any():
                assert f"{(found & truth).sum() / (found | truth).sum():.6f}" == row["iou"]


def test_everything_that_is_written(run, tmp_path):
    folder = run.settings.datasets_dir / "tiny_deposition_EVAL"
    out = tmp_path / "out"
    totals = run_job(job(run, folder, out), ticks=Silent).totals
    names = [f"p{index:03}" for index in range(40, 45)]
    assert sorted(file.name for file in out.iterdir()) == [
        "masks", "overlays", "predictions.coco.json", "predictions.csv", "predictions.jsonl",
    ]  # fmt: skip
    coco = COCO(str(out / "predictions.coco.json"))
    with open(out / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"{name}.png" for name in names]
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["deposition"]
    assert totals.regions == len(coco.anns) == sum(int(row["regions"]) for row in rows) > 0
    for name, row, facts in zip(names, rows, coco.loadImgs(coco.getImgIds()), strict=True):
        mask = read_mask(out / row["mask"])
        assert set(np.unique(mask)) <= {0, 255} and facts["file_name"] == f"{name}.png"
        picture = read_image(folder / "images" / f"{name}.png")
        assert mask.shape == (facts["height"], facts["width"]) == picture.shape[:2]
        assert int(row["pixels"]) == (mask > 0).sum() and row["class"] == "deposition" and row["frame"] == ""
        assert float(row["defect_share"]) == pytest.approx((mask > 0).mean(), abs=1e-6)
        assert (float(row["highest_probability"]) >= 0.45) == mask.any()
        parts = coco.loadAnns(coco.getAnnIds(imgIds=facts["id"]))
        together = np.zeros_like(mask)
        for part in parts:
            drawn = coco.annToMask(part)
            ys, xs = np.nonzero(drawn)
            assert part["area"] == drawn.sum() and 0.45 <= part["score"] <= 1
            assert part["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            together += drawn
        assert np.array_equal(together * 255, mask)
        overlay = read_image(out / "overlays" / f"{name}.jpg")
        changed = np.abs(overlay.astype(int) - picture).max(2) > 60
        assert changed.any() == mask.any()


def test_soft_masks_hold_probabilities(run, tmp_path):
    folder = run.settings.datasets_dir / "tiny_deposition_EVAL"
    run_job(job(run, folder, tmp_path / "hard"), ticks=Silent)
    run_job(job(run, folder, tmp_path / "soft", options=Options(soft=True, overlays=False)), ticks=Silent)
    assert not (tmp_path / "soft" / "overlays").exists()
    for hard in (tmp_path / "hard" / "masks").iterdir():
        soft = read_mask(tmp_path / "soft" / "masks" / hard.name)
        assert len(np.unique(soft)) > 2
        # all but those within the rounding of 1/255
        sure = np.abs(soft / 255 - 0.45) > 1 / 255
        assert np.array_equal((soft / 255 >= 0.45)[sure], (read_mask(hard) > 0)[sure])


def test_several_classes_have_a_folder_each(tmp_path):
    image = np.full((40, 60, 3), 90, np.uint8)
    image[5:15, 5:25, 0] = 250
    image[20:35, 30:50, 2] = 250
    Image.fromarray(image).save(tmp_path / "a.png")
    network, cover = toy(classes=("Отложения", "b/c"), size=(40, 60)), Whole((40, 60))
    with OutputFolder(tmp_path / "out", {"classes": list(network.facts.classes)}) as folder:
        predict(network, find_pictures(tmp_path / "a.png"), folder, cover, Options(0.9), totals=Totals())
    red, blue = (read_mask(tmp_path / "out" / "masks" / name / "a.png") > 0 for name in ("Отложения", "b_c"))
    assert np.array_equal(np.argwhere(red)[[0, -1]], [[5, 5], [14, 24]]) and red.sum() == 200
    assert np.array_equal(np.argwhere(blue)[[0, -1]], [[20, 30], [34, 49]]) and blue.sum() == 300
    coco = json.loads((tmp_path / "out" / "predictions.coco.json").read_text(encoding="utf-8"))
    assert [(a["id"], a["category_id"], a["area"]) for a in coco["annotations"]] == [(1, 1, 200), (2, 2, 300)]
    assert [category["name"] for category in coco["categories"]] == ["Отложения", "b/c"]


@pytest.mark.parametrize("size", [(64, 96), (100, 131), (65, 300), (20, 30), (200, 40), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 0.5, 0.8])
def test_tiles_of_a_network_that_sees_single_pixels_are_the_picture(size, overlap):
    image = noise(1, *size)
    (found,) = ask(toy(), [image], Tiled((64, 96), overlap))
    (expected,) = ask(toy(), [image], Whole(size))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_tiles_cover_evenly_and_overlap_as_asked():
    cover = Tiled((64, 64), 0.5)
    assert cover.places(64, 64) == [(0, 0)]
    assert [left for _, left in cover.places(64, 65)] == [0, 1]
    assert [left for _, left in cover.places(64, 160)] == [0, 32, 64, 96]
    lefts = [left for _, left in Tiled((64, 64), 0.25).places(64, 1000)]
    assert lefts[0] == 0 and lefts[-1] == 936 and max(np.diff(lefts)) <= 48
    weight = importance((64, 96), torch.device("cpu"))
    assert weight.min() > 0 and weight.max() <= 1 and torch.equal(weight, weight.flip(0, 1))
    # an eighth of the tile from the middle: one standard deviation
    assert weight[31, 48 + 12] / weight[31, 48] == pytest.approx(math.exp(-0.5 * (12.5**2 - 0.5**2) / 144), rel=1e-5)


def test_no_seam_where_tiles_meet():
    class Middle(torch.nn.Module):
        """Says how far a pixel is from the left edge of what it is shown: every tile says something else."""

        def forward(self, x):
            return torch.linspace(-2, 2, x.shape[3]).expand(len(x), 1, x.shape[2], -1)

    (found,) = ask(toy(Middle(), ("x",)), [noise(2, 64, 400)], Tiled((64, 96), 0.5))
    jumps = found[0].diff(dim=1).abs()
    assert jumps.max() < 0.06  # a hard seam in the middle of the overlap would jump by 0.46


@pytest.mark.parametrize("cover", [Whole((64, 96)), Tiled((32, 32), 0.5)])
def test_turns_commute_with_a_mirrored_picture(cover):
    network, image = toy(Lopsided(), ("x",)), noise(4, 64, 96)
    mirrored = [np.ascontiguousarray(np.flip(image, axes)) for axes in ((0,), (1,), (0, 1))]
    (whole, *others) = ask(network, [image, *mirrored], cover, flips=True)
    for found, axes in zip(others, ((1,), (2,), (1, 2)), strict=True):
        torch.testing.assert_close(found.flip(axes), whole, rtol=1e-4, atol=1e-5)
    (plain, turned) = ask(network, [image, mirrored[0]], cover)
    assert (turned.flip(1) - plain).abs().max() > 0.1  # without turns this network tells them apart
    if isinstance(cover, Whole):
        expected = torch.stack([
            ask(network, [np.flip(image, axes) if axes else image], cover)[0].flip([axis + 1 for axis in axes])
            for axes in ((), (0,), (1,), (0, 1))
        ]).mean(0)  # fmt: skip
        torch.testing.assert_close(whole, expected, rtol=1e-4, atol=1e-5)


def test_batches_are_filled_across_pictures_and_change_nothing():
    images = [noise(index, 70 + 20 * index, 100) for index in range(5)]
    calls = []

    class Counted(TorchNetwork):
        def __call__(self, images):
            calls.append(len(images))
            return super().__call__(images)

    network = Counted(Red(), Facts(("a", "b"), 0.5, (64, 96), "x", 1), CPU)
    alone = ask(network, images, Tiled((64, 64)), batch_size=1)
    tiles, calls[:] = len(calls), []
    for one, other in zip(alone, ask(network, images, Tiled((64, 64)), batch_size=7), strict=True):
        torch.testing.assert_close(one, other)
    assert sum(calls) == tiles and calls[:-1] == [7] * (tiles // 7)


def test_no_more_than_a_batch_of_pictures_is_held():
    held, most = 0, 0

    def feed():
        nonlocal held, most
        for index in range(50):
            held += 1
            most = max(most, held)
            yield Loaded(index, noise(index, 20, 20), [np.zeros((32, 32, 3), np.uint8)] * 3)

    cover = Tiled((32, 32), 0)
    for _ in probabilities(toy(), (Loaded(p.item, p.image, p.inputs[:1]) for p in feed()), cover, batch_size=4):
        held -= 1
    assert held == 0 and most <= 4


def test_regions_against_pycocotools_and_our_own_coder():
    probability = np.random.default_rng(5).random((37, 53)).astype(np.float32)
    probability = cv2.GaussianBlur(probability, (5, 5), 0)
    mask = probability > 0.52
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    regions = find_regions(probability, mask)
    assert len(regions) == count - 1 > 10
    seen = np.zeros_like(mask)
    for region in regions:
        part = decode(region.counts, *mask.shape)
        assert region.counts == encode(part) and len(np.unique(labels[part])) == 1 and not (seen & part).any()
        assert region.area == part.sum() and region.score == pytest.approx(probability[part].mean(), rel=1e-5)
        assert region.box == cv2.boundingRect(part.astype(np.uint8))
        seen |= part
    assert np.array_equal(seen, mask)
    large = find_regions(probability, mask, 20)
    assert 0 < len(large) < len(regions) and large == [region for region in regions if region.area >= 20]
    assert find_regions(probability, np.zeros_like(mask)) == []
    (full,) = find_regions(probability, np.ones_like(mask))
    assert full.area == mask.size and full.counts == encode(np.ones_like(mask))


def test_keys_are_one_per_picture(tmp_path):
    from pathlib import Path

    names = ["a.jpg", "a.png", "b.png", "sub/a.jpg", "a.jpg.png", "мой снимок.png", "B.jpg", "C.png", "c.png"]
    keys = unique_keys([Path(name) for name in names])
    assert len({key.casefold() for key in keys}) == len(names)
    assert dict(zip(names, keys, strict=True)) == {
        "a.jpg": "a.jpg", "a.png": "a.png", "b.png": "b.png", "sub/a.jpg": "sub/a", "a.jpg.png": "a.jpg.png",
        "мой снимок.png": "мой снимок", "B.jpg": "B.jpg", "C.png": "C.png", "c.png": "c.png~2",
    }  # fmt: skip


def test_what_a_folder_holds(tmp_path):
    picture = noise(0, 8, 8)
    for name in ("b.png", "a.png", "sub dir/a.png", ".hidden/x.png", "out/masks/y.png", "earlier/masks/z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "earlier" / "predictions.jsonl").write_text("")
    (tmp_path / "notes.txt").write_text("")
    found = find_pictures(tmp_path, tmp_path / "out")
    assert [item.file for item in found] == ["a.png", "b.png", "sub dir/a.png"]
    assert np.array_equal(found[2].read(), picture)
    for name in ("images/i.png", "masks/i.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / name)
    assert [item.file for item in find_pictures(tmp_path / "set")] == ["i.png"]
    for wrong, words in (
        (tmp_path / "notes.txt", "neither a picture"),
        (tmp_path / "missing.png", "no such file"),
        (tmp_path / ".hidden" / "none", "no such file"),
    ):
        with pytest.raises(BadInput, match=words):
            find_pictures(wrong)
    with pytest.raises(BadInput, match="the output of an earlier prediction"):
        find_pictures(tmp_path / "earlier")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no picture"):
        find_pictures(tmp_path / "empty")
    (tmp_path / "empty" / "v.mp4").write_text("")
    with pytest.raises(BadInput, match="one of its videos"):
        find_pictures(tmp_path / "empty")


def test_an_unreadable_picture_costs_only_itself(tmp_path):
    for index in range(6):
        Image.fromarray(noise(index, 20, 20)).save(tmp_path / f"{index}.png")
    (tmp_path / "3.png").write_text("no picture")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "4.png")
    totals, told = Totals(), []
    with OutputFolder(tmp_path / "out", {"classes": ["red", "blue"]}) as folder:
        items = find_pictures(tmp_path, tmp_path / "out")
        predict(toy(), items, folder, Whole((32, 32)), Options(), totals=totals, tick=told.append)
    assert totals.pictures == 4 and sorted(told) == [1, 2, 3, 4, 5, 6]
    assert [sentence.split(": ")[0] for sentence in totals.failures] == [str(tmp_path / f"{i}.png") for i in (3, 4)]
    assert sorted(file.stem for file in (tmp_path / "out/masks/red").iterdir()) == ["0", "1", "2", "5"]


def test_as_read_pictures_are_as_predicted(tmp_path):
    """EXIF turns, CMYK and grey: the mask lies on the picture as a person sees it."""
    image = np.full((30, 50, 3), 60, np.uint8)
    image[3:12, 5:20, 0] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(image).save(tmp_path / "turned.jpg", exif=exif, quality=98)
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    Image.fromarray(image).convert("L").save(tmp_path / "grey.png")
    network, out = toy(size=(64, 64)), tmp_path / "out"
    with OutputFolder(out, {"classes": ["red", "blue"]}) as folder:
        items = find_pictures(tmp_path, out)
        predict(network, items, folder, Tiled((64, 64)), Options(0.9), totals=Totals())
    turned = read_mask(out / "masks/red/turned.png") > 0
    assert turned.shape == (50, 30) == read_image(tmp_path / "turned.jpg").shape[:2]
    truth = np.rot90(image[:, :, 0] > 200, -1)
    assert (turned & truth).sum() / (turned | truth).sum() > 0.8
    cmyk = read_mask(out / "masks/red/cmyk.png") > 0
    assert (cmyk & (image[:, :, 0] > 200)).sum() > 100 and not (read_mask(out / "masks/red/grey.png") > 0).any()


class Interrupting:
    """A list of items whose reader presses Ctrl-C."""

    def __init__(self, items, after):
        self.items, self.after = items, after

    def __iter__(self):
        for index, item in enumerate(self.items):
            if index == self.after:
                raise KeyboardInterrupt
            yield item

    def __len__(self):
        return len(self.items)


def test_an_interrupted_prediction_goes_on(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for index in range(30):
        Image.fromarray(noise(index, 20, 20)).save(source / f"{index:02}.png")
    settings, cover, network = {"classes": ["red", "blue"], "threshold": 0.5}, Whole((32, 32)), toy()
    items = find_pictures(source)
    whole, out = tmp_path / "whole", tmp_path / "out"
    with OutputFolder(whole, settings) as folder:
        predict(network, items, folder, cover, Options(), totals=Totals())
    first = Totals()
    with pytest.raises(KeyboardInterrupt), OutputFolder(out, settings) as folder:
        predict(network, Interrupting(items, 25), folder, cover, Options(), totals=first, workers=1)
    assert 0 < first.pictures < 25
    with open(out / "predictions.csv") as file:
        assert len(list(csv.DictReader(file))) == 2 * first.pictures
    # a kill in the middle of a line, a picture that changed, a mask that somebody removed
    with open(out / "predictions.jsonl", "ab") as file:
        file.write(b'{"key": "2')
    Image.fromarray(noise(99, 21, 22)).save(source / "01.png")
    (out / "masks" / "blue" / "02.png").unlink()
    with pytest.raises(BadInput, match=r"begun with threshold 0\.5, not 0\.4"):
        OutputFolder(out, {**settings, "threshold": 0.4}, resume=True)
    with pytest.raises(BadInput, match="--resume goes on"):
        OutputFolder(out, settings)
    items, second = find_pictures(source), Totals()
    with OutputFolder(out, settings, resume=True) as folder:
        left = [item for item in items if not folder.is_done(item.key, item.stamp)]
        predict(network, left, folder, cover, Options(), totals=second)
    assert second.pictures == 30 - first.pictures + 2
    assert (out / "masks" / "blue" / "02.png").is_file()
    rows, expected = (
        {(row["file"], row["class"]): row for row in csv.DictReader((place / "predictions.csv").open())}
        for place in (out, whole)
    )
    assert rows[("01.png", "red")]["width"] == "22" and len(rows) == 60
    assert all(rows[key] == expected[key] for key in rows if key[0] != "01.png")
    coco = COCO(str(out / "predictions.coco.json"))
    assert len(coco.imgs) == 30 and len({facts["file_name"] for facts in coco.imgs.values()}) == 30
    assert not list(out.rglob("*.tmp"))


def test_folders_that_are_not_ours_are_left_alone(tmp_path):
    settings = {"classes": ["red"]}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "masks").mkdir()
    for options in ({}, {"resume": True}, {"replace": True}):
        with pytest.raises(BadInput, match="holds other things"):
            OutputFolder(tmp_path / "full", settings, **options)
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["masks"]
    with OutputFolder(tmp_path / "ours", settings):
        pass
    (tmp_path / "ours" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds other things"):
        OutputFolder(tmp_path / "ours", settings, replace=True)
    assert (tmp_path / "ours" / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file"):
        OutputFolder(tmp_path / "file", settings)
    with pytest.raises(RuntimeError), OutputFolder(tmp_path / "new", settings):
        raise RuntimeError
    assert not (tmp_path / "new").exists()


def test_options_out_of_range(tmp_path):
    assert parse_tile("64") == (64, 64) and parse_tile("64x96") == (64, 96) and parse_tile(None) is None
    for text in ("", "x", "64x", "64x64x3", "-1", "a"):
        with pytest.raises(BadInput, match="--tile"):
            parse_tile(text)
    for text, words in (("100x64", "100 is not a multiple of 32; the nearest is 96"), ("0", "0 is not a multiple")):
        with pytest.raises(BadInput, match=words):
            parse_tile(text)
    for value in (-0.1, 0.95, math.nan):
        with pytest.raises(BadInput, match=r"between 0 and 0\.9"):
            check_overlap(value)
    for value in (0, 1, -1, math.nan, math.inf):
        with pytest.raises(BadInput, match="between 0 and 1"):
            check_threshold(value)
    for device, precision, words in (("gpu", "auto", "device: 'gpu'"), ("cpu", "half", "precision: 'half'")):
        with pytest.raises(BadInput, match=words):
            load_network(tmp_path / "any.safetensors", device, precision)


def test_large_pictures_are_worked_on_by_fewer_threads():
    assert workers_for(1) >= workers_for(4_000_000) >= workers_for(64_000_000) == 1
