"""Scoring a model at the pictures' native size; the truth is never resized."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.data.loading import DEFECT_LEVEL, Pictures, scoring_loader
from pipeseg.data.pictures import read_mask
from pipeseg.metrics import Scores, count_overlap
from pipeseg.training.device import Hardware

# pictures are scored in batches of at least this many: no gradients are kept
SCORING_BATCH = 8


def predict(
    model: nn.Module, pictures: Pictures, hardware: Hardware, batch_size: int, channel: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (logits, target) per batch, float32 (N, 1, H, W) at network size, on the device; in eval mode.

    Args:
        channel: of the network's output, the index of a class.
    """
    model.eval()
    with torch.inference_mode():
        for batch in scoring_loader(pictures, batch_size=batch_size):
            with hardware.autocast():
                logits = model(hardware.to_input(batch.images))
            yield logits[:, channel : channel + 1].float(), batch.target.to(hardware.device)


def native_probability(logits: Tensor, height: int, width: int) -> Tensor:
    """Turn one picture's logits (1, h, w) into probabilities (height, width): logits are resized, then squashed."""
    native = functional.interpolate(logits[None], size=(height, width), mode="bilinear", align_corners=False)
    return torch.sigmoid(native)[0, 0]


def evaluate(
    model: nn.Module,
    pictures: Pictures,
    hardware: Hardware,
    *,
    batch_size: int,
    soft: bool,
    threshold: float,
    channel: int = 0,
    criterion: nn.Module | None = None,
    between: Callable[[int, int], None] = lambda done, total: None,
    see: Callable[[int, np.ndarray, Tensor], None] | None = None,
) -> tuple[Scores, float]:
    """Score every picture; leaves the model in the mode that it came in.

    Args:
        soft: score probabilities against soft truth; else 0/1 after `threshold`, truth cut at one half.
        channel: of the network's output, the index of the class that `pictures` hold.
        between: called with (done, total) after each batch: progress, and the place where requests are answered.
        see: called per picture with (index, truth mask, probability (H, W)) for those who draw.

    Returns:
        Scores of all pictures in order, and the mean loss over pictures at network size (NaN without criterion).
    """
    was_training = model.training
    counts, alarms, done = [], [], 0
    loss = torch.zeros((), device=hardware.device)
    for logits, target in predict(model, pictures, hardware, batch_size, channel):
        if criterion is not None:
            loss += criterion(logits, target).detach() * len(logits)
        for offset, picture_logits in enumerate(logits):
            index = done + offset
            mask = read_mask(pictures.samples[index].mask)
            probability = native_probability(picture_logits, *mask.shape)
            truth = torch.from_numpy(mask.copy()).to(hardware.device)
            reached = probability >= threshold
            alarms.append(reached.any())
            if soft:
                counts.append(count_overlap(probability, truth.float() / 255))
            else:
                counts.append(count_overlap(reached.float(), (truth >= DEFECT_LEVEL).float()))
            if see is not None:
                see(index, mask, probability)
        done += len(logits)
        between(done, len(pictures))
    model.train(was_training)
    mean_loss = float(loss) / done if criterion is not None else float("nan")
    return Scores(torch.stack(counts).cpu().numpy(), torch.stack(alarms).cpu().numpy()), mean_loss


def summarise(found: dict[str, tuple[Scores, float]]) -> dict[str, float]:
    """Turn (scores, loss) by class into metrics: the means over classes and, of several, `iou/<class>` and so on.

    A class that has no value, for want of a picture, is left out of a mean.
    """
    by_class = {name: {"loss": loss, **scores.summary()} for name, (scores, loss) in found.items()}
    [first, *_] = by_class.values()
    values = {}
    for metric in first:
        numbers = [each[metric] for each in by_class.values() if not np.isnan(each[metric])]
        values[metric] = sum(numbers) / len(numbers) if numbers else float("nan")
    if len(by_class) > 1:
        values |= {f"{metric}/{name}": value for name, each in by_class.items() for metric, value in each.items()}
    return values
