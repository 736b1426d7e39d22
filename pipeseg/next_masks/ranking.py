"""Ranks the box-only pictures of a dataset by the expected use of a hand mask: the uncertainty that it stands for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeseg.data.boxes import Box, fill_boxes
from pipeseg.data.families import find_sets
from pipeseg.data.folder import DatasetFolder, Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.data.regions import rasterise
from pipeseg.data.via import Region, read_via
from pipeseg.errors import BadInput
from pipeseg.next_masks.networks import Asked, pooled
from pipeseg.next_masks.selection import Pick, choose, distances
from pipeseg.next_masks.uncertainty import agreement, expected_iou, mass_outside
from pipeseg.refiners.source import SourceBoxes, choose_pictures
from pipeseg.training.evaluate import native_probability

# how far, in pixels, a suggested outline may stray from the predicted one: few corners are quickly corrected
SIMPLIFY = 1.0
# parts of a prediction that are smaller, in pixels, are not worth correcting
LEAST_PART = 9

Boxes = dict[str | None, list[Box]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One box-only picture as the networks see it.

    Attributes:
        boxes: by class; empty where the dataset's masks are its boxes.
        uncertainty: expected loss of IoU, from 0 to the number of its classes, which are added up.
        expected_iou: what remains, mean over its classes; voices that disagree lower it. See `uncertainty.py`.
        agreement: of networks and flips, mean over its classes; told, not counted: it foretells the loss less well.
        outside: share of the predicted pixels that lie outside of the boxes, mean over its classes.
        outlines: the prediction inside the boxes, to be corrected.
        features: float32 (D,), of length 1.
    """

    sample: Sample
    boxes: Boxes
    uncertainty: float
    expected_iou: float
    agreement: float
    outside: float
    outlines: tuple[Region, ...]
    features: np.ndarray


@dataclass(frozen=True, slots=True)
class Ranked:
    """One picture to draw: where it stands, and why.

    Attributes:
        rank: from 1.
        hand_distance: to the nearest picture that has a hand mask today, in feature space; `pick.distance` also
            counts the pictures that stand before it in this list.
    """

    rank: int
    candidate: Candidate
    pick: Pick
    hand_distance: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """What came of it: the first pictures to draw, of how many, seen beside how many hand masks.

    Attributes:
        blind: candidates in whose boxes the networks see nothing; all of them are equally uncertain.
    """

    chosen: tuple[Ranked, ...]
    candidates: int
    drawn: int
    blind: int


def rank_pictures(
    source: Path,
    classes: Sequence[str | None],
    networks: Sequence[Asked],
    count: int,
    *,
    batch_size: int = 8,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Ranking:
    """Rank the pictures of `source` that have boxes of `classes` and no hand mask, and return the first `count`.

    Left out are copies of hand-labelled pictures and of those in the train, val and test sets that were split from the
    source; of several copies one is taken.

    Args:
        networks: trained ones, for each class one or, better, several seeds.
        batch_size: pictures before a network at once.
        tick: told (done, total) as pictures are looked at.

    Raises:
        BadInput: no picture is left to draw, or one cannot be read.
    """
    hand_sets = _hand_sets(source, classes)
    found = _candidates(source, classes, hand_sets)
    drawn = _drawn(source, classes, hand_sets)
    total = len(found) + len(drawn)

    def seen(done: int) -> None:
        tick(done, total)

    candidates = list(_look(found, networks, classes, batch_size, seen))
    features = _look_at_drawn(drawn, networks, batch_size, lambda done: seen(len(found) + done))
    own = np.stack([candidate.features for candidate in candidates])
    uncertainty = np.array([candidate.uncertainty for candidate in candidates])
    picks = choose(uncertainty, own, [candidate.sample.group for candidate in candidates], features, count)
    to_hand = distances(own[[pick.index for pick in picks]], features)
    chosen = (
        Ranked(rank, candidates[pick.index], pick, float(distance))
        for rank, (pick, distance) in enumerate(zip(picks, to_hand, strict=True), 1)
    )
    blind = sum(not candidate.outlines for candidate in candidates)
    return Ranking(tuple(chosen), len(candidates), len(drawn), blind)


def _hand_sets(source: Path, classes: Sequence[str | None]) -> tuple[DatasetFolder, ...]:
    """Return the train, val and test sets that were split from the source for these classes."""
    try:
        sets = find_sets(source)
    except BadInput:  # nothing was split from it: labels.csv says all there is
        return ()
    return tuple(
        DatasetFolder.open(found.path)
        for found in sets
        if found.is_hand_made and not found.is_fold and found.described.get("defect_class") in classes
    )


def _candidates(
    source: Path, classes: Sequence[str | None], hand_sets: tuple[DatasetFolder, ...]
) -> list[tuple[Sample, Boxes]]:
    """Return the pictures with boxes of any of the classes, sorted by name; no boxes = its mask holds them."""
    found: dict[str, tuple[Sample, Boxes]] = {}
    whole = DatasetFolder.open(source)
    for name in classes:
        known = SourceBoxes.open(whole, name)
        try:
            chosen = choose_pictures(whole, known, name, hand_sets, seed=0)
        except BadInput:
            if len(classes) == 1:
                raise
            continue
        for sample in chosen.boxed:
            _, boxes = found.setdefault(sample.name, (sample, {}))
            boxes[name] = known.boxes_of(sample.name)
    if not found:
        raise BadInput(f"{source}: no picture with a box of {', '.join(map(str, classes))} is left to draw")
    return [found[name] for name in sorted(found)]


def _drawn(
    source: Path, classes: Sequence[str | None], hand_sets: tuple[DatasetFolder, ...]
) -> list[tuple[Sample, list[Region] | None]]:
    """Return the pictures that hold a hand mask of a class: regions, or None where the sample's mask is the hand mask.

    The test set counts as well: when the new masks are split, all are dealt anew.
    """
    if not (source / "labels.csv").exists():
        return list({sample.name: (sample, None) for folder in hand_sets for sample in folder.samples}.values())
    samples = {sample.name: sample for sample in DatasetFolder.open(source).samples}
    drawn = []
    for name, regions in sorted(read_via(source / "labels.csv").items()):
        wanted = [region for region in regions if region.defect_class in classes]
        if wanted and name in samples:
            drawn.append((samples[name], wanted))
    return drawn


def _look(
    found: Sequence[tuple[Sample, Boxes]],
    networks: Sequence[Asked],
    classes: Sequence[str | None],
    batch_size: int,
    seen: Callable[[int], None],
) -> Iterator[Candidate]:
    done = 0
    pictures = threaded(lambda each: (*each, read_image(each[0].image)), found)
    for batch in _batches(pictures, batch_size):
        images = [image for _, _, image in batch]
        answers = [network.answer(images) for network in networks]
        for place, (sample, boxes, image) in enumerate(batch):
            logits = [turns[place] for turns, _ in answers]
            deepest = [features[place] for _, features in answers]
            yield _judge(sample, boxes, image.shape[:2], networks, logits, deepest)
        done += len(batch)
        seen(done)


def _judge(
    sample: Sample,
    boxes: Boxes,
    size: tuple[int, int],
    networks: Sequence[Asked],
    logits: Sequence[Tensor],
    deepest: Sequence[Tensor],
) -> Candidate:
    """Judge one picture; `logits` holds (turns, K, h, w) of each network, `deepest` (C, h', w')."""
    together = np.zeros(size, bool)
    judged: list[tuple[float, float, float]] = []
    outlines: list[Region] = []
    for name, of_class in boxes.items():
        inside = fill_boxes(of_class, *size) if of_class else read_mask(sample.mask) >= DEFECT_LEVEL
        together |= inside
        knowing = [(n, turns) for n, turns in zip(networks, logits, strict=True) if n.knows(name)]
        voices = torch.stack(
            [native_probability(turn[n.channel(name)][None], *size) for n, turns in knowing for turn in turns]
        )
        threshold = float(np.mean([n.header.threshold for n, _ in knowing]))
        probability, within = voices.mean(0), torch.from_numpy(inside).to(voices.device)
        judged.append(
            (
                expected_iou(probability, within, threshold),
                agreement(voices, within),
                mass_outside(probability, within, threshold),
            )
        )
        outlines += outlines_of((probability >= threshold).cpu().numpy() & inside, name)
    losses = sum(1 - expected for expected, _, _ in judged)
    expected, agreed, outside = (float(np.mean(column)) for column in zip(*judged, strict=True))
    features = _together([pooled(each, together) for each in deepest])
    return Candidate(sample, boxes, losses, expected, agreed, outside, tuple(outlines), features)


def _look_at_drawn(
    drawn: Sequence[tuple[Sample, list[Region] | None]],
    networks: Sequence[Asked],
    batch_size: int,
    seen: Callable[[int], None],
) -> np.ndarray:
    """Return the features of the hand-drawn pictures, float32 (M, D), pooled within what was drawn."""
    rows: list[np.ndarray] = []
    pictures = threaded(lambda each: (*each, read_image(each[0].image)), drawn)
    for batch in _batches(pictures, batch_size):
        answers = [network.answer([image for _, _, image in batch])[1] for network in networks]
        for place, (sample, regions, image) in enumerate(batch):
            mask = read_mask(sample.mask) if regions is None else rasterise(regions, *image.shape[:2])
            boxed = _boxed(mask >= DEFECT_LEVEL)
            rows.append(_together([pooled(features[place], boxed) for features in answers]))
        seen(len(rows))
    return np.stack(rows) if rows else np.zeros((0, 1), np.float32)


def _boxed(mask: np.ndarray) -> np.ndarray:
    """Return the filled boxes of the parts of a mask, bool (H, W): a box-only picture is seen through its boxes too."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    corners = [(x, y, x + width, y + height) for x, y, width, height in stats[1:count, :4].tolist()]
    return fill_boxes(corners, *mask.shape)


def _together(parts: list[np.ndarray]) -> np.ndarray:
    """Join unit vectors of several networks into one of length 1."""
    return np.concatenate(parts) / np.sqrt(len(parts))


def outlines_of(mask: np.ndarray, defect_class: str | None) -> list[Region]:
    """Return the parts of a bool mask (H, W) as polygons of few corners, holes filled: to be corrected by hand."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    regions = []
    for outline in found:
        corners = cv2.approxPolyDP(outline, SIMPLIFY, True).reshape(-1, 2)
        if cv2.contourArea(outline) >= LEAST_PART and len(corners) >= 3:
            regions.append(Region(corners.astype(float), defect_class))
    return regions


def _batches(items: Iterable, size: int) -> Iterator[list]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
