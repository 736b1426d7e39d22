"""False boxes and wrong classes, told by what the other boxes of the dataset look like.

Networks learn from the dataset's own boxes, each from a part of it, and speak about the rest: where they are sure of
another class than the one that is written there, a label error is likely (Northcutt et al. 2021, Confident Learning,
section 3). "Nothing" is one more class, learned from places where nobody drew, as region detectors learn it (Girshick
2015, Fast R-CNN, section 2.3).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from pipeseg.data.audit.describe import NUMBERS, PLACES, describe, places
from pipeseg.data.audit.examples import FOLDS, Examples
from pipeseg.data.audit.findings import FALSE, WRONG_CLASS, SuspectBox
from pipeseg.data.audit.windows import MARGINS, Window, choose_windows
from pipeseg.data.boxes import Box, Labelled
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_image

# pictures (copies count once) with a class, below which nothing is said about it
FEWEST = 25
# more boxes than this are judged, but not learned from
MOST_LEARNED = 6000
# how much likelier than what is written something else must be: probabilities, one minus the other. Chosen on two
# generated datasets for nine right alarms of ten, where one box of ten is wrong
SURE = 0.575
# where a copy of the picture carries that other class, one of the two is wrong anyway
SURE_OF_COPY = 0.2
# mean probability of a class where it is written: what is recognised less is not made up for any further
LEAST_SURE = 0.2
SEED = 0
# of the whole work, by the time that it takes
_CUTTING = 0.25

Tick = Callable[[int, int], None]
Place = tuple[str, str, Box]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the networks say.

    Attributes:
        judged: number of boxes.
        not_judged: class -> why nothing is said about its boxes.
    """

    suspects: tuple[SuspectBox, ...] = ()
    judged: int = 0
    not_judged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """What lies in the pictures.

    Attributes:
        images: readable picture files by name.
        sizes: (width, height).
        boxes: those that may be right.
        known: boxes among them that a person's polygons bear out: learned from, not judged.
        taken: other places where something is drawn.
        groups: duplicate groups of names.
        rivals: other classes that copies of a picture have in the place of a box.
    """

    images: Mapping[str, Path]
    sizes: Mapping[str, tuple[int, int]]
    boxes: Mapping[str, Sequence[Labelled]]
    known: frozenset[Place] = frozenset()
    taken: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    groups: Sequence[Sequence[str]] = ()
    rivals: Mapping[Place, Collection[str]] = field(default_factory=dict)


def can_judge(boxes: Mapping[str, Sequence[Labelled]]) -> bool:
    """Return whether there may be boxes enough of any class; copies are not known yet."""
    return bool(_classes(boxes, {})[0])


def judge_contents(content: Content, *, workers: int | None = None, tick: Tick = lambda done, total: None) -> Contents:
    """Find the boxes that look like nothing, or like another class; the same result on every call."""
    group_of = {name: group[0] for group in content.groups for name in group}
    classes, not_judged = _classes(content.boxes, group_of)
    if not classes:
        return Contents(not_judged=not_judged)
    drawn = {
        file: [(classes.index(name), box) for name, box in content.boxes.get(file, ()) if name in classes]
        for file in sorted(content.images)
    }
    order = _shuffled(drawn, group_of)
    # descriptions lie in a file, so that memory does not grow with them
    with tempfile.TemporaryFile() as file:
        examples, rows = _gather(content, drawn, order, group_of, len(classes), file, workers, _part(tick, 0, _CUTTING))
        if (examples.labels == len(classes)).sum() < FEWEST:
            tick(1, 1)
            reason = "next to no place in the pictures is without a box: nobody knows what nothing looks like"
            return Contents(not_judged={**dict.fromkeys(classes, reason), **not_judged})
        # torch takes a second to import: only where it is used
        from pipeseg.data.audit.network import out_of_fold

        empty = np.flatnonzero(examples.labels == len(classes))[:MOST_LEARNED]
        asked = np.concatenate([rows, empty])
        answers = out_of_fold(examples, asked, len(classes), SEED, _part(tick, _CUTTING, 1))
        said = evened_out(answers, examples.labels[asked])[: len(rows)]
    boxes = [(file, classes[number], box) for file, found in drawn.items() for number, box in found]
    judged = [(place, answer) for place, answer in zip(boxes, said, strict=True) if place not in content.known]
    suspects = [_suspect(place, answer, classes, content.rivals.get(place, ())) for place, answer in judged]
    return Contents(tuple(one for one in suspects if one), len(judged), not_judged)


def evened_out(said: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return probabilities relative to how surely a class is recognised where it is written, again with sum 1.

    A rare or a manifold class is never told with as much confidence as an easy one; that must not count against its
    boxes (the thresholds of Confident Learning, Northcutt et al. 2021, equation 2, serve the same end).

    Args:
        said: float (N, K), out of fold.
        labels: int (N,), what is written there, each of 0..K-1 at least once.
    """
    typical = np.array([said[labels == label, label].mean() for label in range(said.shape[1])])
    relative = said / typical.clip(LEAST_SURE)
    return relative / relative.sum(1, keepdims=True)


def _classes(boxes: Mapping[str, Sequence[Labelled]], group_of: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the classes with enough pictures, and why not for each of the others."""
    seen: dict[str, set[str]] = {}
    for file, found in boxes.items():
        for name, _ in found:
            seen.setdefault(name, set()).add(group_of.get(file, file))
    few = {
        name: f"boxes in {len(groups)} different pictures; {FEWEST} are needed to learn what it looks like"
        for name, groups in sorted(seen.items())
        if len(groups) < FEWEST
    }
    return sorted(seen.keys() - few.keys()), few


def _shuffled(drawn: Mapping[str, Sequence[tuple[int, Box]]], group_of: Mapping[str, str]) -> dict[str, int]:
    """Return group -> place in a random order; those beyond MOST_LEARNED boxes are not there."""
    count = Counter[str]()
    for file, found in drawn.items():
        count[group_of.get(file, file)] += len(found)
    groups = sorted(count)
    order: dict[str, int] = {}
    learned = 0
    for place, number in enumerate(np.random.default_rng(SEED).permutation(len(groups)).tolist()):
        if learned >= MOST_LEARNED:
            break
        order[groups[number]] = place
        learned += count[groups[number]]
    return order


def _gather(
    content: Content,
    drawn: Mapping[str, Sequence[tuple[int, Box]]],
    order: Mapping[str, int],
    group_of: Mapping[str, str],
    classes: int,
    file: IO[bytes],
    workers: int | None,
    tick: Tick,
) -> tuple[Examples, np.ndarray]:
    """Return the described windows of all pictures, and which of them are the drawn boxes, in the order of `drawn`."""
    sides = np.array(
        [
            np.divide([box[2] - box[0], box[3] - box[1]], content.sizes[name])
            for name, found in drawn.items()
            for _, box in found
        ]
    )

    def look(numbered: tuple[int, str]) -> tuple[list[Window], np.ndarray, np.ndarray]:
        number, name = numbered
        width, height = content.sizes[name]
        windows = [Window(box, label) for label, box in drawn[name]]
        if group_of.get(name, name) in order:
            taken = [*(box for _, box in content.boxes.get(name, ())), *content.taken.get(name, ())]
            taken = [box for box in taken if np.isfinite(box).all() and box[0] < box[2] and box[1] < box[3]]
            random = np.random.default_rng([SEED, number])
            windows = choose_windows(drawn[name], taken, sides, width, height, random)
        if not windows:
            return [], np.empty((0, len(MARGINS), NUMBERS), np.float16), np.empty((0, 2, PLACES), np.float32)
        picture = read_image(content.images[name])
        boxes = [window.box for window in windows]
        where = np.stack([places(boxes, width, height, mirror) for mirror in (False, True)], 1)
        return windows, np.array([describe(picture, box) for box in boxes]), where

    labels: list[int] = []
    rows: list[int] = []
    parts: list[np.ndarray] = []
    all_places: list[np.ndarray] = []
    for done, (name, (windows, numbers, where)) in enumerate(
        zip(drawn, threaded(look, enumerate(drawn), workers), strict=True), 1
    ):
        rows += [len(labels) + place for place, window in enumerate(windows) if window.label >= 0 and window.exact]
        labels += [window.label if window.label >= 0 else classes for window in windows]
        place = order.get(group_of.get(name, name))
        # two divisions, so that a box is judged by networks that have learned from different others
        part = (-1, -1) if place is None else (place % FOLDS, place // FOLDS % FOLDS)
        parts.append(np.tile(part, (len(windows), 1)))
        all_places.append(where)
        file.write(numbers.tobytes())
        tick(done, len(drawn))
    file.flush()
    described = np.memmap(file, np.float16, "r", shape=(len(labels), len(MARGINS), NUMBERS))
    return Examples(described, np.concatenate(all_places), np.array(labels), np.concatenate(parts)), np.array(rows)


def _part(tick: Tick, start: float, end: float) -> Tick:
    """Return the tick of what makes `start`..`end` of the whole."""
    return lambda done, total: tick(round(1000 * (start + (end - start) * done / total)), 1000)


def _suspect(place: Place, said: np.ndarray, classes: Sequence[str], rivals: Collection[str]) -> SuspectBox | None:
    file, name, box = place
    own = classes.index(name)
    best = int(np.where(np.arange(len(said)) == own, -1, said).argmax())
    score = float(said[best] - said[own])
    likely = f"{said[best]:.0%} against {said[own]:.0%}"
    if best == len(classes):
        enough, reason = SURE, f"{FALSE}: looks like nothing rather than {name} ({likely})"
    elif classes[best] in rivals:
        likely = f"as its copy says, {likely}"
        enough, reason = SURE_OF_COPY, f"{WRONG_CLASS}: looks like {classes[best]}, not {name} ({likely})"
    else:
        enough, reason = SURE, f"{WRONG_CLASS}: looks like {classes[best]}, not {name} ({likely})"
    return SuspectBox(file, name, box, reason, round(score, 3)) if score >= enough else None
