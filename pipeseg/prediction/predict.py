"""From pictures to masks: decode ahead, predict in batches, write behind, all three at the same time."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from pipeseg.data.parallel import threaded
from pipeseg.errors import BadInput
from pipeseg.prediction.covering import Cover, Loaded, probabilities
from pipeseg.prediction.inputs import Item
from pipeseg.prediction.networks import Network
from pipeseg.prediction.output import COLOURS, OutputFolder, Record, write_picture
from pipeseg.prediction.regions import find_regions
from pipeseg.training.results import outline

# decoded pictures and their probabilities that may lie in memory at a time
MEMORY = 1 << 30
# a picture in three bytes and a float a pixel, some of each on their way
BYTES_PER_PIXEL = 16
# pictures under way per thread; see `threaded`
UNDER_WAY = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be made of the probabilities.

    Attributes:
        threshold: probability from which a pixel is defect, in (0, 1); None = what the network was trained with.
        batch_size: network inputs at once.
        flips: average over the mirror images.
        soft: masks hold probabilities, 0..255, instead of 0 or 255.
        overlays: draw the outlines into copies of the pictures.
        least_area: smaller regions are not listed, in pixels; masks keep them.
    """

    threshold: float | None = None
    batch_size: int = 8
    flips: bool = False
    soft: bool = False
    overlays: bool = True
    least_area: int = 1


@dataclass(slots=True)
class Totals:
    """What came of a prediction so far.

    Attributes:
        pictures: predicted.
        having: with a pixel that reaches the threshold.
        regions: listed.
        failures: a sentence per picture that could not be read.
    """

    pictures: int = 0
    having: int = 0
    regions: int = 0
    failures: list[str] = field(default_factory=list)


def predict(
    network: Network,
    items: Iterable[Item],
    folder: OutputFolder,
    cover: Cover,
    options: Options,
    *,
    totals: Totals,
    workers: int | None = None,
    tick: Callable[[int], None] = lambda done: None,
    see: Callable[[np.ndarray], None] | None = None,
) -> None:
    """Predict the items in order and write what is found to `folder`; an unreadable one costs only itself.

    Args:
        totals: is counted up, so that the caller knows where an interrupt came.
        workers: threads that decode, and as many that write; default: one per core.
        tick: told how many items are dealt with.
        see: is given the overlays, uint8 RGB (H, W, 3), in order; they are not written to files then.

    Raises:
        RunFailed: memory ran out.
        OSError: a file could not be written.
    """
    facts = network.facts
    threshold = facts.threshold if options.threshold is None else options.threshold

    def load(item: Item) -> Loaded | str:
        try:
            image = item.read()
        except BadInput as error:
            return str(error)
        return Loaded(item, image, cover.inputs(image))

    def readable() -> Iterator[Loaded]:
        for outcome in threaded(load, items, workers):
            if isinstance(outcome, str):
                totals.failures.append(outcome)
                tick(totals.pictures + len(totals.failures))
            else:
                yield outcome

    def write(found: tuple[Loaded, Tensor]) -> tuple[Record, np.ndarray | None]:
        picture, probability = found
        # here, not where it was computed: the next batch is under way while this one is fetched
        values = probability.cpu().numpy()
        return _write(picture, values, facts.classes, threshold, folder, options, to_file=see is None)

    answers = probabilities(network, readable(), cover, batch_size=options.batch_size, flips=options.flips)
    # closed at once, whatever ends this: no thread may write to a folder that is being closed
    with closing(answers), closing(threaded(write, answers, workers)) as written:
        for record, overlay in written:
            if see is not None and overlay is not None:
                see(overlay)
            folder.add(record)
            totals.pictures += 1
            totals.having += any(found["pixels"] for found in record.classes)
            totals.regions += len(record.annotations)
            tick(totals.pictures + len(totals.failures))


def _write(
    picture: Loaded,
    probability: np.ndarray,
    classes: tuple[str, ...],
    threshold: float,
    folder: OutputFolder,
    options: Options,
    *,
    to_file: bool,
) -> tuple[Record, np.ndarray | None]:
    """Write the masks (and overlay) of one picture; `probability` is float32 (K, H, W)."""
    item, height, width = picture.item, *picture.image.shape[:2]
    overlay = picture.image
    summaries, annotations = [], []
    for number, (name, values) in enumerate(zip(classes, probability, strict=True), 1):
        reached = values >= threshold
        mask = np.rint(values * 255) if options.soft else reached * np.uint8(255)
        file = folder.mask_file(item.key, name)
        write_picture(file, mask.astype(np.uint8, copy=False))
        regions = find_regions(values, reached, options.least_area)
        annotations += [
            {
                "category_id": number,
                "bbox": list(region.box),
                "area": region.area,
                "segmentation": {"size": [height, width], "counts": region.counts},
                "score": round(region.score, 6),
            }
            for region in regions
        ]
        summaries.append(
            {
                "class": name,
                "mask": file.relative_to(folder.path).as_posix(),
                "pixels": int(np.count_nonzero(reached)),
                "regions": len(regions),
                "highest": float(values.max()),
            }
        )
        if options.overlays:
            overlay = outline(overlay, reached, COLOURS[(number - 1) % len(COLOURS)])
    if options.overlays and to_file:
        write_picture(folder.overlay_file(item.key), overlay)
    record = Record(item.key, item.file, height, width, item.stamp, item.frame, item.seconds, summaries, annotations)
    return record, overlay if options.overlays else None


def workers_for(pixels: int) -> int:
    """Return how many threads may decode, and as many write, pictures of so many pixels within MEMORY."""
    fitting = MEMORY // (UNDER_WAY * BYTES_PER_PIXEL * max(1, pixels))
    return max(1, min(os.cpu_count() or 1, fitting))
