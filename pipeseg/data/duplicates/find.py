"""The search for duplicates: look at every picture once, propose pairs by hash, compare those, group what agrees."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from pipeseg.data.duplicates.agreement import agreement
from pipeseg.data.duplicates.dihedral import NAMES, after, inverse, turn
from pipeseg.data.duplicates.grouping import Link, joined
from pipeseg.data.duplicates.pairs import Duplicates, Pair
from pipeseg.data.duplicates.proposals import propose
from pipeseg.data.duplicates.reading import RECORD, look_at, pixel_digest
from pipeseg.data.parallel import threaded
from pipeseg.errors import BadInput

# agreement from which two pictures are copies
LEAST_SIMILARITY = 0.72
# mean difference of two thumbnails up to which their pictures may be equal; decoding at reduced size is not exact
SAME_LEVEL = 1.5
_COMPARED_AT_ONCE = 16

Tick = Callable[[int, int], None]


def find_duplicates(
    images: Sequence[Path] | Mapping[str, Path], *, workers: int | None = None, tick: Tick = lambda done, total: None
) -> Duplicates:
    """Find pictures that are copies of each other.

    Copies are: the same pixels; saved again, cut by up to 3 % a side, brighter or darker, with another caption; the
    next video frame; and any of these flipped or turned. A picture without texture (all black, a blank wall) is a copy
    only of one with the same pixels.

    Args:
        images: pictures with different file names, which stand for them in the result; or the pictures by name.
        workers: threads, all cores by default; the result does not depend on it.
        tick: called with (steps done, steps known so far): one to look at a picture, one to compare a proposed pair.

    Raises:
        BadInput: two pictures of one name.
    """
    named = sorted(images.items() if isinstance(images, Mapping) else ((path.name, path) for path in images))
    for (before, other), (name, path) in pairwise(named):
        if before == name:
            raise BadInput(f"{path}: has the same file name as {other}; rename one of them")
    names, paths = [name for name, _ in named], [path for _, path in named]
    # thumbnails lie in a file, so that memory does not grow with them
    with tempfile.TemporaryFile() as file:
        numbers, copies, problems = _look(paths, file, workers, tick)
        records = np.memmap(file, RECORD, "r", shape=(len(numbers),)) if numbers else np.empty(0, RECORD)
        links = _compare(records, workers, partial(_after_looking, tick, len(paths)))
        groups = joined(links, partial(_agreement, records["thumbnail"]))
        inside = {record: index for index, group in enumerate(groups) for record in group}
        kept = [link for link in links if inside.get(link.first) == inside.get(link.second) is not None]
        close = _may_be_equal(records["thumbnail"], kept)
    near = [Link(numbers[link.first], numbers[link.second], link.transform, link.similarity) for link in kept]
    exact = _exact(paths, [near[place] for place in close] + copies, workers)
    ordered = sorted(near + copies, key=lambda link: (link.first, link.second))
    pairs = tuple(_pair(names, link, link in exact) for link in ordered)
    numbered = [[numbers[record] for record in group] for group in groups]
    unreadable = {names[number]: problem for number, problem in problems.items()}
    return Duplicates(_with_copies(names, numbered, copies), pairs, unreadable)


def _look(
    paths: list[Path], file: IO[bytes], workers: int | None, tick: Tick
) -> tuple[list[int], list[Link], dict[int, str]]:
    """Look at every picture and write a record of each into `file`, but of flat ones and of those seen before.

    Returns:
        The number (place in `paths`) of each record; links from the first picture of its look to a later one; the
        unreadable ones, by number.
    """
    numbers: list[int] = []
    copies: list[Link] = []
    unreadable: dict[int, str] = {}
    first_of: dict[bytes, tuple[int, int]] = {}
    for number, look in enumerate(threaded(look_at, paths, workers)):
        if isinstance(look, str):
            unreadable[number] = look
        else:
            first, canonical = first_of.setdefault(look.key, (number, look.canonical))
            if first != number:
                copies.append(Link(first, number, after(inverse(look.canonical), canonical), 1.0))
            elif not look.flat:
                numbers.append(number)
                file.write(look.thumbnail.tobytes() + look.features.tobytes())
        tick(number + 1, len(paths))
    file.flush()
    return numbers, copies, unreadable


def _after_looking(tick: Tick, looked: int, done: int, total: int) -> None:
    tick(looked + done, looked + total)


def _compare(records: np.ndarray, workers: int | None, tick: Tick) -> list[Link]:
    """Return the proposed pairs that agree, each with the transform under which it agrees best."""
    proposed = propose(records["features"], workers=workers)
    pieces = (proposed[start : start + _COMPARED_AT_ONCE] for start in range(0, len(proposed), _COMPARED_AT_ONCE))
    best: dict[tuple[int, int], Link] = {}
    done = 0
    for piece, similarities in threaded(partial(_agreements, records["thumbnail"]), pieces, workers):
        for (first, second, transform), similarity in zip(piece.tolist(), similarities, strict=True):
            seen = best.get((first, second))
            if similarity >= LEAST_SIMILARITY and (seen is None or similarity > seen.similarity):
                best[first, second] = Link(first, second, transform, similarity)
        done += len(piece)
        tick(done, len(proposed))
    return list(best.values())


def _agreements(thumbnails: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, list[float]]:
    return piece, [_agreement(thumbnails, *row) for row in piece.tolist()]


def _agreement(thumbnails: np.ndarray, first: int, second: int, transform: int) -> float:
    return agreement(np.ascontiguousarray(turn(thumbnails[first], transform)), np.asarray(thumbnails[second]))


def _may_be_equal(thumbnails: np.ndarray, links: Sequence[Link]) -> list[int]:
    """Return the places of the links whose thumbnails are so close that the full pictures may be equal."""
    close = []
    for place, link in enumerate(links):
        moved = turn(thumbnails[link.first], link.transform).astype(np.int16)
        if np.abs(moved - thumbnails[link.second]).mean() <= SAME_LEVEL:
            close.append(place)
    return close


def _exact(paths: list[Path], links: Iterable[Link], workers: int | None) -> set[Link]:
    """Return the links whose pictures are equal in every decoded pixel."""
    links = list(links)
    wanted = sorted({(link.first, link.transform) for link in links} | {(link.second, 0) for link in links})
    digests = threaded(lambda item: pixel_digest(paths[item[0]], item[1]), wanted, workers)
    found = dict(zip(wanted, digests, strict=True))
    return {link for link in links if found[link.first, link.transform] == found[link.second, 0]}


def _pair(names: list[str], link: Link, exact: bool) -> Pair:
    kind, similarity = ("exact", 1.0) if exact else ("near", round(link.similarity, 4))
    return Pair(names[link.first], names[link.second], kind, NAMES[link.transform], similarity)


def _with_copies(names: list[str], groups: list[list[int]], copies: list[Link]) -> tuple[tuple[str, ...], ...]:
    """Return the groups by name; each copy is where the first picture of its look is."""
    group_of = {number: group for group in groups for number in group}
    for link in copies:
        group = group_of.setdefault(link.first, [link.first])
        group.append(link.second)
    distinct = {id(group): group for group in group_of.values()}
    return tuple(sorted(tuple(names[number] for number in sorted(group)) for group in distinct.values()))
