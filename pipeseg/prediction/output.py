"""The folder that a prediction fills: masks, overlays, a journal of what is done, and the tables made from it.

`predictions.jsonl` is written as the prediction goes: its first line says how it was made, every other one holds a
finished picture. What was broken off goes on from it, and `predictions.csv` and `predictions.coco.json` are made from
it line by line, so that memory does not grow with the number of pictures.
"""

import csv
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from pipeseg.errors import BadInput
from pipeseg.prediction.checks import check_output
from pipeseg.prediction.inputs import JOURNAL

# of the classes, in their order; a seventh begins again
COLOURS = ((235, 70, 60), (60, 130, 240), (245, 190, 40), (170, 90, 220), (60, 200, 80), (40, 200, 210))
COLUMNS = (
    *("file", "mask", "frame", "seconds", "class", "height", "width"),
    *("defect_share", "pixels", "regions", "highest_probability"),
)
OVERLAY_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Record:
    """One finished picture, as a line of the journal.

    Attributes:
        classes: per class `mask` (path below the folder), `pixels`, `regions`, `highest`.
        annotations: COCO's `category_id`, `bbox`, `area`, `segmentation`, `score` per region.
    """

    key: str
    file: str
    height: int
    width: int
    stamp: tuple[int, ...]
    frame: int | None
    seconds: float | None
    classes: list[dict[str, Any]]
    annotations: list[dict[str, Any]]


class OutputFolder:
    """Where the results of one prediction go; a context manager, which writes the tables at its end, whatever ended it.

    Attributes:
        path: the folder.
        done: key -> stamp of every picture that is finished.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool = False, replace: bool = False):
        """Take the folder, or make it.

        Args:
            settings: what decides the results, in JSON's types; `classes` among them.
            resume: go on with what an earlier prediction with these settings left here.
            replace: remove what an earlier prediction left here.

        Raises:
            BadInput: the folder holds other things, or an earlier prediction and neither `resume` nor `replace`.
        """
        self.path = path
        self.settings = settings
        self.done: dict[str, tuple[int, ...]] = {}
        self._places: dict[str, int] = {}
        self._is_new = not path.exists()
        self._journal_file = path / JOURNAL
        check_output(path, resume=resume, replace=replace)
        if self._journal_file.is_file():
            if resume:
                self._read_journal()
            else:
                self._clear()
                if any(path.iterdir()):
                    raise BadInput(f"{path}: holds other things beside an earlier prediction; name a new folder")
        path.mkdir(parents=True, exist_ok=True)
        # unbuffered and a line at a time: a kill leaves whole lines
        self._journal: IO[bytes] = open(self._journal_file, "ab", buffering=0)  # noqa: SIM115 closed in __exit__
        if not self._journal.tell():
            self._journal.write(_line(settings))

    def _read_journal(self) -> None:
        with open(self._journal_file, "rb") as file:
            before = _parsed(file.readline())
            if before is None:
                raise BadInput(f"{self._journal_file}: its first line cannot be read; --force begins again")
            settled = json.loads(json.dumps(self.settings))
            for key in settled.keys() | before.keys():
                if before.get(key) != settled.get(key):
                    raise BadInput(
                        f"{self.path}: was begun with {key} {before.get(key)!r}, not {settled.get(key)!r};"
                        " --resume goes on with the same only, --force begins again"
                    )
            place = end = file.tell()
            for line in file:
                values = _parsed(line)
                if values is not None:
                    self.done[values["key"]] = tuple(values["stamp"])
                    self._places[values["key"]] = place
                    end = place + len(line)
                place += len(line)
        # a kill in the middle of a line: what follows must begin on its own
        os.truncate(self._journal_file, end)

    def _clear(self) -> None:
        """Remove what predictions write, and nothing else."""
        for name in ("masks", "overlays"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("predictions.csv", "predictions.coco.json", JOURNAL):
            (self.path / name).unlink(missing_ok=True)

    def is_done(self, key: str, stamp: tuple[int, ...]) -> bool:
        """Tell whether a picture is finished, has not changed since, and its masks are still there."""
        return self.done.get(key) == stamp and all(
            self.mask_file(key, name).is_file() for name in self.settings["classes"]
        )

    def mask_file(self, key: str, defect_class: str) -> Path:
        """Return where a mask goes: with several classes each has a folder."""
        folder = self.path / "masks"
        if len(self.settings["classes"]) > 1:
            folder /= re.sub(r'[\\/:*?"<>|]', "_", defect_class)
        return folder / f"{key}.png"

    def overlay_file(self, key: str) -> Path:
        return self.path / "overlays" / f"{key}.jpg"

    def add(self, record: Record) -> None:
        """Write down that a picture is finished; its files are there already."""
        place = self._journal.seek(0, os.SEEK_END)
        self._journal.write(_line(asdict(record)))
        self._places[record.key] = place
        self.done[record.key] = record.stamp

    def __enter__(self) -> "OutputFolder":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._journal.close()
        if kind is not None and not self._places:
            # nothing came of it; what lies in masks/ was not written down
            self._clear()
            if self._is_new:
                self.path.rmdir()
            return
        self._write_csv()
        self._write_coco()

    def records(self) -> Iterator[Record]:
        """Read the finished pictures back, one at a time, in the order of their keys."""
        with open(self._journal_file, "rb") as file:
            for _, place in sorted(self._places.items()):
                file.seek(place)
                yield Record(**json.loads(file.readline()))

    def _write_csv(self) -> None:
        with _replacing(self.path / "predictions.csv") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for record in self.records():
                for found in record.classes:
                    share = found["pixels"] / (record.height * record.width)
                    frame = ["", ""] if record.frame is None else [record.frame, f"{record.seconds:.3f}"]
                    writer.writerow(
                        [
                            *(record.file, found["mask"], *frame, found["class"], record.height, record.width),
                            *(f"{share:.6g}", found["pixels"], found["regions"], f"{found['highest']:.6f}"),
                        ]
                    )

    def _write_coco(self) -> None:
        classes = self.settings["classes"]
        categories = [
            {"id": number, "name": name, "supercategory": "", "color": COLOURS[(number - 1) % len(COLOURS)]}
            for number, name in enumerate(classes, 1)
        ]
        with _replacing(self.path / "predictions.coco.json") as file:
            info = {"description": "predictions of pipeseg", "version": "1.0", **self.settings}
            file.write(f'{{"info": {_json(info)},\n"licenses": [],\n"categories": {_json(categories)},\n"images": [')
            _write_list(file, (_coco_image(number, record) for number, record in enumerate(self.records(), 1)))
            file.write('],\n"annotations": [')
            _write_list(file, self._annotations())
            file.write("]}\n")

    def _annotations(self) -> Iterator[dict[str, Any]]:
        count = 0
        for number, record in enumerate(self.records(), 1):
            for annotation in record.annotations:
                count += 1
                yield {"id": count, "image_id": number, "iscrowd": 0, **annotation}


def write_picture(path: Path, array: np.ndarray) -> None:
    """Write uint8 (H, W) or RGB (H, W, 3) as PNG or JPEG by the suffix: encoded first, then put in its place.

    OpenCV encodes a mask several times faster than Pillow; the two decode to the same pixels.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, OVERLAY_QUALITY] if path.suffix == ".jpg" else []
    _, encoded = cv2.imencode(path.suffix, array if array.ndim == 2 else array[:, :, ::-1], options)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not named after the picture: its name may be as long as a disk allows. No fsync: it would cost more than all else
    temporary = path.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(encoded.tobytes())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _coco_image(number: int, record: Record) -> dict[str, Any]:
    facts = {"id": number, "file_name": record.file, "height": record.height, "width": record.width}
    return facts if record.frame is None else {**facts, "frame": record.frame, "seconds": record.seconds}


def _write_list(file: IO[str], values: Iterator[Any]) -> None:
    for index, value in enumerate(values):
        file.write(f"{',' if index else ''}\n{_json(value)}")


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """Yield a text file that takes the place of `path` once it is whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _line(values: dict[str, Any]) -> bytes:
    return f"{_json(values)}\n".encode()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) and line.endswith(b"\n") else None
