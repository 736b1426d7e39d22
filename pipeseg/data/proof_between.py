"""What sets have to be to each other: no group, no picture and no copy of one in two that must be apart."""

import itertools
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeseg.data.description import read_description
from pipeseg.data.families import DerivedSet, must_be_apart
from pipeseg.data.folder import groups_of
from pipeseg.data.names import same_form
from pipeseg.data.proof import Report, Violation
from pipeseg.data.proof_within import Photo, Place, Tick


def check_groups(
    sets: Sequence[DerivedSet], files: Sequence[Mapping[str, Path]], report: Report
) -> Iterator[tuple[Place, Place]]:
    """No group, as recorded or as the source knows it now, and no file name may be in two sets that must be apart."""
    sources = {chosen.source: read_description(chosen.source).get("groups", {}) for chosen in sets}
    holders: dict[Hashable, list[Place]] = {}
    for number, (chosen, images) in enumerate(zip(sets, files, strict=True)):
        recorded = groups_of(chosen.described.get("groups", {}), images.values())
        current = groups_of(sources[chosen.source], images.values())
        for name in images:
            for key in (("name", same_form(name)), ("then", recorded[name]), ("now", current[name])):
                holders.setdefault((chosen.family, *key), []).append((number, name))
    seen = set()
    for (_, kind, group), first, second in _straddling(sets, holders):
        if (first, second) not in seen:
            seen.add((first, second))
            why = "have one name" if kind == "name" else f"are of group {group}"
            _straddles(sets, "groups", first, second, why, report)
            yield first, second


def check_pixels(sets: Sequence[DerivedSet], photos: Sequence[Photo], report: Report) -> Iterator[tuple[Place, Place]]:
    holders: dict[Hashable, list[Place]] = {}
    for photo in photos:
        holders.setdefault(photo.pixels, []).extend(photo.places)
    for _, first, second in _straddling(sets, holders):
        _straddles(sets, "pixels", first, second, "are the same picture, pixel by pixel", report)
        yield first, second


def check_copies(
    sets: Sequence[DerivedSet], photos: Sequence[Photo], known: Collection, report: Report, tick: Tick
) -> None:
    """Search for copies among the different pictures of all sets: saved again, cut, brightened, turned, mirrored."""
    from pipeseg.data.duplicates import find_duplicates

    places: dict[bytes, list[Place]] = {}
    paths: dict[bytes, Path] = {}
    for photo in photos:
        places.setdefault(photo.pixels, []).extend(photo.places)
        paths.setdefault(photo.pixels, photo.path)
    pixels_of = _named_apart(paths)
    duplicates = find_duplicates({name: paths[pixels] for name, pixels in pixels_of.items()}, tick=tick)
    holders = {group: [place for name in group for place in places[pixels_of[name]]] for group in duplicates.groups}
    for _, first, second in _straddling(sets, holders):
        if (first, second) not in known:
            _straddles(sets, "copies", first, second, "are copies of one picture", report)


def _named_apart(paths: Mapping[bytes, Path]) -> dict[str, bytes]:
    """Return `name -> pixels`; a file name that comes again gets a number in front."""
    named: dict[str, bytes] = {}
    for number, (pixels, path) in enumerate(paths.items()):
        named[f"{number}-{path.name}" if path.name in named else path.name] = pixels
    return named


def _straddling(
    sets: Sequence[DerivedSet], holders: Mapping[Any, Sequence[Place]]
) -> Iterator[tuple[Any, Place, Place]]:
    """Yield (key, place, place) for every two sets that must be apart and both hold a key, with a file of each."""
    for key, places in holders.items():
        first_of: dict[int, str] = {}
        for number, name in sorted(places):
            first_of.setdefault(number, name)
        for one, other in itertools.combinations(first_of.items(), 2):
            if must_be_apart(sets[one[0]], sets[other[0]]):
                yield key, one, other


def _straddles(sets: Sequence[DerivedSet], check: str, first: Place, second: Place, why: str, report: Report) -> None:
    names = sets[first[0]].name, sets[second[0]].name
    text = f"{first[1]} of {names[0]} and {second[1]} of {names[1]} {why}"
    report.violations.append(Violation(check, names, (first[1], second[1]), text))
