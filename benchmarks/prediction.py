"""How fast pictures are predicted, against references in one run: `python benchmarks/prediction.py [--json] [--quick]`.

| figure | reference |
|---|---|
| a folder of pictures: masks, overlays, tables | the same work, one picture after another |
| the same without overlays | likewise |
| share of the network's own pace | its batches on pictures that are in memory already |
| tiles at native resolution | the same tiles, one after another |
| memory of a prediction | a prediction of a quarter of the pictures |

Paces to be compared are measured in turns in one process, memory in processes of their own. `--device`: see predict.py.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part

HEIGHT, WIDTH = 480, 640
# small, so that a CPU's network does not hide how the rest is done
ENCODER = {"encoder_name": "tu-mobilenetv3_small_100", "encoder_weights": None}
MODEL = {"name": "UNetAttention", "args": {**ENCODER, "decoder_channels": [64, 32, 16, 16, 8]}}
IMAGE_SIZE = (128, 160)
BATCH = 8
ROUNDS = 2


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def prepare(root: str, count: str) -> dict[str, float]:
    """Write `count` pictures to `many`, the first quarter of them to `few`, and a checkpoint with random weights."""
    import cv2
    import numpy as np
    import torch

    from pipeseg.registry import MODELS, build
    from pipeseg.training.checkpoint import Checkpoint, save_checkpoint

    place = Path(root)
    for name in ("many", "few"):
        (place / name).mkdir()
    random = np.random.default_rng(0)
    for index in range(int(count)):
        coarse = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        fine = random.integers(-12, 13, (HEIGHT, WIDTH, 3))
        picture = np.clip(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + fine, 0, 255)
        for name in ("many", "few") if index < int(count) // 4 else ("many",):
            file = place / name / f"{index:05}.jpg"
            cv2.imwrite(str(file), picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])
    torch.manual_seed(0)
    model = build(MODELS, MODEL["name"], **MODEL["args"])
    header = Checkpoint(MODEL, IMAGE_SIZE, 0.5, 0, 0, None, "iou", "defect", "benchmark")
    save_checkpoint(place / "model.safetensors", model, header)
    return {"pictures": int(count)}


class Setting:
    """A network, a folder of pictures and a way to put them before it."""

    def __init__(self, place: Path, device: str, tile: tuple[int, int] | None, overlays: bool):
        from pipeseg.prediction.covering import choose_cover
        from pipeseg.prediction.inputs import find_pictures
        from pipeseg.prediction.networks import load_network

        self.network = load_network(place.parent / "model.safetensors", device)
        self.cover = choose_cover(self.network, tile, 0.5)
        self.items = find_pictures(place)
        self.overlays = overlays

    def folder(self, out: Path) -> None:
        """Predict the folder as predict.py does."""
        from pipeseg.prediction.output import OutputFolder
        from pipeseg.prediction.predict import Options, Totals, predict, workers_for

        options = Options(batch_size=BATCH, overlays=self.overlays)
        with OutputFolder(out, {"classes": ["defect"]}) as output:
            workers = workers_for(HEIGHT * WIDTH)
            predict(self.network, self.items, output, self.cover, options, totals=Totals(), workers=workers)

    def one_by_one(self, out: Path) -> None:
        """Do what a prediction does, each picture (or tile) to its end before the next one begins."""
        import numpy as np

        from pipeseg.data.pictures import read_image
        from pipeseg.prediction.covering import Loaded, probabilities
        from pipeseg.prediction.output import COLOURS, write_picture
        from pipeseg.prediction.regions import find_regions
        from pipeseg.training.results import outline

        for item in self.items:
            image = read_image(item.path)
            loaded = Loaded(item, image, self.cover.inputs(image))
            [(_, found)] = probabilities(self.network, [loaded], self.cover, batch_size=1)
            probability = found[0].cpu().numpy()
            mask = probability >= 0.5
            write_picture(out / "masks" / f"{item.key}.png", mask.astype(np.uint8) * 255)
            find_regions(probability, mask)
            if self.overlays:
                write_picture(out / "overlays" / f"{item.key}.jpg", outline(image, mask, COLOURS[0]))

    def network_alone(self, _: Path) -> None:
        """Run the network in batches of as many pictures, which are in memory at its size."""
        import torch

        batch = torch.zeros(BATCH, 3, *IMAGE_SIZE, dtype=torch.uint8).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            for _ in range(len(self.items) // BATCH):
                last = self.network(batch.to(self.network.device))
            last.sum().item()


def paces(root: str, device: str) -> dict[str, float]:
    """Return pictures a second, the best of a few rounds, in turns: what disturbs the machine disturbs all of them."""
    many, few = Path(root) / "many", Path(root) / "few"
    whole, plain = Setting(many, device, None, True), Setting(many, device, None, False)
    tiled = Setting(few, device, (256, 256), False)
    works = {
        "folder": (whole, whole.folder),
        "folder one by one": (whole, whole.one_by_one),
        "plain": (plain, plain.folder),
        "plain one by one": (plain, plain.one_by_one),
        "network": (plain, plain.network_alone),
        "tiles": (tiled, tiled.folder),
        "tiles one by one": (tiled, tiled.one_by_one),
    }
    best = dict.fromkeys(works, math.inf)
    for _ in range(ROUNDS):
        for name, (_, work) in works.items():
            with tempfile.TemporaryDirectory() as out:
                best[name] = min(best[name], seconds(lambda work=work, out=out: work(Path(out) / "out")))
    return {name: len(setting.items) / best[name] for name, (setting, _) in works.items()}


def memory(place: str, device: str) -> dict[str, float]:
    """Predict a folder once; what counts is the peak."""
    with tempfile.TemporaryDirectory() as out:
        return {"seconds": seconds(lambda: Setting(Path(place), device, None, True).folder(Path(out) / "out"))}


PARTS = {work.__name__: work for work in (prepare, paces, memory)}


def measure(quick: bool, device: str) -> Figures:
    figures = Figures()
    with tempfile.TemporaryDirectory() as root:
        count = 32 if quick else 400
        measured(__file__, "prepare", root, count)
        pace = measured(__file__, "paces", root, device)
        figures.record("folder", pace["folder"], "images/s", pace["folder one by one"])
        figures.record("folder without overlays", pace["plain"], "images/s", pace["plain one by one"])
        figures.record("the same, beside the network alone", pace["plain"], "images/s", pace["network"])
        figures.record("tiles of 256", pace["tiles"], "images/s", pace["tiles one by one"])
        less, more = (measured(__file__, "memory", Path(root) / name, device)["peak"] for name in ("few", "many"))
        figures.record(f"memory, {count} pictures", more, "MiB", less)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer pictures")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(PARTS, options.part)
        return
    measure(options.quick, options.device).show(options.json)


if __name__ == "__main__":
    main()
