"""One dataset folder `datasets/<name>/{images,masks[,boxes,weights]}/`: its pairs and groups, checked before use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np

from pipeseg.data.description import read_description
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.names import IMAGE_SUFFIXES, is_picture, same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.errors import BadInput

# what lies in one folder is sorted by name alone: comparing paths takes half of the time that opening a dataset does
_NAME = attrgetter("name")


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its mask, matched by stem.

    Attributes:
        group: shared by copies of one picture.
        boxes: filled boxes, 0 or 255, of a picture whose label comes from boxes alone; None where a hand drew it.
        weight: how far each pixel's target counts in the loss, 255 = fully; None means 255 everywhere.
    """

    image: Path
    mask: Path
    group: str
    boxes: Path | None = None
    weight: Path | None = None

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
        """Match pictures and masks by stem, sorted by stem; accents match in either of their Unicode forms.

        Raises:
            BadInput: a missing or empty folder, a picture or a mask without its pair, boxes or weights without
                picture, two pictures of one stem, a broken dataset.json.
        """
        images, masks = images_by_stem(path), _by_stem(path, list_masks(path))
        if lonely := sorted(images.keys() - masks.keys()):
            mend = f"add masks/{lonely[0]}.png or remove the picture"
            raise BadInput(f"{images[lonely[0]]}: picture without mask{_more(lonely)}; {mend}")
        if lonely := sorted(masks.keys() - images.keys()):
            raise BadInput(
                f"{masks[lonely[0]]}: mask without picture{_more(lonely)}; add the picture or remove the mask"
            )
        boxes, weights = (_optional(path, part, images) for part in ("boxes", "weights"))
        group_of = groups_of(read_description(path).get("groups", {}), images.values())
        samples = (
            Sample(image, masks[stem], group_of[image.name], boxes.get(stem), weights.get(stem))
            for stem, image in sorted(images.items())
        )
        return cls(path, tuple(samples))

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
        for done, pair in enumerate(threaded(read_pair, self.samples), 1):
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
    images = sorted(filter(is_picture, folder.iterdir()), key=_NAME)
    if not images:
        raise BadInput(f"{folder}: holds no picture; add {', '.join(sorted(IMAGE_SUFFIXES))} files")
    return images


def list_masks(path: Path, part: str = "masks") -> list[Path]:
    """Return the masks in `path/masks` (or another of `PARTS`), sorted by name; none where there is no such folder."""
    found = (mask for mask in (path / part).glob("*.png") if not mask.name.startswith("."))
    return sorted(found, key=_NAME)


def images_by_stem(path: Path) -> dict[str, Path]:
    """Return the pictures in `path/images` by stem (in one Unicode form), which is what pairs them with masks.

    Raises:
        BadInput: as `list_images`, or two pictures of one stem.
    """
    return _by_stem(path, list_images(path))


def _optional(path: Path, part: str, images: Mapping[str, Path]) -> dict[str, Path]:
    found = _by_stem(path, list_masks(path, part))
    if lonely := sorted(found.keys() - images.keys()):
        mend = "add the picture or remove the file"
        raise BadInput(f"{found[lonely[0]]}: no picture of this name{_more(lonely)}; {mend}")
    return found


def _by_stem(path: Path, files: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(same_form(file.stem), file)
        if other is not file:
            raise BadInput(f"{path}: {other.name} and {file.name} share one mask name; rename one")
    return found


def groups_of(groups: Mapping[str, str], images: Iterable[Path]) -> dict[str, str]:
    """Return the group of each picture by file name; one that `groups` does not name is a group of its own."""
    known = {same_form(name): group for name, group in groups.items()}
    return {image.name: known.get(same_form(image.name), image.name) for image in images}


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
