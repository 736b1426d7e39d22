"""The per-image path that refining was published with, step by step, for `benchmarks/refine.py` to be held against.

For each picture:

1. decode it and its box mask; decode it again, for its size;
2. make a dataset of its folder: list and sort the folder twice, for pictures and for masks, because the same folder is
   given as both; look for the picture's name in the list from its beginning;
3. decode it a third time, resize and normalise it; decode it once more, in grey, as its mask, and resize that;
4. run the network on it alone, as PyTorch loads it (channels first);
5. cut at the threshold, resize to the picture's size, clear it outside of the boxes, blend it with the box mask;
6. write the picture and the mask.

Left out, because they are done once or belong to another step: choosing the pictures, loading the network, copying the
hand-drawn pictures, three augmented copies of each picture.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from pipeseg.training.device import MEAN, STD

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
THRESHOLD, BOX_WEIGHT = 0.75, 0.3


class Listed:
    """A folder of pictures as a dataset of (picture float32 (3, h, w), mask float32 (1, h, w)) at network size."""

    def __init__(self, folder: str, size: tuple[int, int]):
        self.size = size
        self.pictures, self.masks = (
            sorted([os.path.join(folder, name) for name in os.listdir(folder) if name.lower().endswith(SUFFIXES)])
            for _ in range(2)
        )
        self.mean, self.std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))

    def find(self, name: str) -> int:
        return next(index for index, file in enumerate(self.pictures) if Path(file).name == name)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture = cv2.resize(cv2.imread(self.pictures[index]), self.size[::-1], interpolation=cv2.INTER_LINEAR)
        rgb = torch.from_numpy(np.ascontiguousarray(picture[:, :, ::-1])).float().permute(2, 0, 1).div_(255)
        grey = cv2.imread(self.masks[index], cv2.IMREAD_GRAYSCALE)
        mask = cv2.resize(grey, self.size[::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32) / 255
        return (rgb - self.mean) / self.std, torch.from_numpy(mask)[None]


def refine_one(
    model: nn.Module | None, device: str, picture: Path, mask: Path, out: Path, size: tuple[int, int]
) -> None:
    """Refine one picture into `out/{images,masks}`.

    Args:
        model: in eval mode, on `device`; None asks no network.
        size: (height, width) of the network's input.
    """
    image, boxes = cv2.imread(str(picture)), cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    height, width = cv2.imread(str(picture)).shape[:2]
    listed = Listed(str(picture.parent), size)
    shown, _ = listed[listed.find(picture.name)]
    with torch.no_grad():
        logits = torch.zeros(1, *size) if model is None else model(shown[None].to(device))[0].cpu()
    found = (np.clip(logits[0].numpy(), 0, 1) > THRESHOLD).astype(np.uint8) * 255
    found = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    found[boxes == 0] = 0
    cv2.imwrite(str(out / "images" / picture.name), image)
    cv2.imwrite(str(out / "masks" / mask.name), cv2.addWeighted(boxes, BOX_WEIGHT, found, 1 - BOX_WEIGHT, 0))
