"""How fast data is handled, against references in the same run: `python benchmarks/data.py [--json] [--quick]`.

| figure | reference |
|---|---|
| import of a YOLO folder, all cores | decoding the same pictures one after another |
| audit without the look at box contents, all cores | the same |
| drawing synthetic pictures, all cores | one process |
| hand polygons to masks | Pillow's `ImageDraw.polygon` |
| duplicate search of N hashes x 8 turns, N to a million | all pairs in NumPy, for the sizes where that is bearable |
| its growth: the exponent k of time ~ N^k | 1, linear |
| memory of an audit | an audit of a quarter of the pictures |

Every measurement runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ALL_PAIRS_TO = 10_000
TURNS = 8
PLANTED = 0.05


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def make_pictures(folder: str, count: str, size: str, workers: str) -> dict[str, float]:
    """Draw `count` pictures with six classes and return how long it took."""
    from pipeseg.synthetic.defects import DEFECTS
    from pipeseg.synthetic.generate import generate
    from pipeseg.synthetic.options import Options, parse_size

    classes = tuple(DEFECTS)
    height, width = parse_size(size)
    per_class = max(1, int(count) // len(classes))
    options = Options(per_class, per_class // 2, per_class // 4, height, width, classes, seed=0)
    took = seconds(lambda: generate(Path(folder), options, int(workers)))
    return {"seconds": took, "pictures": len(list((Path(folder) / "images").iterdir()))}


def decode(folder: str) -> dict[str, float]:
    """Decode every picture once, one after another."""
    from pipeseg.data.pictures import read_image

    images = sorted((Path(folder) / "images").iterdir())
    return {"seconds": seconds(lambda: [read_image(image) for image in images]), "pictures": len(images)}


def import_yolo(folder: str, target: str) -> dict[str, float]:
    from pipeseg.data.importing import import_dataset

    return {"seconds": seconds(lambda: import_dataset(Path(folder), Path(target), format="yolo"))}


def audit(folder: str) -> dict[str, float]:
    from pipeseg.data.audit.audit import audit
    from pipeseg.data.formats import read_source

    return {"seconds": seconds(lambda: audit(read_source(Path(folder)), content=False))}


def rasterise(folder: str) -> dict[str, float]:
    """Fill every hand polygon of the dataset, by our code and by Pillow's."""
    from PIL import Image, ImageDraw

    from pipeseg.data.pictures import picture_size
    from pipeseg.data.regions import rasterise
    from pipeseg.data.via import read_via

    regions = {name: found for name, found in read_via(Path(folder) / "labels.csv").items() if found}
    sizes = {name: picture_size(Path(folder) / "images" / name) for name in regions}

    def pillow() -> None:
        for name, found in regions.items():
            mask = Image.new("L", sizes[name][::-1])
            for region in found:
                ImageDraw.Draw(mask).polygon([tuple(point) for point in region.points.tolist()], fill=255)

    ours = min(seconds(lambda: [rasterise(found, *sizes[name]) for name, found in regions.items()]) for _ in range(5))
    return {"seconds": ours, "reference": min(seconds(pillow) for _ in range(5)), "masks": len(regions)}


def search(count: str, all_pairs: str) -> dict[str, float]:
    """Search `count` hashes for near ones of 8 each; some are planted, so that there is something to find."""
    import numpy as np

    from pipeseg.data.duplicates.index import near_pairs
    from pipeseg.data.duplicates.proposals import RADIUS

    random, number = np.random.default_rng(0), int(count)
    hashes = random.integers(0, 2**64, number, dtype=np.uint64)
    queries = random.integers(0, 2**64, number * TURNS, dtype=np.uint64)
    planted = random.permutation(number)[: max(1, int(PLANTED * number))]
    bits = np.uint64(1) << random.integers(0, 64, (3, len(planted)), dtype=np.uint64)
    queries[planted * TURNS] = hashes[planted] ^ bits[0] ^ bits[1] ^ bits[2]
    found: list[np.ndarray] = []
    took = {"seconds": seconds(lambda: found.append(near_pairs(hashes, queries, RADIUS)))}
    if len(found[0]) < len(planted):
        raise SystemExit(f"{len(planted)} planted, {len(found[0])} found")
    if all_pairs == "yes":

        def compare() -> None:
            for query in queries:
                np.flatnonzero(np.bitwise_count(hashes ^ query) <= RADIUS)

        took["reference"] = seconds(compare)
    return took


PARTS = {work.__name__: work for work in (make_pictures, decode, import_yolo, audit, rasterise, search)}


def measure(quick: bool) -> Figures:
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        count, size, cores = (60, "256x320", os.cpu_count() or 1) if quick else (300, "288x360", os.cpu_count() or 1)
        alone = measured(__file__, "make_pictures", place / "one", max(30, count // 5), size, 1)
        drawn = measured(__file__, "make_pictures", place / "sample", count, size, cores)
        figures.record(
            "drawing", drawn["pictures"] / drawn["seconds"], "images/s", alone["pictures"] / alone["seconds"]
        )
        for name in ("boxes.csv", "labels.csv", "dataset.json", "truth.json"):
            # what is left is a raw YOLO folder; the hand polygons are measured first
            if name == "labels.csv":
                filled = measured(__file__, "rasterise", place / "sample")
                figures.record(
                    "masks", filled["masks"] / filled["seconds"], "masks/s", filled["masks"] / filled["reference"]
                )
            (place / "sample" / name).unlink()
        plain = measured(__file__, "decode", place / "sample")
        pace = plain["pictures"] / plain["seconds"]
        imported = measured(__file__, "import_yolo", place / "sample", place / "imported")
        figures.record("import", plain["pictures"] / imported["seconds"], "images/s", pace)
        figures.record(
            "audit", plain["pictures"] / measured(__file__, "audit", place / "sample")["seconds"], "images/s", pace
        )
        few = 60 if quick else 150
        for name, number in (("few", few), ("many", 4 * few)):
            measured(__file__, "make_pictures", place / name, number, "96x120", cores)
        less, more = (measured(__file__, "audit", place / name)["peak"] for name in ("few", "many"))
        figures.record(f"memory of an audit, {4 * few} pictures", more, "MiB", less)

    sizes = SIZES[:3] if quick else SIZES
    times = {}
    for number in sizes:
        found = measured(__file__, "search", number, "yes" if number <= ALL_PAIRS_TO else "no")
        times[number] = found["seconds"]
        figures.record(f"search {number:,} x {TURNS}", found["seconds"], "s", found.get("reference"))
        figures.record(f"memory of search {number:,} x {TURNS}", found["peak"], "MiB")
    # over the whole range: for few hashes the fixed cost of the tables, for many their filling up bends the line
    slope, _ = statistics.linear_regression([math.log(n) for n in times], [math.log(t) for t in times.values()])
    figures.record("growth of the search", slope, "exponent", 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer pictures, and no million hashes")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(PARTS, options.part)
        return
    measure(options.quick).show(options.json)


if __name__ == "__main__":
    main()
