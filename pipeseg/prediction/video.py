"""Videos: frames one after another, and the overlay video that is written beside their masks."""

import itertools
import math
import os
import threading
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeseg.data.parallel import threaded
from pipeseg.errors import BadInput
from pipeseg.prediction.inputs import Item

# where a file does not tell
FRAMES_PER_SECOND = 25.0


class Video:
    """An open video.

    Attributes:
        frames_per_second: as its header says.
        count: frames that its header promises; 0 where it does not say.
        pixels: of a frame.
        read_to: frames that were read so far, skipped ones included.
    """

    def __init__(self, path: Path):
        # read by OpenCV when its first video is opened; what it would say is in its own words
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self.path = path
        if not path.is_file():
            raise BadInput(f"{path}: no such file")
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            raise BadInput(f"{path}: cannot be read as a video; convert it, for example to .mp4 with H.264")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_second = rate if math.isfinite(rate) and rate > 0 else FRAMES_PER_SECOND
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if math.isfinite(count) and count > 0 else 0
        self.pixels = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT) * self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.read_to = 0
        # frames are read in a thread, which may be at work when the video is closed
        self._lock = threading.Lock()

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._capture.release()

    def items(self, every: int = 1, done: Container[str] = ()) -> Iterator[Item]:
        """Yield frames 0, `every`, 2 `every`, ... but those whose keys are `done`; decoded ahead, in a thread."""

        def following(_: int) -> Item | None:
            while True:
                with self._lock:
                    if not self._capture.grab():
                        return None
                    index = self.read_to
                    self.read_to += 1
                    key = f"{self.path.stem}_{index:06}"
                    if index % every or key in done:
                        continue
                    shown, frame = self._capture.retrieve()
                    seconds = round(self._seconds(index), 3)
                if not shown:
                    return None
                image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                return Item(key, f"{key}.png", _given(image), frame=index, seconds=seconds)

        for item in threaded(following, itertools.count(), workers=1):
            if item is None:
                return
            yield item

    def _seconds(self, index: int) -> float:
        told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        # some files tell nothing but zeros
        return told if told > 0 or index == 0 else index / self.frames_per_second

    @property
    def shortfall(self) -> str | None:
        """What to say when frames are missing at the end, else None; to be asked after the last frame."""
        if self.read_to >= self.count:
            return None
        return (
            f"{self.path}: ends after frame {self.read_to} of {self.count} that its header promises;"
            " the frames before it are done"
        )


def _given(image: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: image


class OverlayVideo:
    """Writes frames to an .mp4, which is in its place once it is closed."""

    def __init__(self, path: Path, frames_per_second: float):
        self.path = path
        self._rate = frames_per_second
        self._partial = path.with_name(f".{path.stem}.partial.mp4")
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> "OverlayVideo":
        return self

    def add(self, image: np.ndarray) -> None:
        """Append uint8 RGB (H, W, 3); all of one size."""
        if self._writer is None:
            height, width = image.shape[:2]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fourcc = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._partial), cv2.CAP_FFMPEG, fourcc, self._rate, (width, height))
            if not self._writer.isOpened():
                raise BadInput(f"{self.path}: this OpenCV cannot write .mp4; add --no-overlays")
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

    def __exit__(self, *_: object) -> None:
        """Close the video: whatever ended it, the frames so far are whole."""
        if self._writer is not None:
            self._writer.release()
            if self._partial.exists():
                os.replace(self._partial, self.path)
