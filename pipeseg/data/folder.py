"""One dataset folder `datasets/<name>/{images,masks}/`: its pairs, its groups, and the check before anything learns."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.pictures import IMAGE_SUFFIXES, read_image, read_mask
from pipeseg.errors import BadInput
from pipeseg.run_directory import read_json


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its mask, matched by stem. `group` is shared by copies of one picture."""

    image: Path
    mask: Path
    group: str

    @property
    def name(self) -> str:
        return self.image.name


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A dataset whose pairs have been matched; pictures are not read yet."""

    path: Path
    samples: tuple[Sample, ...]

    @property
    def name(self) -> str:
        return self.path.name

    @classmethod
    def open(cls, path: Path) -> "DatasetFolder":
        """Match pictures and masks by stem, sorted by file name.

        Raises:
            BadInput: a missing or empty folder, a picture or a mask without its pair, two pictures of one stem.
        """
        images = {}
        for image in list_images(path):
            if image.stem in images:
                raise BadInput(f"{path}: {images[image.stem].name} and {image.name} share one mask name; rename one")
            images[image.stem] = image
        masks = {mask.stem: mask for mask in (path / "masks").glob("*.png")} if (path / "masks").is_dir() else {}
        if lonely := sorted(images.keys() - masks.keys()):
            mend = f"add masks/{lonely[0]}.png or remove the picture"
            raise BadInput(f"{images[lonely[0]]}: picture without mask{_more(lonely)}; {mend}")
        if lonely := sorted(masks.keys() - images.keys()):
            raise BadInput(
                f"{masks[lonely[0]]}: mask without picture{_more(lonely)}; add the picture or remove the mask"
            )
        groups = read_json(path / "dataset.json").get("groups", {})
        return cls(
            path,
            tuple(
                # a picture that no group names is a group of its own
                Sample(image, masks[stem], str(groups.get(image.name, image.name)))
                for stem, image in sorted(images.items())
            ),
        )

    def fingerprint(self) -> str:
        return fingerprint_folder(self.path)

    def read_all(
        self, tick: Callable[[int, int], None] = lambda done, total: None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Decode every pair in order, on all cores: (RGB uint8 (H, W, 3), mask uint8 (H, W)).

        Args:
            tick: told (done, total) after each pair.

        Raises:
            BadInput: an unreadable file, or a mask of another size than its picture.
        """
        total = len(self.samples)
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            # windows bound what is decoded ahead of the reader
            for start in range(0, total, 4 * workers):
                window = self.samples[start : start + 4 * workers]
                for done, pair in enumerate(pool.map(read_pair, window), start + 1):
                    yield pair
                    tick(done, total)


def list_images(path: Path) -> list[Path]:
    """Return the pictures in `path/images`, sorted by name.

    Raises:
        BadInput: no such folder, or no picture in it.
    """
    folder = path / "images"
    if not folder.is_dir():
        raise BadInput(
            f"{path}: no dataset there (images/ is missing); see `python -m experiments validate` for the mend"
        )
    images = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise BadInput(f"{folder}: holds no picture; add {', '.join(sorted(IMAGE_SUFFIXES))} files")
    return images


def read_pair(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Read one picture and its mask; see `DatasetFolder.read_all`."""
    image, mask = read_image(sample.image), read_mask(sample.mask)
    if image.shape[:2] != mask.shape:
        (height, width), (mask_height, mask_width) = image.shape[:2], mask.shape
        raise BadInput(
            f"{sample.mask}: mask is {mask_width}x{mask_height}, its picture {sample.image.name} is {width}x{height};"
            " draw it again at the picture's size"
        )
    return image, mask


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
