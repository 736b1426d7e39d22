"""One audit of one dataset: files, duplicates, boxes, conflicts and what boxes show, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeseg.data.audit.boxes import check_boxes, large_classes, size_outliers
from pipeseg.data.audit.conflicts import find_conflicts, rivals
from pipeseg.data.audit.contents import Content, Contents, can_judge, judge_contents
from pipeseg.data.audit.files import check_files, odd_sizes
from pipeseg.data.audit.findings import Audit, ClassCount, Note, SuspectBox, Unreadable
from pipeseg.data.audit.polygons import judge_by_polygons
from pipeseg.data.boxes import Box, Labelled
from pipeseg.data.duplicates import find_duplicates
from pipeseg.data.formats import Source
from pipeseg.data.formats.own import NAME as OWN
from pipeseg.data.regions import Region

Tick = Callable[[int, int], None]
# what a picture costs in each phase, relative to decoding it once
FILES, DUPLICATES, POLYGONS, LEARNING = 1.0, 2.0, 0.5, 50.0


def audit(
    source: Source,
    *,
    workers: int | None = None,
    content: bool = True,
    learn: bool = True,
    tick: Tick = lambda done, total: None,
) -> Audit:
    """Look at everything in `source` and change nothing.

    Args:
        workers: threads or processes at once; None = one for every core.
        content: also look at what boxes show: hold those of hand-labelled pictures against what was drawn there.
        learn: and have networks learn from all boxes what each class looks like, see `judge_contents`.
        tick: told (done, total) all along.

    Raises:
        BadInput: the source's dataset.json names groups that cannot be read.
    """
    annotations = {annotation.name: annotation for annotation in source.annotations}
    boxes = {name: annotation.boxes for name, annotation in annotations.items()}
    content = content and any(boxes.values())
    learns = content and learn and can_judge(boxes)
    phases = (FILES, DUPLICATES, *((POLYGONS,) if content else ()), *((LEARNING,) if learns else ()))
    progress = _Phases(tick, len(annotations), phases)

    notes = [Note(problem.file, "source", problem.reason) for problem in source.all_problems]
    masks = box_masks(source)
    if masks:
        notes += [Note(name, "mask_missing", "a picture without a mask") for name in annotations if name not in masks]
    sizes: dict[str, tuple[int, int]] = {}
    unreadable: dict[str, str] = {}
    images = {name: annotation.image for name, annotation in annotations.items()}
    compared = boxes if any(boxes.values()) else {}
    for facts in check_files(images, masks, compared, workers=workers, tick=progress.next()):
        notes += facts.notes
        if facts.size:
            sizes[facts.name] = facts.size
        else:
            unreadable[facts.name] = facts.problem or "cannot be read"
    notes += odd_sizes(sizes)

    readable = {name: images[name] for name in sizes}
    duplicates = find_duplicates(readable, workers=workers, tick=progress.next())
    unreadable |= duplicates.unreadable

    suspects: list[SuspectBox] = []
    large = large_classes(boxes, sizes)
    for name, size in sizes.items():
        found, remarks = check_boxes(name, boxes[name], *size, large)
        suspects += found
        notes += remarks
    notes += size_outliers(boxes)
    conflicts = find_conflicts(duplicates.pairs, _labels(source), sizes)
    learned = Contents()
    if content:
        left = _without(boxes, readable, suspects)
        drawn = {name: annotations[name].regions for name in readable if annotations[name].hand_labelled}
        by_polygons = judge_by_polygons(readable, left, drawn, progress.next())
        if learn:
            # what lies there is no example of nothing, whatever is wrong with its box
            taken = {name: [_around(region) for region in regions] for name, regions in drawn.items()}
            for suspect in suspects:
                taken.setdefault(suspect.file, []).append(suspect.box)
            doubted = _without(left, readable, by_polygons.suspects)
            seen = Content(
                {name: image for name, image in readable.items() if name not in duplicates.unreadable},
                sizes,
                doubted,
                by_polygons.backed,
                taken,
                duplicates.groups,
                rivals(duplicates.pairs, doubted, sizes),
            )
            learned = judge_contents(seen, workers=workers, tick=progress.next() if learns else tick)
        suspects += [*by_polygons.suspects, *learned.suspects]
        notes += [Note("", "not_judged", f"{name}: {reason}") for name, reason in learned.not_judged.items()]
    return Audit(
        name=source.path.name,
        path=str(source.path),
        format=source.format,
        pictures=len(images),
        hand_labelled=tuple(name for name, annotation in annotations.items() if annotation.hand_labelled),
        sizes=dict(Counter(sizes.values())),
        class_counts=count_classes(source),
        duplicates=duplicates,
        conflicts=tuple(conflicts),
        suspects=tuple(sorted(suspects, key=lambda suspect: (suspect.file, suspect.box))),
        unreadable=tuple(Unreadable(name, reason) for name, reason in sorted(unreadable.items())),
        notes=tuple(notes),
        content=content,
        judged=learned.judged,
        not_judged=learned.not_judged,
    )


def count_classes(source: Source) -> dict[str, ClassCount]:
    """Return what there is of each class, in the order of the source's classes; a nameless class has its name."""
    boxes: Counter[str] = Counter()
    regions: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    for annotation in source.annotations:
        of_boxes = [defect_class for defect_class, _ in annotation.boxes]
        of_regions = [region.defect_class or source.path.name for region in annotation.regions]
        boxes.update(of_boxes)
        regions.update(of_regions)
        pictures.update({*of_boxes, *of_regions})
    names = [*source.classes, *sorted(pictures.keys() - set(source.classes))]
    return {name: ClassCount(pictures[name], boxes[name], regions[name]) for name in names}


@dataclass(slots=True)
class _Phases:
    """One progress over several phases, in pictures: `next()` is the tick of the next phase."""

    tick: Tick
    count: int
    weights: tuple[float, ...]
    started: int = 0

    def next(self) -> Tick:
        before, weight, whole = sum(self.weights[: self.started]), self.weights[self.started], sum(self.weights)
        self.started += 1

        def tick(done: int, of: int) -> None:
            share = (before + weight * min(1.0, done / max(1, of))) / whole
            self.tick(max(1, round(self.count * share)), self.count)

        return tick


def box_masks(source: Source) -> dict[str, Path]:
    """Return the box masks of our own layout by picture; elsewhere masks are labels and have been read as such."""
    if source.format != OWN:
        return {}
    return {annotation.name: annotation.mask for annotation in source.annotations if annotation.mask}


def _around(region: Region) -> Box:
    (x_min, y_min), (x_max, y_max) = region.points.min(0).tolist(), region.points.max(0).tolist()
    return x_min, y_min, x_max + 1, y_max + 1


def _labels(source: Source) -> dict[str, Sequence[Labelled]]:
    """Return the boxes of each picture; nothing at all for a source without labels, where none means "not looked"."""
    if not any(annotation.boxes for annotation in source.annotations):
        return {}
    return {annotation.name: annotation.boxes for annotation in source.annotations}


def _without(
    boxes: Mapping[str, Sequence[Labelled]], names: Iterable[str], suspects: Sequence[SuspectBox]
) -> dict[str, list[Labelled]]:
    left = {name: list(boxes[name]) for name in names}
    for suspect in suspects:
        left[suspect.file].remove((suspect.defect_class, suspect.box))
    return left
