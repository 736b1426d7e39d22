"""What to predict: one picture, or every picture below a folder, each with a name of its own for what is written."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeseg.data.names import IMAGE_SUFFIXES, is_picture, same_form
from pipeseg.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ts"})
# a folder that holds this is the output of a prediction; see output.py
JOURNAL = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or video frame that is to be predicted.

    Attributes:
        key: names its outputs: a relative path without suffix, unique among the items.
        file: what it is called in the tables: a relative path with suffix.
        read: returns uint8 RGB (H, W, 3), or raises BadInput.
        path: the file of a picture; None for a frame.
        stamp: size in bytes and time of change in ns, by which a changed file is known; () for a frame.
        frame: number in the video, from 0; None for a picture.
        seconds: time in the video.
    """

    key: str
    file: str
    read: "Callable[[], np.ndarray]"
    path: Path | None = None
    stamp: tuple[int, ...] = ()
    frame: int | None = None
    seconds: float | None = None


def is_video(path: Path) -> bool:
    """Tell by its name whether a file is a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_pictures(path: Path, out: Path | None = None) -> list[Item]:
    """Return the picture `path`, or all pictures below the folder `path`, sorted by their relative paths.

    Of a dataset (`images/` beside `masks/`) only the pictures count. Left out are hidden folders, `out`, and whatever
    an earlier prediction wrote.

    Raises:
        BadInput: no such path, no picture there, or neither a picture nor a folder.
    """
    if path.is_dir():
        root = path / "images" if (path / "images").is_dir() and (path / "masks").is_dir() else path
        if (path / JOURNAL).is_file():
            raise BadInput(f"{path}: is the output of an earlier prediction; name the folder of the pictures")
        files, others = _below(root, out)
        if not files:
            videos = sum(map(is_video, others))
            mend = "name one of its videos" if videos else f"name one with {', '.join(sorted(IMAGE_SUFFIXES))} files"
            raise BadInput(f"{root}: holds no picture; {mend}")
    elif not path.exists():
        raise BadInput(f"{path}: no such file or folder")
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        root, files = path.parent, [path]
    else:
        known = ", ".join(sorted(IMAGE_SUFFIXES)), ", ".join(sorted(VIDEO_SUFFIXES))
        raise BadInput(f"{path}: is neither a picture ({known[0]}) nor a video ({known[1]}) nor a folder")
    relative = [file.relative_to(root) for file in files]
    return [
        Item(key, name.as_posix(), _reader(file), file, _stamp(file))
        for file, name, key in zip(files, relative, unique_keys(relative), strict=True)
    ]


def unique_keys(files: Sequence[Path]) -> list[str]:
    """Return a key per relative path: without its suffix, or with it where another file would get the same.

    Keys that differ in case or Unicode form only are one file on some disks, and so they count as the same.
    """
    keys = [file.with_suffix("").as_posix() for file in files]
    while True:
        count = Counter(map(_folded, keys))
        clashing = [index for index, key in enumerate(keys) if count[_folded(key)] > 1]
        longer = [index for index in clashing if keys[index] != files[index].as_posix()]
        if not longer:
            break
        for index in longer:
            keys[index] = files[index].as_posix()
    # only names that differ in nothing but case are left
    taken = {_folded(key) for key in keys}
    seen: set[str] = set()
    for index in clashing:
        number = 2
        while _folded(keys[index]) in seen:
            if (other := _folded(f"{files[index].as_posix()}~{number}")) not in taken:
                keys[index] = f"{files[index].as_posix()}~{number}"
                taken.add(other)
            number += 1
        seen.add(_folded(keys[index]))
    return keys


def _folded(key: str) -> str:
    return same_form(key).casefold()


def _below(root: Path, out: Path | None) -> tuple[list[Path], list[Path]]:
    """Return (pictures, other files) below a folder."""
    ours = out.resolve() if out else None

    def refuse(error: OSError) -> None:
        raise error

    pictures, others = [], []
    for folder, folders, names in os.walk(root, onerror=refuse):
        place = Path(folder)
        if place != root and (JOURNAL in names or place.resolve() == ours):
            folders.clear()
            continue
        # sorted in place: the walk follows this list
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            (pictures if is_picture(place / name) else others).append(place / name)
    return sorted(pictures, key=lambda file: file.relative_to(root).as_posix()), others


def _reader(file: Path) -> "Callable[[], np.ndarray]":
    def read() -> "np.ndarray":
        from pipeseg.data.pictures import read_image

        return read_image(file)

    return read


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        facts = file.stat()
    except OSError:  # a broken link: reading it says so
        return ()
    return (facts.st_size, facts.st_mtime_ns)
