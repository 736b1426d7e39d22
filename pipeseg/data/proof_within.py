"""What each set has to be by itself: unchanged, complete, every picture with a mask of its size."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.families import DerivedSet
from pipeseg.data.fingerprint import checksums, digest_file, fingerprint_folder, fingerprint_of, read_checksums
from pipeseg.data.folder import list_images, list_masks
from pipeseg.data.names import PARTS, case_twins, same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.data.proof import Report, Violation
from pipeseg.errors import BadInput

Tick = Callable[[int, int], None]
# a set's number and a file name in it
Place = tuple[int, str]


def check_files(chosen: DerivedSet, report: Report) -> dict[str, Path]:
    """Compare what is there with what dataset.json lists, and return the pictures by name."""

    def violated(files: Collection[str], what: str) -> None:
        for file in sorted(files):
            text = f"{chosen.name}: {file} {what}"
            report.violations.append(Violation("files", (chosen.name,), (file,), text))

    images = images_of(chosen.path)
    stems = {same_form(Path(name).stem) for name in images}
    masks = {same_form(mask.stem): mask.name for mask in list_masks(chosen.path)}
    if not images:
        violated(["images/"], "holds no picture")
    violated([name for name in images if same_form(Path(name).stem) not in masks], "has no mask")
    violated([f"masks/{name}" for stem, name in masks.items() if stem not in stems], "has no picture")
    expected = {f"images/{name}" for name in images} | {f"masks/{name}" for name in masks.values()}
    for part in PARTS[2:]:
        extra = {same_form(file.stem): f"{part}/{file.name}" for file in list_masks(chosen.path, part)}
        violated([file for stem, file in extra.items() if stem not in stems], "has no picture")
        expected |= set(extra.values())
    there = {
        path.relative_to(chosen.path).as_posix()
        for part in PARTS
        for path in (chosen.path / part).glob("*")
        if not path.name.startswith(".")
    }
    violated(there - expected, "is no picture or mask")
    described = chosen.described
    listed = described.get("splits", {}).get(chosen.part, described.get("groups"))
    if listed is not None:
        present = {same_form(name): name for name in images}
        violated([name for name in listed if same_form(name) not in present], "is listed in dataset.json but not there")
        names = {same_form(name) for name in listed}
        violated([name for key, name in present.items() if key not in names], "is there but not listed in dataset.json")
    for first, second in case_twins(images):
        report.notes.append(f"{chosen.name}: {first} and {second} are one file on Windows and macOS")
    return images


def images_of(folder: Path) -> dict[str, Path]:
    try:
        return {image.name: image for image in list_images(folder)}
    except BadInput:  # an empty set, which check_files reports
        return {}


def check_fingerprint(chosen: DerivedSet, report: Report, tick: Tick) -> None:
    sums = checksums(chosen.path, tick)
    recorded = chosen.described.get("fingerprint")
    if recorded == fingerprint_of(sums):
        return
    before = read_checksums(chosen.path)
    changed = sorted(name for name in sums.keys() | before.keys() if sums.get(name) != before.get(name))
    # the list of checksums is a help only: it may be lost or changed as well
    files = changed if before and fingerprint_of(before) == recorded else []
    if recorded is None:
        text = f"{chosen.name}: no fingerprint was recorded in dataset.json; nothing tells whether it has changed"
    else:
        text = f"{chosen.name}: differs from its recorded fingerprint{_named(files)}"
    report.violations.append(Violation("fingerprint", (chosen.name,), tuple(files), text))


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return f" in {', '.join(files[:3])}{more}" if files else ""


def note_sources(sets: Sequence[DerivedSet], report: Report, tick: Callable[[str], Tick]) -> None:
    """A source that has changed breaks no proof, but a new split would give other sets."""
    split = [chosen for chosen in sets if chosen.is_hand_made and "source_fingerprint" in chosen.described]
    for source in sorted({chosen.source for chosen in split}):
        named = source.name
        if not source.is_dir():
            report.notes.append(f"{named}: the source is not there; the sets stand for themselves")
            continue
        labels = source / "labels.csv"
        now = {
            "source_fingerprint": fingerprint_folder(source, tick(f"hashing {named}")),
            "labels_sha256": digest_file(labels) if labels.is_file() else None,
        }
        for key, what in (("source_fingerprint", "pictures or masks"), ("labels_sha256", "labels.csv")):
            changed = [c.name for c in split if c.source == source and c.described.get(key) != now[key]]
            if changed:
                others = f" and {len(changed) - 1} more sets" if len(changed) > 1 else ""
                report.notes.append(
                    f"{named}: {what} changed since {changed[0]}{others} were made; split again to follow"
                )


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture's content and where it is: a hard link is read once."""

    path: Path
    size: tuple[int, int]
    pixels: bytes
    places: tuple[Place, ...]


def check_pairs(
    sets: Sequence[DerivedSet], files: Sequence[Mapping[str, Path]], report: Report, tick: Tick
) -> list[Photo]:
    """Decode everything: masks fit their pictures and hold what they may hold. Return the pictures."""
    pictures = _by_content((number, path) for number, images in enumerate(files) for path in images.values())
    masks = _by_content(
        (number, mask)
        for number, chosen in enumerate(sets)
        for part in PARTS[1:]
        for mask in list_masks(chosen.path, part)
    )
    total = len(pictures) + len(masks)

    def violated(number: int, file: str, what: str) -> None:
        name = sets[number].name
        report.violations.append(Violation("masks", (name,), (file,), f"{name}: {file} {what}"))

    photos, sizes = [], {}
    for done, (same, found) in enumerate(_each(_read_photo, pictures), 1):
        tick(done, total)
        if isinstance(found, str):
            for number, path in same:
                violated(number, f"images/{path.name}", f"cannot be read: {found}")
            continue
        photos.append(Photo(same[0][1], *found, tuple((number, path.name) for number, path in same)))
        sizes.update({(number, same_form(path.stem)): found[0] for number, path in same})
    for done, (same, found) in enumerate(_each(_read_levels, masks), len(pictures) + 1):
        tick(done, total)
        for number, path in same:
            file = f"{path.parent.name}/{path.name}"
            if isinstance(found, str):
                violated(number, file, f"cannot be read: {found}")
                continue
            size, is_binary = found
            expected = sizes.get((number, same_form(path.stem)), size)
            if size != expected:
                violated(number, file, f"is {size[1]}x{size[0]}, its picture {expected[1]}x{expected[0]}")
            if not is_binary and path.parent.name == "boxes":
                violated(number, file, "holds values other than 0 and 255, which no filled box has")
            elif sets[number].is_hand_made and not is_binary:
                violated(number, file, "holds values other than 0 and 255, which no hand mask has")
    return photos


def _by_content(files: Iterable[tuple[int, Path]]) -> list[list[tuple[int, Path]]]:
    """Put hard links of one file together: sets of one source share most of theirs."""
    found: dict[tuple[int, int], list[tuple[int, Path]]] = {}
    for number, path in files:
        status = path.stat()
        found.setdefault((status.st_dev, status.st_ino), []).append((number, path))
    return list(found.values())


def _each(
    read: Callable[[Path], Any], files: Sequence[Sequence[tuple[int, Path]]]
) -> Iterator[tuple[Sequence[tuple[int, Path]], Any]]:
    return zip(files, threaded(read, (same[0][1] for same in files)), strict=True)


def _read_photo(path: Path) -> tuple[tuple[int, int], bytes] | str:
    """Return (height, width) and a hash of the pixels, or why it cannot be read."""
    try:
        pixels = read_image(path)
    except BadInput as error:
        return str(error)
    height, width = pixels.shape[:2]
    found = hashlib.sha256(f"{height}x{width}".encode())
    found.update(np.ascontiguousarray(pixels))
    return (height, width), found.digest()


def _read_levels(path: Path) -> tuple[tuple[int, int], bool] | str:
    """Return ((height, width), whether there is 0 and 255 only) of a mask, or why it cannot be read."""
    try:
        mask = read_mask(path)
    except BadInput as error:
        return str(error)
    height, width = mask.shape
    return (height, width), not ((mask != 0) & (mask != 255)).any()
