"""The steps of a training: how many there are, and what each learns from. Every rank finds the same."""

import math
from collections.abc import Iterable, Sequence

import torch

from pipeseg.data.loading import Batch, Pictures, training_loader
from pipeseg.schema import TrainConfig
from pipeseg.training.device import default_workers


def count_steps(config: TrainConfig, train: Sequence[Pictures]) -> int:
    """Return the optimizer steps of one epoch."""
    return config.steps_per_epoch or math.ceil(sum(map(len, train)) / config.pictures_per_step)


def batches_from(
    start: int, steps: int, config: TrainConfig, train: Sequence[Pictures], device: torch.device, rank: int = 0
) -> Iterable[Batch]:
    """Return the batch of every step from `start` (counted from 0) to `steps`; of several ranks, the part of `rank`."""
    return training_loader(
        train,
        batch_size=config.pictures_per_step,
        steps=steps,
        seed=config.seed,
        augment=config.augment,
        workers=default_workers(device, config.devices) if config.num_workers is None else config.num_workers,
        pin=device.type == "cuda",
        start=start,
        hand_share=config.boxes.hand_share if config.boxes else None,
        rank=rank,
        ranks=config.devices,
    )
