"""What a test leaves of every picture: a thumbnail, the truth and the prediction, all in one small archive.

`index.json` names the pictures with both masks as run lengths at native size (`pipeseg.data.rle`); the thumbnails are
JPEGs. With it a person without the dataset sees where one model covers the truth and another does not: 100 pictures
take about 1 MB.
"""

import io
import json
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeseg.data import rle
from pipeseg.data.pictures import read_thumbnail
from pipeseg.run_directory import write_atomically

INDEX = "index.json"
# longest side of a thumbnail in px; of a large test set the smaller one
SIDE, SMALL_SIDE, MANY = 256, 128, 400
QUALITY = 80


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """One test picture of one run.

    Attributes:
        thumbnail: uint8 RGB (h, w, 3), scaled down.
        truth, prediction: bool (H, W), at the picture's own size.
    """

    thumbnail: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


@dataclass(slots=True)
class ScoredPictures:
    """Collects the pictures of a test set of `count` pictures, then writes them."""

    count: int
    index: dict[str, dict[str, Any]] = field(default_factory=dict)
    thumbnails: dict[str, bytes] = field(default_factory=dict)

    def add(self, image: Path, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Add one picture.

        Args:
            truth, prediction: bool (H, W).
        """
        buffer, name = io.BytesIO(), f"{len(self.index):05}.jpg"
        small = read_thumbnail(image, SIDE if self.count <= MANY else SMALL_SIDE)
        Image.fromarray(small).save(buffer, "JPEG", quality=QUALITY)
        self.thumbnails[name] = buffer.getvalue()
        height, width = truth.shape
        masks = {"truth": rle.encode(truth), "prediction": rle.encode(prediction)}
        self.index[image.name] = {"thumbnail": name, "height": height, "width": width, **masks}

    def write(self, path: Path) -> None:
        """Write the archive, whole or not at all; the same pictures make the same bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            index = json.dumps(self.index, ensure_ascii=False)
            # a ZipInfo made by hand has no date
            archive.writestr(zipfile.ZipInfo(INDEX), index, zipfile.ZIP_DEFLATED)
            for name, content in self.thumbnails.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        write_atomically(path, buffer.getvalue())


class ScoredArchive:
    """An archive that was opened once, for one picture after the other; used by one thread at a time.

    Raises (every method):
        ValueError: the file is no such archive, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # closed again: whoever looks through pictures may be long about it
        with self._reading(), zipfile.ZipFile(path) as archive:
            self.index: dict[str, dict[str, Any]] = dict(json.loads(archive.read(INDEX)))

    def read(self, file: str) -> ScoredPicture | None:
        """Return one picture, None where the archive has no such."""
        if not (entry := self.index.get(file)):
            return None
        with self._reading(), zipfile.ZipFile(self.path) as archive:
            with Image.open(io.BytesIO(archive.read(entry["thumbnail"])), formats=("JPEG",)) as picture:
                thumbnail = np.asarray(picture.convert("RGB"))
            size = entry["height"], entry["width"]
            return ScoredPicture(thumbnail, *(rle.decode(entry[key], *size) for key in ("truth", "prediction")))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ValueError(f"{self.path.name} is gone") from error
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
            raise ValueError(f"{self.path.name} is damaged ({error})") from error


def read_scored_pictures(path: Path, files: Collection[str]) -> dict[str, ScoredPicture]:
    """Return those of `files` that the archive holds.

    Raises:
        ValueError: the file is no such archive, or damaged.
    """
    archive = ScoredArchive(path)
    found = ((file, archive.read(file)) for file in files)
    return {file: picture for file, picture in found if picture}
