"""The trained networks that are asked: their voices on a picture, and what their encoders see in it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeseg.data.loading import resize
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.prediction.covering import FLIPS
from pipeseg.training.checkpoint import UNNAMED_CLASS, Checkpoint, load_model
from pipeseg.training.device import Hardware


@dataclass(slots=True)
class Asked:
    """One network on its device."""

    model: nn.Module
    header: Checkpoint
    hardware: Hardware
    _deepest: list[Tensor] = field(default_factory=list)

    @classmethod
    def load(cls, checkpoint: Path, hardware: Hardware) -> "Asked":
        model, header = load_model(checkpoint)
        return cls(model.to(hardware.device), header, hardware)

    def knows(self, defect_class: str | None) -> bool:
        return (defect_class or UNNAMED_CLASS) in self.header.classes

    def channel(self, defect_class: str | None) -> int:
        return self.header.classes.index(defect_class or UNNAMED_CLASS)

    @torch.inference_mode()
    def answer(self, images: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return (logits (N, turns, K, h, w), deepest features (N, C, h', w')) of uint8 RGB pictures of any sizes.

        The turns are the picture and its mirror images, mirrored back; the features are of the picture as it is.
        """
        batch = np.stack([resize(image, self.header.image_size) for image in images])
        inputs = self.hardware.to_input(torch.from_numpy(batch).permute(0, 3, 1, 2))
        turns = []
        with self._listening(), self.hardware.autocast():
            for axes in FLIPS:
                logits = self.model(inputs.flip(axes) if axes else inputs).float()
                turns.append(logits.flip(axes) if axes else logits)
        return torch.stack(turns, 1), self._deepest[0].float()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Keep what the encoder hands over while the network runs."""
        self._deepest.clear()

        def keep(_: nn.Module, __: object, stages: Any) -> None:
            # a vision transformer hands over its maps and, beside them, its tokens
            maps = stages[0] if isinstance(stages[0], list | tuple) else stages
            self._deepest.append(maps[-1])

        handle = self.model.encoder.register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()


def pooled(features: Tensor, inside: np.ndarray) -> np.ndarray:
    """Return the mean of the deepest features within the boxes, float32 (C,), of length 1.

    Args:
        features: (C, h', w').
        inside: bool (H, W); where nothing is inside, the mean is of the whole picture.
    """
    cover = torch.from_numpy(inside.astype(np.float32))[None, None].to(features.device)
    # averaged, not sampled: a thin box has a share in every cell that it touches
    weight = functional.adaptive_avg_pool2d(cover, features.shape[-2:])[0, 0]
    if float(weight.sum()) == 0:
        weight = torch.ones_like(weight)
    mean = (features * weight).sum((1, 2)) / weight.sum()
    return functional.normalize(mean, dim=0).cpu().numpy()


def choose_networks(
    checkpoints: Sequence[Path], hardware: Hardware, wanted: Sequence[str]
) -> tuple[list[Asked], list[str | None]]:
    """Load the networks and return them with the classes to ask for: `wanted`, or all that they have learned.

    A network of a class without a name stands for the only class of its dataset, which is None here.

    Raises:
        BadInput: a class that no network has learned, a network of no class that is wanted, or a checkpoint that
            cannot be used.
    """
    networks = [Asked.load(path, hardware) for path in checkpoints]
    learned = list(dict.fromkeys(name for network in networks for name in network.header.classes))
    names = list(wanted) or learned
    if unknown := [name for name in names if name not in learned]:
        hint = did_you_mean(unknown[0], learned)
        raise BadInput(
            f"--run: no network has learned {unknown[0]!r}{hint} (learned: {', '.join(learned)}); name another run"
        )
    for network in networks:
        if not set(network.header.classes) & set(names):
            raise BadInput(
                f"--run: {network.header.run_id} has learned {', '.join(network.header.classes)} only; leave it out"
            )
    nameless = all(not (network.header.defect_class or network.header.defect_classes) for network in networks)
    return networks, [None] if nameless else list(names)
