"""How a picture of any size is put before a network: whole, as in training, or in overlapping tiles at native size."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipeseg.data.loading import resize
from pipeseg.errors import BadInput
from pipeseg.prediction.networks import Network
from pipeseg.training.evaluate import native_probability

# axes that each test-time turn mirrors, of (N, K, height, width)
FLIPS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))


class Canvas(Protocol):
    """Where the answers to one picture's inputs come together."""

    def add(self, index: int, logits: Tensor) -> None:
        """Take the logits of input `index`, float32 (turns, K, h, w), mirrored back."""
        ...

    def result(self) -> Tensor:
        """Return probabilities, float32 (K, height, width) at the picture's size."""
        ...


class Cover(Protocol):
    def inputs(self, image: np.ndarray) -> list[np.ndarray]:
        """Cut or shrink uint8 (height, width, 3) into arrays of the network's size."""
        ...

    def canvas(self, height: int, width: int) -> Canvas: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole picture at the size that the network was trained at, and logits resized to its own: as test is scored.

    Attributes:
        size: (height, width).
    """

    size: tuple[int, int]

    def inputs(self, image: np.ndarray) -> list[np.ndarray]:
        return [resize(image, self.size)]

    def canvas(self, height: int, width: int) -> Canvas:
        return _WholeCanvas(height, width)


class _WholeCanvas:
    def __init__(self, height: int, width: int):
        self._size = (height, width)
        self._probability: Tensor | None = None

    def add(self, index: int, logits: Tensor) -> None:
        # per turn and channel: native maps of all turns at once would be many times the picture
        turns = (
            torch.stack([native_probability(channel[None], *self._size) for channel in channels]) for channels in logits
        )
        total = next(turns)
        for turn in turns:
            total += turn
        self._probability = total.div_(len(logits))

    def result(self) -> Tensor:
        assert self._probability is not None
        return self._probability


@dataclass(frozen=True, slots=True)
class Tiled:
    """Overlapping tiles of the picture's own pixels, blended with a Gaussian; smaller pictures are mirrored outwards.

    Steps and blending are nnU-Net's (Isensee et al. 2021): steps of equal length, no longer than the tile without its
    overlap; sigma an eighth of the tile. Probabilities are blended, not logits, so that one saturated tile cannot
    outvote its neighbours.

    Attributes:
        size: (height, width) of a tile.
        overlap: share of a tile that the next one covers again, [0, 0.9].
    """

    size: tuple[int, int]
    overlap: float = 0.5

    def inputs(self, image: np.ndarray) -> list[np.ndarray]:
        height, width = self.size
        padding = _padding(image.shape[0], image.shape[1], self.size)
        if any(padding):
            top, bottom, left, right = padding
            image = np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="reflect")
        # views: copied when a batch is put together
        return [image[y : y + height, x : x + width] for y, x in self.places(image.shape[0], image.shape[1])]

    def places(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return (top, left) of every tile of a picture that is no smaller than one."""
        tops, lefts = (_steps(*sides, self.overlap) for sides in ((height, self.size[0]), (width, self.size[1])))
        return [(top, left) for top in tops for left in lefts]

    def canvas(self, height: int, width: int) -> Canvas:
        return _TiledCanvas(self, height, width)


class _TiledCanvas:
    def __init__(self, cover: Tiled, height: int, width: int):
        self._tile = cover.size
        self._size = (height, width)
        self._top, bottom, self._left, right = _padding(height, width, cover.size)
        self._padded = (height + self._top + bottom, width + self._left + right)
        self._places = cover.places(*self._padded)
        self._sum: Tensor | None = None
        self._weights: Tensor | None = None

    def add(self, index: int, logits: Tensor) -> None:
        if self._sum is None or self._weights is None:
            self._sum = torch.zeros(logits.shape[1], *self._padded, device=logits.device)
            self._weights = torch.zeros(self._padded, device=logits.device)
        (top, left), (height, width) = self._places[index], self._tile
        there = (slice(top, top + height), slice(left, left + width))
        weight = importance(self._tile, logits.device)
        self._sum[:, *there] += torch.sigmoid(logits).mean(0) * weight
        self._weights[there] += weight

    def result(self) -> Tensor:
        assert self._sum is not None
        height, width = self._size
        with torch.inference_mode():
            blended = self._sum.div_(self._weights)
        return blended[:, self._top : self._top + height, self._left : self._left + width]


@cache
def importance(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the weight of each pixel of a tile, float32 (height, width): 1 in the middle, about 1e-7 in a corner."""
    axes = []
    for side in size:
        distance = torch.arange(side, device=device) - (side - 1) / 2
        axes.append(torch.exp(-0.5 * (distance / (side / 8)) ** 2))
    return axes[0][:, None] * axes[1][None, :]


def _steps(side: int, tile: int, overlap: float) -> list[int]:
    """Return where the tiles begin along one side: first and last flush with the picture, the others evenly between."""
    longest = max(1, round(tile * (1 - overlap)))
    count = -(-(side - tile) // longest) + 1
    return [round(index * (side - tile) / max(1, count - 1)) for index in range(count)]


def _padding(height: int, width: int, tile: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return rows and columns to add (top, bottom, left, right), so that one tile fits."""
    down, across = max(0, tile[0] - height), max(0, tile[1] - width)
    return down // 2, down - down // 2, across // 2, across - across // 2


def choose_cover(network: Network, tile: tuple[int, int] | None, overlap: float) -> Cover:
    """Return how pictures are put before this network.

    Raises:
        BadInput: a tile that this network cannot take.
    """
    size = network.facts.image_size
    if tile is None:
        return Whole(size)
    if network.facts.fixed and tile != size:
        raise BadInput(f"--tile {tile[0]}x{tile[1]}: this exported network takes {size[0]}x{size[1]} only")
    return Tiled(tile, overlap)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded picture on its way to the network.

    Attributes:
        item: whatever the caller wants back.
        image: uint8 RGB (height, width, 3).
        inputs: what the network is to see of it.
    """

    item: Any
    image: np.ndarray
    inputs: list[np.ndarray]


def probabilities(
    network: Network, pictures: Iterable[Loaded], cover: Cover, *, batch_size: int, flips: bool = False
) -> Iterator[tuple[Loaded, Tensor]]:
    """Yield each picture, in order, with its probabilities, float32 (K, height, width) on the network's device.

    Batches are filled across pictures. No more than a batch of them is held at a time.

    Args:
        flips: average the probabilities of the picture and its three mirror images.
    """
    # appended for one picture at a time; complete once none of its inputs is in the batch
    waiting: deque[tuple[Loaded, Canvas, int]] = deque()
    batch: list[tuple[Canvas, int, np.ndarray]] = []
    placed = answered = 0

    @torch.inference_mode()
    def answer() -> None:
        nonlocal answered
        logits = _answers(network, [array for _, _, array in batch], FLIPS if flips else FLIPS[:1])
        for (canvas, index, _), picture_logits in zip(batch, logits, strict=True):
            canvas.add(index, picture_logits)
        answered += len(batch)
        batch.clear()

    for picture in pictures:
        canvas = cover.canvas(*picture.image.shape[:2])
        placed += len(picture.inputs)
        waiting.append((picture, canvas, placed))
        for index, array in enumerate(picture.inputs):
            batch.append((canvas, index, array))
            if len(batch) == batch_size:
                answer()
        while waiting and waiting[0][2] <= answered:
            done, canvas, _ = waiting.popleft()
            yield done, canvas.result()
    if batch:
        answer()
    while waiting:
        done, canvas, _ = waiting.popleft()
        yield done, canvas.result()


def _answers(network: Network, arrays: list[np.ndarray], turns: tuple[tuple[int, ...], ...]) -> Tensor:
    """Return logits (N, turns, K, h, w), mirrored back."""
    # (N, h, w, 3) seen as (N, 3, h, w) is channels_last already: no copy
    images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).to(network.device, non_blocking=True)
    found = [network(images.flip(axes) if axes else images) for axes in turns]
    return torch.stack([logits.flip(axes) if axes else logits for logits, axes in zip(found, turns, strict=True)], 1)
