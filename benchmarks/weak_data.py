"""Coarse labels made from full masks: loose and false boxes, a few hand masks, and the sets of one class."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.boxes import COLUMNS, Box, box_row, fill_boxes
from pipeseg.data.build import building
from pipeseg.data.folder import DatasetFolder, images_by_stem
from pipeseg.data.pictures import read_levels
from pipeseg.errors import BadInput
from pipeseg.refiners.base import FULL
from pipeseg.refiners.source import SourceBoxes, choose_pictures, loosened, part_boxes

# boxes around nothing, per true box
FALSE = 0.05
# parts of a mask below this share of the picture get no box of their own
SMALLEST = 0.0005
TEST_SHARE, TEST_MOST = 0.3, 150
VAL_SHARE, VAL_MOST = 0.1, 40
# pictures without the class per picture with it, in every set
CLEAN = 0.25


@dataclass(frozen=True, slots=True)
class Parts:
    """Names of pictures: hand-drawn for train, val and test; everything else has boxes only."""

    hand: list[str]
    val: list[str]
    test: list[str]


def read_masks(folder: Path, level: int) -> dict[str, np.ndarray]:
    """Return picture name -> bool mask (H, W) of one class, whose pixels have the value `level` in `masks/`.

    Where every mask is black and white, white is class 1.

    Raises:
        BadInput: no pictures, a picture without mask, or none that shows the class.
    """
    masks, white = {}, {}
    for stem, image in images_by_stem(folder).items():
        file = folder / "masks" / f"{stem}.png"
        if not file.exists():
            raise BadInput(f"{file}: is missing; every picture needs a mask whose grey value is the class's number")
        levels = read_levels(file)[0]
        masks[image.name] = levels == level
        if np.isin(levels, (0, FULL)).all():
            white[image.name] = levels == FULL
    if level == 1 and len(white) == len(masks):
        masks = white
    if not any(mask.any() for mask in masks.values()):
        raise BadInput(
            f"{folder / 'masks'}: no pixel has the value {level}; name --classes in the order of their values"
        )
    return masks


def draw_boxes(masks: Mapping[str, np.ndarray], seed: int) -> dict[str, list[Box]]:
    """Return loose boxes of every picture, false ones among them; pictures without box are not named."""
    random = np.random.default_rng([seed, 1])
    boxes: dict[str, list[Box]] = {}
    for name, mask in masks.items():
        for box in part_boxes(mask, max(1, round(SMALLEST * mask.size))):
            boxes.setdefault(name, []).append(loosened(box, random))
    true = [box for found in boxes.values() for box in found]
    names = list(masks)
    for _ in range(round(FALSE * len(true))):
        x_min, y_min, x_max, y_max = true[random.integers(len(true))]
        name = names[random.integers(len(names))]
        height, width = masks[name].shape
        left = random.uniform(0, max(1.0, width - (x_max - x_min)))
        top = random.uniform(0, max(1.0, height - (y_max - y_min)))
        boxes.setdefault(name, []).append((left, top, left + x_max - x_min, top + y_max - y_min))
    return boxes


def split(masks: Mapping[str, np.ndarray], groups: Mapping[str, str], hand: int, seed: int) -> Parts:
    """Deal whole duplicate groups: test, val, `hand` pictures with the class for train, and clean ones to each.

    Raises:
        BadInput: too few pictures show the class.
    """
    random = np.random.default_rng([seed, 2])
    members: dict[str, list[str]] = {}
    for name in masks:
        members.setdefault(groups[name], []).append(name)
    with_class = [group for group, names in members.items() if any(masks[name].any() for name in names)]
    clean = [group for group in members if group not in set(with_class)]
    random.shuffle(with_class)
    random.shuffle(clean)
    wanted = [min(TEST_MOST, round(TEST_SHARE * len(with_class))), min(VAL_MOST, round(VAL_SHARE * len(with_class)))]
    if sum(wanted) + 2 * hand > len(with_class):
        raise BadInput(
            f"{len(with_class)} groups of pictures show the class; too few for {hand} hand masks and a"
            " test: lower --hand"
        )
    parts = []
    for count in (*wanted, hand):
        share = round(CLEAN * count)
        # one picture a group: copies would count twice
        parts.append([members[group][0] for group in (*with_class[:count], *clean[:share])])
        with_class, clean = with_class[count:], clean[share:]
    test, val, drawn = parts
    return Parts(drawn, val, test)


def write_sets(
    folder: Path, datasets: Path, masks: Mapping[str, np.ndarray], groups: Mapping[str, str], parts: Parts, seed: int
) -> None:
    """Write `source` (filled boxes, boxes.csv) and the hand-drawn sets `hand`, `val` and `test` into `datasets`."""
    images = {image.name: image for image in images_by_stem(folder).values()}
    boxes = draw_boxes(masks, seed)
    with building(datasets / "source") as writer:
        for name, mask in masks.items():
            writer.add(images[name], np.where(fill_boxes(boxes.get(name, []), *mask.shape), 255, 0).astype(np.uint8))
        with (writer.folder / "boxes.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            rows.writerows(box_row(name, "defect", box) for name, found in boxes.items() for box in found)
        writer.describe(name="source", groups=dict(groups))
    for name, chosen in (("hand", parts.hand), ("val", parts.val), ("test", parts.test)):
        write_true(datasets / name, [images[each] for each in chosen], masks, groups)


def write_true(target: Path, images: list[Path], masks: Mapping[str, np.ndarray], groups: Mapping[str, str]) -> None:
    """Write a dataset with the true masks of these pictures."""
    with building(target) as writer:
        for image in images:
            writer.add(image, np.where(masks[image.name], 255, 0).astype(np.uint8))
        writer.describe(name=target.name, groups={image.name: groups[image.name] for image in images})


def write_full(datasets: Path, masks: Mapping[str, np.ndarray], groups: Mapping[str, str], seed: int) -> None:
    """Write `full`: the pictures that a refine run learns from, and the hand-drawn ones, all with their true masks."""
    source, hand, val, test = (DatasetFolder.open(datasets / name) for name in ("source", "hand", "val", "test"))
    chosen = choose_pictures(source, SourceBoxes.open(source, None), None, (hand, val, test), seed)
    write_true(datasets / "full", [sample.image for sample in (*chosen.samples, *hand.samples)], masks, groups)
