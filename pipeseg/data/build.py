"""Writing a derived dataset: built beside its place, then renamed, so that a half-written one is never seen."""

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.fingerprint import checksums, digest_file, fingerprint_of, write_checksums
from pipeseg.data.names import same_form
from pipeseg.data.pictures import encode_mask
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import write_json


class DatasetWriter:
    """Collects pairs in a folder that is not yet in its place; threads may add at the same time."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._added: dict[str, Path] = {}
        # SHA-256 by relative path, of what was added: nothing is read a second time when it is described
        self._sums: dict[str, str] = {}
        self._lock = threading.Lock()
        self._parts = {"images", "masks"}
        for part in self._parts:
            (folder / part).mkdir(parents=True)

    def add(
        self,
        image: Path,
        mask: np.ndarray | Path,
        boxes: np.ndarray | Path | None = None,
        weight: np.ndarray | Path | None = None,
        *,
        quickly: bool = False,
    ) -> Path:
        """Add a picture (hard-linked where the disk can, else copied) and its mask (uint8 (H, W), or a PNG file).

        Args:
            boxes: filled boxes, 0 or 255, of a picture that nobody labelled by hand (all 0: it has no box).
            weight: how far each pixel's target counts in the loss, 255 = fully; None means 255 everywhere.
            quickly: see `encode_mask`.

        Returns the mask's file, which lies there until the dataset is put in its place.

        Raises:
            BadInput: a picture of this stem was added before; writing over a link would change the source.
        """
        target = self.folder / "masks" / f"{image.stem}.png"
        with self._lock:
            # on disks that know no case the file is there although the stem is another
            is_second = same_form(image.stem) in self._added or target.exists()
            self._added[same_form(image.stem)] = image
        if is_second:
            raise BadInput(f"{image}: a second picture for masks/{target.name}; rename or remove one")
        self._put("images", image.name, image, quickly)
        for part, content in (("masks", mask), ("boxes", boxes), ("weights", weight)):
            if content is not None:
                self._put(part, target.name, content, quickly)
        return target

    def _put(self, part: str, name: str, content: np.ndarray | Path, quickly: bool) -> None:
        file = self.folder / part / name
        if part not in self._parts:
            file.parent.mkdir(exist_ok=True)
            self._parts.add(part)
        if isinstance(content, Path):
            link_or_copy(content, file)
            digest = digest_file(file)
        else:
            data = encode_mask(content, quickly=quickly)
            file.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
        self._sums[same_form(f"{part}/{name}")] = digest

    def describe(self, **facts: Any) -> None:
        """Write `dataset.json`, `facts` and the fingerprint of what was added, and the checksums that it is made of."""
        sums = checksums(self.folder, known=self._sums)
        write_checksums(self.folder, sums)
        write_json(self.folder / "dataset.json", {**facts, "fingerprint": fingerprint_of(sums)})


@contextmanager
def building(target: Path) -> Iterator[DatasetWriter]:
    """Yield a writer; on success its folder replaces `target`, on any failure it is removed and `target` is as before.

    Raises:
        BadInput: the folder cannot be written.
    """
    with building_together([target]) as (writer,):
        yield writer


@contextmanager
def building_together(targets: Sequence[Path]) -> Iterator[list[DatasetWriter]]:
    """As `building`, for folders that belong together: all of them replace their targets, or none does.

    Raises:
        BadInput: a folder cannot be written.
    """
    partials = {target: _beside(target, "partial") for target in targets}
    try:
        for target in targets:
            clear_leftovers(target)
            if target.exists() and not target.is_dir():
                raise BadInput(f"{target}: is a file, where a dataset is to be written; move it away")
        yield [DatasetWriter(partial) for partial in partials.values()]
        _publish(partials)
    except OSError as error:
        # a disk that fills up in the middle of a write does not know the file's name
        error.filename = str(error.filename or targets[0])
        for target, partial in partials.items():
            error.filename = error.filename.replace(str(partial), str(target))
        raise BadInput(os_error_sentence(error)) from error
    finally:
        for partial in partials.values():
            shutil.rmtree(partial, ignore_errors=True)


def clear_leftovers(target: Path) -> None:
    """Clear away what processes that were killed left beside `target`; put it back where one was renaming it.

    A process of another machine on a shared disk counts as gone: two builders of one dataset are one too many.
    """
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(partial|old)-(\d+)")
    found = [(match, path) for path in target.parent.glob(".*") if (match := pattern.fullmatch(path.name))]
    gone = [(match[1], path) for match, path in found if _is_gone(int(match[2]))]
    # the newest first, should there be two
    for kind, path in sorted(gone, key=lambda item: item[1].lstat().st_mtime, reverse=True):
        if kind == "old" and not os.path.lexists(target):
            path.rename(target)
        else:
            _remove(path)


def _is_gone(pid: int) -> bool:
    import psutil

    try:
        # our own number: it belonged to somebody else before us
        return pid == os.getpid() or not psutil.pid_exists(pid)
    except OverflowError:  # no system counts that far
        return True


def _publish(partials: dict[Path, Path]) -> None:
    """Put every folder in its place, or leave all as it was."""
    moved, placed = [], []
    try:
        for target, partial in partials.items():
            if os.path.lexists(target):
                target.rename(_beside(target, "old"))
                moved.append(target)
            partial.rename(target)
            placed.append(target)
    except BaseException:
        for target in placed:
            target.rename(partials[target])
        for target in moved:
            _beside(target, "old").rename(target)
        raise
    for target in moved:
        _remove(_beside(target, "old"))


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}-{os.getpid()}")


def _remove(path: Path) -> None:
    if path.is_symlink():  # a dataset on another disk: its files stay where they are
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source`, or copy it where the file system cannot: pictures are never edited in place."""
    try:
        # resolved: a hard link to a symbolic one would point nowhere from its new folder
        os.link(source.resolve() if source.is_symlink() else source, target)
    except OSError:
        shutil.copyfile(source, target)
