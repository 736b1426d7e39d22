"""Batches: every picture once per permutation, the same for a seed, whatever the number of loader processes."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from pipeseg.data.augment import Augmenter
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.loading import DrawOrder, Pictures, resize, scoring_loader, training_loader
from pipeseg.settings import ROOT


@pytest.fixture(scope="module")
def pictures(tiny_session):
    folder = DatasetFolder.open(tiny_session.settings.datasets_dir / "tiny_deposition_BASELINE")
    return Pictures.load(folder, (64, 96), lambda done, total: None)


@pytest.mark.parametrize(("count", "batch", "steps"), [(9, 4, 9), (3, 8, 3), (7, 1, 14), (1, 5, 2)])
def test_every_picture_comes_once_per_permutation(count, batch, steps):
    order = DrawOrder([(range(count), batch)], steps, seed=5)
    batches = list(order)
    assert len(order) == len(batches) == steps and {len(found) for found in batches} == {batch}
    indices = [index for found in batches for index, _ in found]
    for start in range(0, len(indices) - count + 1, count):
        assert sorted(indices[start : start + count]) == list(range(count))
    counted = Counter(indices).values()
    assert max(counted) - min(counted) <= 1
    # the draw numbers count through the run: no two samples are augmented alike
    assert [draw for found in batches for _, draw in found] == list(range(steps * batch))


def test_the_order_depends_on_the_seed_alone():
    def order(steps, seed):
        return DrawOrder([(range(20), 4)], steps, seed)

    assert list(order(30, 1)) == list(order(30, 1))
    assert list(order(30, 1)) != list(order(30, 2))
    # a longer run begins as a shorter one
    assert list(order(40, 1))[:30] == list(order(30, 1))


def test_augmentation_depends_on_seed_and_draw_alone():
    random = np.random.default_rng(0)
    image, mask = random.integers(0, 255, (64, 64, 3), dtype=np.uint8), np.zeros((64, 64), np.uint8)
    mask[20:40, 10:30] = 255
    first, other = Augmenter(3), Augmenter(3)
    for draw in (5, 0, 7):  # in any order
        other(image, mask, draw + 1)
        for ours, theirs in zip(first(image, mask, draw), other(image, mask, draw), strict=True):
            assert np.array_equal(ours, theirs)
    changed = [first(image, mask, draw)[0] for draw in range(8)]
    assert len({picture.tobytes() for picture in changed}) > 5
    assert not np.array_equal(Augmenter(4)(image, mask, 5)[0], first(image, mask, 5)[0])


def test_augmentation_asks_nobody_on_the_network():
    program = (
        "import sys; asked = []; sys.addaudithook(lambda event, args: event in ('socket.getaddrinfo', 'socket.connect')"
        " and asked.append(args)); from pipeseg.data.augment import Augmenter; Augmenter(0); print(asked)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    command = [sys.executable, "-c", program]
    told = subprocess.check_output(command, cwd=ROOT, env=environment, encoding="utf-8", timeout=120)
    assert told.strip() == "[]"


def test_picture_and_mask_move_together_and_never_upside_down():
    image, mask = np.zeros((64, 96, 3), np.uint8), np.zeros((64, 96), np.uint8)
    image[44:56, 20:50], mask[44:56, 20:50] = 250, 255
    augment = Augmenter(1)
    for draw in range(20):
        changed, moved = augment(image, mask, draw)
        assert moved.dtype == np.uint8 and moved.shape == mask.shape
        inside = changed.mean(2) > 100
        overlap = (inside & (moved > 127)).sum() / (inside | (moved > 127)).sum()
        assert overlap > 0.85
        # sediment lies at the bottom (reflections at the lower edge aside)
        assert np.nonzero(moved > 127)[0].mean() > 32


@pytest.mark.slow
def test_two_loader_processes_give_the_same_batches(pictures):
    batches = [
        list(training_loader([pictures], batch_size=4, steps=5, seed=9, augment=True, workers=workers, pin=False))
        for workers in (0, 2)
    ]
    for alone, shared in zip(*batches, strict=True):
        assert torch.equal(alone[0], shared[0]) and torch.equal(alone[1], shared[1])


def test_scoring_takes_every_picture_once_in_order(pictures):
    images = torch.cat([batch.images for batch in scoring_loader(pictures, batch_size=4)])
    assert len(images) == 9
    for index in range(9):
        assert np.array_equal(images[index].numpy().transpose(1, 2, 0), pictures.pair(index)[0])


def test_masks_arrive_in_zero_to_one(pictures):
    target = next(iter(scoring_loader(pictures, batch_size=9))).target
    assert target.shape == (9, 1, 64, 96) and target.dtype == torch.float32
    assert target.min() == 0 and target.max() == 1 and pictures.positives == 7


def test_a_dataset_beyond_the_cache_gives_the_same_pairs(pictures, monkeypatch):
    monkeypatch.setattr("pipeseg.data.loading.CACHE_BYTES", 1000)
    uncached = Pictures.load(pictures.folder, pictures.size, lambda done, total: None)
    assert uncached.images is None and uncached.positives == pictures.positives
    for index in range(len(pictures)):
        assert all(map(np.array_equal, uncached.pair(index), pictures.pair(index)))


def test_shrinking_keeps_thin_defects_as_soft_traces():
    mask = np.zeros((100, 200), np.uint8)
    mask[:, 101] = 255
    small = resize(mask, (50, 64))
    assert small.shape == (50, 64) and (small > 0).any(1).all()
    assert small.mean() == pytest.approx(mask.mean(), rel=0.05)
