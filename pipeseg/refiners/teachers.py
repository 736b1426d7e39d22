"""The networks that refine: one or several that learned the class, with test-time flips, answering as one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.data.fingerprint import digest_file
from pipeseg.data.folder import Sample
from pipeseg.data.loading import resize
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_image
from pipeseg.errors import BadInput
from pipeseg.refiners.base import View
from pipeseg.run_directory import read_json
from pipeseg.training.checkpoint import UNNAMED_CLASS, Checkpoint, load_model
from pipeseg.training.device import Hardware

Size = tuple[int, int]
# a probability of exactly 1 has no logit
SURE = 1e-7


@dataclass(frozen=True, slots=True)
class Looked:
    """A decoded picture.

    Attributes:
        shape: (H, W) of the picture itself.
        inputs: uint8 RGB by network size.
        image: uint8 RGB (H, W, 3), None where the refiner does not look at it.
    """

    sample: Sample
    shape: Size
    inputs: dict[Size, np.ndarray]
    image: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network with the channel of the class in it, and what tells it from others.

    Attributes:
        model: what can go on learning.
        answering: the same for inference alone, see `prepare`.
    """

    model: nn.Module
    answering: nn.Module
    header: Checkpoint
    channel: int
    record: dict[str, object]


class Teachers:
    """Networks whose probabilities are averaged; on one device, in eval mode.

    Raises:
        BadInput: a checkpoint that cannot be read, or that has not learned the class.
    """

    def __init__(self, checkpoints: Sequence[Path], defect_class: str | None, hardware: Hardware):
        self.hardware = hardware
        self.teachers = [_load(path, defect_class or UNNAMED_CLASS, hardware) for path in checkpoints]

    @property
    def records(self) -> list[dict[str, object]]:
        """What is written down of each: run, SHA-256 of the weights, what it learned from."""
        return [teacher.record for teacher in self.teachers]

    @property
    def threshold(self) -> float:
        """Mean of the probabilities from which each takes a pixel for defect."""
        return fmean(teacher.header.threshold for teacher in self.teachers)

    def of(self, view: View) -> list[Teacher]:
        return self.teachers[:1] if view.teachers == "first" else self.teachers

    def sizes(self, view: View) -> list[Size]:
        """Return the distinct sizes that the networks of a view were trained at; the first is the largest."""
        found = {teacher.header.image_size for teacher in self.of(view)}
        return sorted(found, key=lambda size: (-size[0] * size[1], size))

    @torch.inference_mode()
    def logits(self, inputs: dict[Size, np.ndarray], view: View) -> np.ndarray:
        """Return float32 (N, h, w) at the largest size of the view: logits of the mean probability.

        Args:
            inputs: uint8 RGB (N, h, w, 3) for each of `sizes`.
        """
        answers = []
        for teacher in self.of(view):
            size = teacher.header.image_size
            # (N, h, w, 3) seen as (N, 3, h, w) is channels_last already: no copy
            images = torch.from_numpy(inputs[size]).permute(0, 3, 1, 2).to(self.hardware.device, non_blocking=True)
            turned = [back(self._answer(teacher, turn(images, how)), how) for how in turns(view.flips, size)]
            if len(turned) == 1 and len(self.of(view)) == 1:
                return turned[0].cpu().numpy()
            mean = torch.stack([torch.sigmoid(logits) for logits in turned]).mean(0)
            if size != (largest := self.sizes(view)[0]):
                mean = functional.interpolate(mean[:, None], size=largest, mode="bilinear", align_corners=False)[:, 0]
            answers.append(mean)
        return torch.logit(torch.stack(answers).mean(0), eps=SURE).cpu().numpy()

    def _answer(self, teacher: Teacher, images: Tensor) -> Tensor:
        with self.hardware.autocast():
            return teacher.answering(self.hardware.to_input(images))[:, teacher.channel].float()


def _load(path: Path, wanted: str, hardware: Hardware) -> Teacher:
    model, header = load_model(path)
    if wanted not in header.classes:
        raise BadInput(f"{path}: learned {', '.join(header.classes)}, not {wanted}; choose another run")
    learned = read_json(path.parent.parent / "run.json").get("datasets", {})
    record = {"run_id": header.run_id, "weights_sha256": digest_file(path), "learned_from": learned.get("train")}
    model = model.to(hardware.device, memory_format=torch.channels_last)
    answering = prepare(model, header.image_size, hardware)
    return Teacher(model, answering, header, header.classes.index(wanted), record)


def prepare(model: nn.Module, size: Size, hardware: Hardware) -> nn.Module:
    """Return the network that answers for `model`, on pictures of about `size`: its batch norms are folded.

    In half precision the model itself: folded weights would be rounded otherwise than those that val has scored.
    """
    # not above: it loads the networks' library, which a refiner without teachers can do without
    from pipeseg.models.folding import folded

    return folded(model, size) if hardware.dtype == torch.float32 else model


def copy_network(model: nn.Module) -> nn.Module:
    """Return a network of its own with the same weights, all of which can learn."""
    return deepcopy(model).requires_grad_(True)


# a mirror image first, then quarter turns: (mirrored left to right, quarter turns)
Turn = tuple[bool, int]


def turns(flips: str, size: Size) -> list[Turn]:
    """Return the test-time turns; quarter turns only where the network's input is square."""
    if flips == "none":
        return [(False, 0)]
    if flips == "horizontal":
        return [(False, 0), (True, 0)]
    quarters = range(4) if size[0] == size[1] else (0, 2)
    return [(mirrored, quarter) for mirrored in (False, True) for quarter in quarters]


def turn(images: Tensor, how: Turn) -> Tensor:
    """Turn (N, 3, h, w)."""
    mirrored, quarter = how
    images = images.flip(3) if mirrored else images
    return torch.rot90(images, quarter, (2, 3)) if quarter else images


def back(logits: Tensor, how: Turn) -> Tensor:
    """Undo `turn` on (N, h, w)."""
    mirrored, quarter = how
    logits = torch.rot90(logits, -quarter, (1, 2)) if quarter else logits
    return logits.flip(2) if mirrored else logits


def look(
    samples: Iterable[Sample], sizes: Sequence[Size], pool: ThreadPoolExecutor, *, keep_image: bool, ahead: int = 0
) -> Iterator[Looked]:
    """Decode pictures in threads, in order.

    Args:
        ahead: see `threaded`.

    Raises:
        BadInput: a picture that cannot be read.
    """

    def read(sample: Sample) -> Looked:
        image = read_image(sample.image)
        height, width = image.shape[:2]
        inputs = {size: resize(image, size) for size in sizes}
        return Looked(sample, (height, width), inputs, image if keep_image else None)

    return threaded(read, samples, pool=pool, ahead=ahead)


def answered(
    teachers: Teachers, view: View, pictures: Iterator[Looked], batch_size: int, between: Callable[[], None]
) -> Iterator[tuple[Looked, np.ndarray]]:
    """Yield each picture with its logits, float32 (h, w).

    Args:
        between: called before each batch; the place to stop.
    """
    sizes = teachers.sizes(view)
    while batch := list(islice(pictures, batch_size)):
        between()
        inputs = {size: np.stack([picture.inputs[size] for picture in batch]) for size in sizes}
        yield from zip(batch, teachers.logits(inputs, view), strict=True)


def native(logits: np.ndarray, shape: Size) -> np.ndarray:
    """Resize logits (h, w) to a picture's own size: half-pixel bilinear, as test is scored (`native_probability`)."""
    return cv2.resize(logits, shape[::-1], interpolation=cv2.INTER_LINEAR)


def probability_of(logits: np.ndarray) -> np.ndarray:
    """Squash logits, float32; in NumPy, because torch's threads would fight those that call this."""
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
