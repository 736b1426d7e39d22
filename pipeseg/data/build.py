"""Writing a derived dataset: built beside its place, then renamed, so that a half-written one is never seen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.pictures import write_png
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import write_json


class DatasetWriter:
    """Collects pairs in a folder that is not yet in its place."""

    def __init__(self, folder: Path):
        self.folder = folder
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)

    def add(self, image: Path, mask: np.ndarray | Path) -> None:
        """Add a picture (hard-linked where the disk can, else copied) and its mask (uint8 (H, W), or a PNG file).

        Raises:
            BadInput: a picture of this stem was added before; writing over a link would change the source.
        """
        target = self.folder / "masks" / f"{image.stem}.png"
        if target.exists():
            raise BadInput(f"{image}: a second picture for masks/{target.name}; rename or remove one")
        link_or_copy(image, self.folder / "images" / image.name)
        if isinstance(mask, Path):
            link_or_copy(mask, target)
        else:
            write_png(target, mask)

    def describe(self, **facts: Any) -> None:
        """Write `dataset.json`: `facts` and the fingerprint of what was added."""
        write_json(self.folder / "dataset.json", {**facts, "fingerprint": fingerprint_folder(self.folder)})


@contextmanager
def building(target: Path) -> Iterator[DatasetWriter]:
    """Yield a writer; on success its folder replaces `target`, on any failure it is removed and `target` is as before.

    Raises:
        BadInput: the folder cannot be written.
    """
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        yield DatasetWriter(partial)
        old = target.with_name(f".{target.name}.old-{os.getpid()}")
        if target.exists():
            target.rename(old)
        try:
            partial.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source`, or copy it where the file system cannot: pictures are never edited in place."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
