"""From a dataset folder to batches: decoded once, resized once, then drawn in an order that a seed fixes."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from pipeseg.data.augment import Augmenter
from pipeseg.data.folder import DatasetFolder, Sample, read_pair
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import picture_size, read_mask
from pipeseg.errors import BadInput

# memory for decoded pictures; a dataset beyond it is decoded again when needed
CACHE_BYTES = 2 << 30
DEFECT_LEVEL = 128


@dataclass(slots=True)
class Pictures:
    """The pairs of one dataset at network size, checked; native masks are read again when they are needed for scoring.

    Attributes:
        images: uint8 (N, height, width, 3) RGB, or None when they do not fit into CACHE_BYTES.
        masks: uint8 (N, height, width), or None likewise.
        trust: uint8 (N, height, width, 2), the weight of each pixel and the filled boxes, both 0..255; None likewise,
            and where no picture has either.
        positives: number of pictures whose mask holds a defect pixel.
        trusted: whether any picture has weights or boxes beside its mask.
    """

    folder: DatasetFolder
    size: tuple[int, int]
    images: np.ndarray | None
    masks: np.ndarray | None
    trust: np.ndarray | None
    positives: int
    trusted: bool

    @classmethod
    def load(cls, folder: DatasetFolder, size: tuple[int, int], tick: Callable[[int, int], None]) -> "Pictures":
        """Read and check every pair; `size` is the network's (height, width)."""
        height, width = size
        count = len(folder.samples)
        trusted = any(map(_is_trusted, folder.samples))
        fits = count * height * width * (6 if trusted else 4) <= CACHE_BYTES
        images = np.empty((count, height, width, 3), np.uint8) if fits else None
        masks = np.empty((count, height, width), np.uint8) if fits else None
        positives = 0
        for index, (image, mask) in enumerate(folder.read_all(tick)):
            positives += bool((mask >= DEFECT_LEVEL).any())
            if images is not None and masks is not None:
                images[index], masks[index] = resize(image, size), resize(mask, size)
        trust = None
        if trusted:
            trust = np.empty((count, height, width, 2), np.uint8) if fits else None
            for index, planes in enumerate(threaded(_read_trust, folder.samples)):
                if trust is not None:
                    trust[index] = resize(planes, size)
        return cls(folder, size, images, masks, trust, positives, trusted)

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

    def trust_of(self, index: int) -> np.ndarray | None:
        """Return (weight, boxes), uint8 (height, width, 2), at network size; None where neither is in the dataset."""
        if self.trust is not None:
            return self.trust[index]
        return resize(_read_trust(self.samples[index]), self.size) if self.trusted else None


def _is_trusted(sample: Sample) -> bool:
    return sample.weight is not None or sample.boxes is not None


def _read_trust(sample: Sample) -> np.ndarray:
    """Read weight and boxes of one picture at native size, uint8 (H, W, 2).

    Raises:
        BadInput: one of them has another size than the mask.
    """
    shape = picture_size(sample.mask)
    planes = np.full((*shape, 2), (255, 0), np.uint8)
    for channel, file in enumerate((sample.weight, sample.boxes)):
        if file is not None:
            plane = read_mask(file)
            if plane.shape != shape:
                raise BadInput(f"{file}: has another size than {sample.mask}; write the dataset again")
            planes[..., channel] = plane
    return planes


def resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize to (height, width): averaging when shrinking, so that thin defects stay as soft traces."""
    height, width = size
    if array.shape[:2] == (height, width):
        return array
    shrinks = array.shape[0] >= height and array.shape[1] >= width
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class Batch(NamedTuple):
    """What one step learns from; also one picture of it, without the first dimension.

    Attributes:
        images: uint8 (N, 3, H, W).
        target: float32 (N, 1, H, W) in [0, 1].
        channel: int64 (N,), index of the set, which is the output of the network that has a truth in `target`.
        weight: float32 (N, 1, H, W) in [0, 1], how far a pixel counts; (N, 0) where everything counts fully.
        boxes: float32 (N, 1, H, W) in [0, 1], filled boxes; (N, 0) likewise.
        by_hand: bool (N,), whether a hand drew the mask; else outside of the boxes alone is certain.
    """

    images: torch.Tensor
    target: torch.Tensor
    channel: torch.Tensor
    weight: torch.Tensor
    boxes: torch.Tensor
    by_hand: torch.Tensor

    @classmethod
    def of(cls, image: np.ndarray, planes: np.ndarray, channel: int, *, by_hand: bool = True) -> "Batch":
        """Make one picture of RGB uint8 (H, W, 3) and planes uint8 (H, W, 1 or 3): target[, weight, boxes]."""
        target, *trusted = torch.from_numpy(planes.astype(np.float32).transpose(2, 0, 1) / 255)[:, None]
        weight, boxes = trusted or (torch.empty(0), torch.empty(0))
        image_tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return cls(image_tensor, target, torch.tensor(channel), weight, boxes, torch.tensor(by_hand))

    def split(self, size: int) -> Iterator["Batch"]:
        """Yield parts of up to `size` pictures."""
        return (Batch(*parts) for parts in zip(*(tensor.split(size) for tensor in self), strict=True))


class _Drawn(Dataset):
    """Maps (index, draw) to a picture of a `Batch`."""

    def __init__(self, sets: Sequence[Pictures], augmenter: Augmenter | None):
        self.sets = sets
        self.starts = list(accumulate(map(len, sets), initial=0))
        self.augmenter = augmenter
        self.trusted = any(pictures.trusted for pictures in sets)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        index, draw = key
        part = bisect_right(self.starts, index) - 1
        pictures, within = self.sets[part], index - self.starts[part]
        image, mask = pictures.pair(within)
        planes = mask[..., None]
        if self.trusted:
            trust = pictures.trust_of(within)
            if trust is None:
                trust = np.full((*mask.shape, 2), (255, 0), np.uint8)
            planes = np.concatenate((planes, trust), axis=2)
        if self.augmenter is not None:
            image, planes = self.augmenter(image, planes, draw)
        return Batch.of(image, planes, part, by_hand=pictures.samples[within].boxes is None)


@dataclass(frozen=True, slots=True)
class DrawOrder:
    """Yields a batch of (index, draw) for each step from `start` to `steps`.

    Permutations of a pool are put end to end, so that every batch is full. A step's batch depends on seed and step
    only: a training that goes on from a checkpoint draws what it would have drawn.

    Attributes:
        pools: indices that are drawn from, and how many of each are in a batch.
        rank, ranks: every batch is dealt out among `ranks`, one picture after the other, so that each has of every
            pool; `rank` gets its part.
    """

    pools: Sequence[tuple[Sequence[int], int]]
    steps: int
    seed: int
    start: int = 0
    rank: int = 0
    ranks: int = 1

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(self.seed)
        waiting: list[list[int]] = [[] for _ in self.pools]
        size = sum(share for _, share in self.pools)
        for step in range(self.steps):
            batch: list[int] = []
            for place, (pool, share) in enumerate(self.pools):
                while len(waiting[place]) < share:
                    waiting[place] += [pool[index] for index in torch.randperm(len(pool), generator=generator).tolist()]
                batch += waiting[place][:share]
                del waiting[place][:share]
            if step >= self.start:
                drawn = [(index, step * size + offset) for offset, index in enumerate(batch)]
                yield drawn[self.rank :: self.ranks]


def pools_of(sets: Sequence[Pictures], batch_size: int, hand_share: float | None) -> list[tuple[Sequence[int], int]]:
    """Return what a batch is drawn from: everything alike, or `hand_share` of it from hand-drawn pictures.

    Raises:
        BadInput: a share is asked for, and the sets have no pictures labelled by hand, or none labelled by boxes.
    """
    by_hand = [sample.boxes is None for pictures in sets for sample in pictures.samples]
    if hand_share is None:
        return [(range(len(by_hand)), batch_size)]
    hand = min(max(round(hand_share * batch_size), 1), batch_size - 1)
    pools = [
        ([i for i, hand_drawn in enumerate(by_hand) if hand_drawn == wanted], share)
        for wanted, share in ((True, hand), (False, batch_size - hand))
    ]
    names = ", ".join(pictures.folder.name for pictures in sets)
    for (pool, share), what in zip(pools, ("by hand", "by boxes"), strict=True):
        if not pool or not share:
            raise BadInput(
                f"boxes: no picture of {names} is labelled {what}; take a hybrid dataset that a refine run has written"
                f" and a batch_size of 2 or more, or set boxes: null"
            )
    return pools


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
    hand_share: float | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> DataLoader:
    """Return a loader of `Batch` over the steps of a run from `start` on: one iterator, so no epoch starts by waiting.

    Args:
        sets: drawn from as if they were one.
        batch_size: pictures of a step, on all ranks together.
        hand_share: of each batch from hand-drawn pictures; None draws all alike.
        rank, ranks: whose part of each batch; see `DrawOrder`.
    """
    return DataLoader(
        _Drawn(sets, Augmenter(seed) if augment else None),
        batch_sampler=DrawOrder(pools_of(sets, batch_size, hand_share), steps, seed, start, rank, ranks),
        num_workers=workers,
        generator=_own_generator(),
        pin_memory=pin,
        worker_init_fn=_one_thread if workers else None,
    )


def scoring_loader(pictures: Pictures, *, batch_size: int) -> DataLoader:
    """Return a loader of `Batch` over every picture once, in order, unchanged."""
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
