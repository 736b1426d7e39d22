"""A network that looks at one box at a time: it says which part of a box is the defect.

Where a defect ends inside a box is an easier question than where a picture holds a defect, and boxes are known for
every picture that is refined. A copy of a baseline therefore learns on crops of the hand-drawn pictures: the box always
covers the same part of the crop, so that the network knows where it is, and small defects are seen large (as mask heads
on box crops do: He et al. 2017; Birodkar et al. 2021, "The surprising impact of mask-head architecture"). Some crops
show no defect, as false boxes do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from pipeseg.data.augment import Augmenter
from pipeseg.data.boxes import Box
from pipeseg.data.folder import Sample, read_pair
from pipeseg.data.loading import DEFECT_LEVEL, Batch, DrawOrder, resize
from pipeseg.data.parallel import threaded
from pipeseg.errors import BadInput
from pipeseg.losses import BCEDiceLoss
from pipeseg.schema import TrainConfig
from pipeseg.training.device import Hardware
from pipeseg.training.optim import learning_rate
from pipeseg.training.step import Learner

# what is seen around a box, as a share of its sides
CONTEXT = 0.25
# boxes are drawn loosely: each side moves by up to this share while the network learns
JITTER = 0.08
# crops without a defect, per box of a hand-drawn picture
EMPTY_SHARE = 0.15
SMALLEST_SIDE = 2


def crop_window(box: Box, context: float = CONTEXT) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) in whole pixels, half-open, around a box; may reach out of the picture."""
    x_min, y_min, x_max, y_max = box
    width, height = max(x_max - x_min, SMALLEST_SIDE), max(y_max - y_min, SMALLEST_SIDE)
    left, top = round(x_min - context * width), round(y_min - context * height)
    right, bottom = round(x_min + (1 + context) * width), round(y_min + (1 + context) * height)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def cut(array: np.ndarray, window: tuple[int, int, int, int], *, mirror: bool) -> np.ndarray:
    """Cut `window` out of (H, W[, C]); beyond the picture's edge it is mirrored, or 0."""
    left, top, right, bottom = window
    height, width = array.shape[:2]
    inside = array[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    around = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if not any(around):
        return inside
    if not inside.size:
        return np.zeros((bottom - top, right - left, *array.shape[2:]), array.dtype)
    return cv2.copyMakeBorder(inside, *around, cv2.BORDER_REFLECT if mirror else cv2.BORDER_CONSTANT, value=0)


@dataclass(frozen=True, slots=True)
class _Boxed:
    """One box of a hand-drawn picture: its surroundings at native size, and where it lies in them."""

    image: np.ndarray
    mask: np.ndarray
    box: Box


class _Crops(Dataset):
    """Maps (index, draw) to one crop of a `Batch`."""

    def __init__(self, boxed: Sequence[_Boxed], size: int, seed: int, channel: int):
        self.boxed, self.size, self.seed, self.channel = boxed, size, seed, channel
        self.augmenter = Augmenter(seed, moves=False)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        index, draw = key
        boxed = self.boxed[index]
        x_min, y_min, x_max, y_max = boxed.box
        left, top, right, bottom = np.random.default_rng([self.seed, draw]).uniform(-JITTER, JITTER, 4)
        width, height = x_max - x_min, y_max - y_min
        window = crop_window(
            (x_min + left * width, y_min + top * height, x_max + right * width, y_max + bottom * height)
        )
        size = (self.size, self.size)
        image = resize(cut(boxed.image, window, mirror=True), size)
        mask = resize(cut(boxed.mask, window, mirror=False), size)
        image, mask = self.augmenter(image, mask, draw)
        return Batch.of(image, mask[..., None], self.channel)


def learn_boxes(
    model: nn.Module,
    boxes: Mapping[Sample, Sequence[Box]],
    config: TrainConfig,
    hardware: Hardware,
    *,
    channel: int,
    warn: Callable[[str], None],
    tick: Callable[[], None],
) -> nn.Module:
    """Teach a network on crops around the boxes of hand-drawn pictures.

    Args:
        model: network on the device; it learns in place.
        boxes: hand-drawn picture -> its boxes (pixels); a box on nothing teaches what a false box looks like.
        config: how long and how fast: `epochs` x `steps_per_epoch`, `batch_size`, `learning_rate`, ...; `image_size` is
            the crop's.
        channel: of the network's output, the index of the class.
        tick: called after each step.

    Returns:
        The network with averaged weights, in eval mode.

    Raises:
        BadInput: no hand-drawn picture has a box.
    """
    boxed = list(_collect(boxes, config.seed))
    if not boxed:
        raise BadInput(
            f"{config.train_dataset}: none of its pictures has a box, so crops teach nothing; take another refiner"
        )
    steps = config.epochs * (config.steps_per_epoch or 1)
    crops = _Crops(boxed, config.image_size[0], config.seed, channel)
    order = DrawOrder([(range(len(boxed)), config.pictures_per_step)], steps, config.seed)
    learner = Learner(config, hardware, model, BCEDiceLoss().to(hardware.device), warn)
    model.train()
    for step, batch in enumerate(DataLoader(crops, batch_sampler=order, generator=torch.Generator())):
        learner.learn(batch, learning_rate(config, step, steps))
        tick()
    return learner.scored_model.eval()


def _collect(boxes: Mapping[Sample, Sequence[Box]], seed: int) -> Iterator[_Boxed]:
    """Yield every box of the hand-drawn pictures, and a few boxes on nothing, of the same sizes."""
    sizes = [(x_max - x_min, y_max - y_min) for each in boxes.values() for x_min, y_min, x_max, y_max in each]
    generator = np.random.default_rng(seed)
    for (image, mask), own in zip(threaded(read_pair, boxes), boxes.values(), strict=True):
        found = list(own)
        if sizes and generator.random() < EMPTY_SHARE * max(1, len(found)):
            found += _empty_box(mask, sizes, generator)
        for box in found:
            if (boxed := _surroundings(image, mask, box)) is not None:
                yield boxed


def _empty_box(mask: np.ndarray, sizes: Sequence[tuple[float, float]], generator: np.random.Generator) -> list[Box]:
    """Return a box at a random place without defect; none where the picture has no room for it."""
    height, width = mask.shape
    box_width, box_height = sizes[generator.integers(len(sizes))]
    left, top = generator.uniform(0, max(width - box_width, 1)), generator.uniform(0, max(height - box_height, 1))
    window = crop_window((left, top, left + box_width, top + box_height), context=0)
    holds_defect = (cut(mask, window, mirror=False) >= DEFECT_LEVEL).any()
    return [] if holds_defect else [(left, top, left + box_width, top + box_height)]


def _surroundings(image: np.ndarray, mask: np.ndarray, box: Box) -> _Boxed | None:
    """Keep as much of a picture around a box as a crop may reach: pictures are large, boxes are not.

    None for a box that lies outside of its picture.
    """
    height, width = mask.shape
    left, top, right, bottom = crop_window(box, CONTEXT + 3 * JITTER)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return None
    part = (slice(top, bottom), slice(left, right))
    x_min, y_min, x_max, y_max = box
    return _Boxed(image[part].copy(), mask[part].copy(), (x_min - left, y_min - top, x_max - left, y_max - top))
