"""Networks that learned about boxes look at every box of a picture; crops of several pictures share a batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from pipeseg.data.loading import resize
from pipeseg.refiners.base import Flips, Place
from pipeseg.refiners.crops import crop_window, cut
from pipeseg.refiners.teachers import SURE, Looked, back, turn, turns
from pipeseg.training.device import Hardware


@dataclass(frozen=True, slots=True)
class BoxNetworks:
    """Networks of one class that learned on crops of `size` x `size` px; their probabilities are averaged.

    Attributes:
        networks: with the channel of the class in each one's output.
    """

    networks: Sequence[tuple[nn.Module, int]]
    size: int
    flips: Flips
    hardware: Hardware

    @torch.inference_mode()
    def probability(self, crops: np.ndarray) -> np.ndarray:
        """Return float32 (N, s, s) for crops uint8 (N, s, s, 3)."""
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).to(self.hardware.device, non_blocking=True)
        looks = turns(self.flips, (self.size, self.size))
        total = torch.zeros(len(images), self.size, self.size, device=self.hardware.device)
        for network, channel in self.networks:
            for look in looks:
                with self.hardware.autocast():
                    logits = network(self.hardware.to_input(turn(images, look)))[:, channel]
                total += back(logits.float().sigmoid(), look)
        return (total / (len(self.networks) * len(looks))).cpu().numpy()


def answered_in_boxes(
    networks: BoxNetworks,
    pictures: Iterable[tuple[Looked, Sequence[Place]]],
    batch_size: int,
    between: Callable[[], None],
) -> Iterator[tuple[Looked, np.ndarray]]:
    """Yield each picture, in order, with logits float32 (H, W); the higher one where boxes overlap.

    Args:
        pictures: with their images kept, and where their boxes are.
        between: called before each batch; the place to stop.
    """
    waiting: deque[_Waiting] = deque()
    crops: list[_Crop] = []

    def look() -> None:
        between()
        batch, crops[:] = crops[:batch_size], crops[batch_size:]
        for crop, found in zip(batch, networks.probability(np.stack([crop.image for crop in batch])), strict=True):
            crop.answer(found)

    for looked, places in pictures:
        assert looked.image is not None
        picture = _Waiting(looked, places, np.zeros(looked.shape, np.float32), len(places))
        waiting.append(picture)
        for place in places:
            rows, columns = place
            window = crop_window((columns.start, rows.start, columns.stop, rows.stop))
            image = resize(cut(looked.image, window, mirror=True), (networks.size, networks.size))
            crops.append(_Crop(picture, place, window, image))
        while len(crops) >= batch_size:
            look()
        while waiting and not waiting[0].open:
            yield waiting.popleft().done()
    while crops:
        look()
    for picture in waiting:
        yield picture.done()


@dataclass(slots=True, eq=False)
class _Waiting:
    """A picture of which `open` boxes have not been looked at yet."""

    looked: Looked
    places: Sequence[Place]
    probability: np.ndarray
    open: int

    def done(self) -> tuple[Looked, np.ndarray]:
        logits = np.full(self.looked.shape, np.log(SURE), np.float32)
        for place in self.places:
            sure = np.clip(self.probability[place], SURE, 1 - SURE)
            logits[place] = np.log(sure / (1 - sure))
        return self.looked, logits


@dataclass(frozen=True, slots=True)
class _Crop:
    picture: _Waiting
    place: Place
    window: tuple[int, int, int, int]
    image: np.ndarray

    def answer(self, found: np.ndarray) -> None:
        """Put the probability of the crop (s, s) back into its place, as far as the box reaches."""
        left, top, right, bottom = self.window
        rows, columns = self.place
        native = cv2.resize(found, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        part = self.picture.probability[self.place]
        np.maximum(
            part, native[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left], out=part
        )
        self.picture.open -= 1
