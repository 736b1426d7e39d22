"""From a dataset folder to batches: decoded once, resized once, then drawn in an order that a seed fixes."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from pipeseg.data.augment import Augmenter
from pipeseg.data.folder import DatasetFolder, Sample, read_pair

# memory for decoded pictures; a dataset beyond it is decoded again when needed
CACHE_BYTES = 2 << 30
DEFECT_LEVEL = 128


@dataclass(slots=True)
class Pictures:
    """The pairs of one dataset at network size, checked; native masks are read again when they are needed for scoring.

    Attributes:
        images: uint8 (N, height, width, 3) RGB, or None when they do not fit into CACHE_BYTES.
        masks: uint8 (N, height, width), or None likewise.
        positives: number of pictures whose mask holds a defect pixel.
    """

    folder: DatasetFolder
    size: tuple[int, int]
    images: np.ndarray | None
    masks: np.ndarray | None
    positives: int

    @classmethod
    def load(cls, folder: DatasetFolder, size: tuple[int, int], tick: Callable[[int, int], None]) -> "Pictures":
        """Read and check every pair; `size` is the network's (height, width)."""
        height, width = size
        count = len(folder.samples)
        fits = count * height * width * 4 <= CACHE_BYTES
        images = np.empty((count, height, width, 3), np.uint8) if fits else None
        masks = np.empty((count, height, width), np.uint8) if fits else None
        positives = 0
        for index, (image, mask) in enumerate(folder.read_all(tick)):
            positives += bool((mask >= DEFECT_LEVEL).any())
            if images is not None and masks is not None:
                images[index], masks[index] = resize(image, size), resize(mask, size)
        return cls(folder, size, images, masks, positives)

    def __len__(self) -> int:
        return len(self.folder.samples)

    @property
    def samples(self) -> tuple[Sample, ...]:
        return self.folder.samples

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (image, mask) at network size."""
        if self.images is not None and self.masks is not None:
            return self.images[index], self.masks[index]
        image, mask = read_pair(self.samples[index])
        return resize(image, self.size), resize(mask, self.size)


def resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize to (height, width): averaging when shrinking, so that thin defects stay as soft traces."""
    height, width = size
    if array.shape[:2] == (height, width):
        return array
    shrinks = array.shape[0] >= height and array.shape[1] >= width
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class _Drawn(Dataset):
    """Maps (index, draw) to (image uint8 (3, H, W), mask float32 (1, H, W) in [0, 1], index of the set)."""

    def __init__(self, sets: Sequence[Pictures], augmenter: Augmenter | None):
        self.sets = sets
        self.starts = list(accumulate(map(len, sets), initial=0))
        self.augmenter = augmenter

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, int]:
        index, draw = key
        part = bisect_right(self.starts, index) - 1
        image, mask = self.sets[part].pair(index - self.starts[part])
        if self.augmenter is not None:
            image, mask = self.augmenter(image, mask, draw)
        image = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return image, torch.from_numpy(mask[None].astype(np.float32) / 255), part


@dataclass(frozen=True, slots=True)
class DrawOrder:
    """Yields a batch of (index, draw) for each step from `start` to `steps`.

    Permutations of the set are put end to end, so that every batch is full. A step's batch depends on seed and step
    only: a training that goes on from a checkpoint draws what it would have drawn.
    """

    count: int
    batch_size: int
    steps: int
    seed: int
    start: int = 0

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(self.seed)
        order: list[int] = []
        for step in range(self.steps):
            while len(order) < self.batch_size:
                order += torch.randperm(self.count, generator=generator).tolist()
            batch, order = order[: self.batch_size], order[self.batch_size :]
            if step >= self.start:
                yield [(index, step * self.batch_size + offset) for offset, index in enumerate(batch)]


def training_loader(
    sets: Sequence[Pictures],
    *,
    batch_size: int,
    steps: int,
    seed: int,
    augment: bool,
    workers: int,
    pin: bool,
    start: int = 0,
) -> DataLoader:
    """Return a loader over the steps of a run from `start` on: one iterator, so that no epoch starts by waiting.

    Args:
        sets: drawn from as if they were one; the third part of a batch, int64 (N,), says which one a picture is of.
    """
    return DataLoader(
        _Drawn(sets, Augmenter(seed) if augment else None),
        batch_sampler=DrawOrder(sum(map(len, sets)), batch_size, steps, seed, start),
        num_workers=workers,
        generator=_own_generator(),
        pin_memory=pin,
        worker_init_fn=_one_thread if workers else None,
    )


def scoring_loader(pictures: Pictures, *, batch_size: int) -> DataLoader:
    """Return a loader over every picture once, in order, unchanged."""
    keys = [(index, 0) for index in range(len(pictures))]
    return DataLoader(
        _Drawn([pictures], None),
        batch_sampler=[keys[start : start + batch_size] for start in range(0, len(keys), batch_size)],
        generator=_own_generator(),
    )


def _own_generator() -> torch.Generator:
    # every new iterator draws a number for its workers; from torch's own generator it would change what dropout draws,
    # by how often a run was scored or resumed
    return torch.Generator()


def _one_thread(_: int) -> None:
    # each loader process is one of many: OpenCV's own threads would fight them
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
