"""One prediction from beginning to end: network, pictures or video, output folder, and what to tell about it."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.pictures import picture_size
from pipeseg.errors import BadInput
from pipeseg.prediction.covering import Tiled, choose_cover
from pipeseg.prediction.inputs import Item
from pipeseg.prediction.networks import Network, load_network
from pipeseg.prediction.output import OutputFolder
from pipeseg.prediction.predict import Options, Totals, predict, workers_for
from pipeseg.prediction.video import OverlayVideo, Video

# pictures whose headers are asked how large pictures are here
LOOKED_AT = 16

Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What a person asks for.

    Attributes:
        checkpoint: .safetensors or .onnx.
        source: picture, folder or video.
        items: the pictures of `source`; None for a video.
        tile: (height, width) of a sliding window, None for the whole picture at the trained size.
        every: of a video, each so many frames.
        resume, replace: see `OutputFolder`.
    """

    checkpoint: Path
    source: Path
    items: list[Item] | None
    out: Path
    options: Options
    tile: tuple[int, int] | None = None
    overlap: float = 0.5
    every: int = 1
    resume: bool = False
    replace: bool = False
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        totals: of this call.
        skipped: done by the calls before, see `Job.resume`.
        interrupted: Ctrl-C ended it; what is in `totals` is done.
        warnings: sentences for people.
    """

    run_id: str
    threshold: float
    totals: Totals
    skipped: int
    seconds: float
    interrupted: bool
    warnings: tuple[str, ...]


def run_job(job: Job, *, say: Callable[[str], None] = lambda text: None, ticks: Callable[[], Any]) -> Outcome:
    """Predict everything; Ctrl-C is an ordinary end, unless nothing was done yet.

    Args:
        say: is told what works where, once it is known.
        ticks: returns a context manager that yields `tick(done, total)`.

    Raises:
        BadInput: checkpoint, device, tile, video or output folder cannot be used; nothing was written.
        RunFailed, OSError: memory or disk ran out; finished pictures are kept, as after Ctrl-C.
    """
    network = load_network(job.checkpoint, job.device, job.precision)
    cover = choose_cover(network, job.tile, job.overlap)
    threshold = network.facts.threshold if job.options.threshold is None else job.options.threshold
    options = replace(job.options, threshold=threshold)
    totals, interrupted, warnings, started = Totals(), False, [], time.monotonic()
    with ExitStack() as stack:
        video = stack.enter_context(Video(job.source)) if job.items is None else None
        settings = _settings(job, network, options, isinstance(cover, Tiled))
        folder = stack.enter_context(OutputFolder(job.out, settings, resume=job.resume, replace=job.replace))
        say(f"{network.facts.run_id} on {network.describe()}, threshold {threshold:g}")
        feed = _feed_pictures(job.items, folder) if video is None else _feed_video(job, options, video, folder)
        work = stack.enter_context(feed)
        tick = stack.enter_context(ticks())
        try:
            predict(
                network,
                work.items,
                folder,
                cover,
                options,
                totals=totals,
                workers=workers_for(work.pixels),
                tick=lambda done: tick(done, max(done, work.total)),
                see=work.see,
            )
        except KeyboardInterrupt:
            if not totals.pictures + work.skipped:
                raise
            interrupted = True
        if video is not None and not interrupted and video.shortfall:
            warnings.append(video.shortfall)
    seconds = time.monotonic() - started
    return Outcome(network.facts.run_id, threshold, totals, work.skipped, seconds, interrupted, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Work:
    """What is left to do.

    Attributes:
        total: about how many items.
        pixels: of a large one of them.
        see: takes the overlays, None where they go to files.
    """

    items: Any
    total: int
    skipped: int
    pixels: int
    see: Callable[[np.ndarray], None] | None = None


@contextmanager
def _feed_pictures(pictures: list[Item], folder: OutputFolder) -> Iterator[_Work]:
    items = [item for item in pictures if not folder.is_done(item.key, item.stamp)]
    yield _Work(items, len(items), len(pictures) - len(items), _large(items))


@contextmanager
def _feed_video(job: Job, options: Options, video: Video, folder: OutputFolder) -> Iterator[_Work]:
    done = {key for key in folder.done if folder.is_done(key, ())}
    items = video.items(job.every, done)
    total = max(0, -(-video.count // job.every) - len(done))
    if not options.overlays:
        yield _Work(items, total, len(done), video.pixels)
        return
    # the frames before are in a video of their own: an .mp4 cannot be appended to
    part = f"_after_{max(done)[-6:]}" if done else ""
    place = folder.path / "overlays" / f"{job.source.stem}{part}.mp4"
    with OverlayVideo(place, video.frames_per_second / job.every) as overlay:
        yield _Work(items, total, len(done), video.pixels, overlay.add)


def _large(items: list[Item]) -> int:
    """Return the pixels of the largest of a few pictures: those of a folder mostly come from one camera."""
    pixels = [1]
    for item in items[:: max(1, len(items) // LOOKED_AT)]:
        try:
            height, width = picture_size(item.path)
        except BadInput:  # told when its turn comes
            continue
        pixels.append(height * width)
    return max(pixels)


def _settings(job: Job, network: Network, options: Options, tiled: bool) -> dict[str, Any]:
    """Return what decides the results: a prediction goes on only where all of it is the same."""
    with open(job.checkpoint, "rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    facts = network.facts
    return {
        "run_id": facts.run_id,
        "weights": f"sha256:{weights}",
        "classes": list(facts.classes),
        "input": str(job.source.resolve()),
        "threshold": options.threshold,
        "image_size": list(facts.image_size),
        "tile": list(job.tile) if job.tile else None,
        "overlap": job.overlap if tiled else None,
        "flips": options.flips,
        "soft": options.soft,
        "overlays": options.overlays,
        "min_area": options.least_area,
        "every": job.every,
    }
