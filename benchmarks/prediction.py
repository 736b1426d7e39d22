"""How fast pictures are predicted, against references in one run: `python benchmarks/prediction.py [--json] [--quick]`.

| figure | reference |
|---|---|
| a folder of pictures: masks, overlays, tables | the same work, one picture after another |
| the same without overlays | likewise |
| share of the network's own pace | its batches on pictures that are in memory already |
| tiles at native resolution | the same tiles, one after another |
| memory of a prediction | a prediction of a quarter of the pictures |

Every measurement runs in a process of its own, so that its peak memory is its own. `--device` as in predict.py.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

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


def prepare(place: str, count: str) -> dict[str, float]:
    """Write `count` pictures and a checkpoint with random weights that finds blobs of middling size."""
    import cv2
    import numpy as np
    import torch

    from pipeseg.registry import MODELS, build
    from pipeseg.training.checkpoint import Checkpoint, save_checkpoint

    folder = Path(place) / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(int(count)):
        coarse = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        fine = random.integers(-12, 13, (HEIGHT, WIDTH, 3))
        picture = np.clip(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + fine, 0, 255)
        cv2.imwrite(str(folder / f"{index:05}.jpg"), picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])
    torch.manual_seed(0)
    model = build(MODELS, MODEL["name"], **MODEL["args"])
    header = Checkpoint(MODEL, IMAGE_SIZE, 0.5, 0, 0, None, "iou", "defect", "benchmark")
    save_checkpoint(Path(place) / "model.safetensors", model, header)
    return {"pictures": int(count)}


def one_by_one(place: str, device: str, overlays: str, tile: str) -> dict[str, float]:
    """Do what a prediction does, each picture to its end before the next is read."""
    from pipeseg.data.pictures import read_image
    from pipeseg.prediction.covering import Loaded, choose_cover, probabilities
    from pipeseg.prediction.inputs import find_pictures
    from pipeseg.prediction.networks import load_network
    from pipeseg.prediction.output import COLOURS, write_picture
    from pipeseg.prediction.regions import find_regions
    from pipeseg.training.results import outline

    network, cover = _network(place, device, tile, load_network, choose_cover)
    items = find_pictures(Path(place) / "pictures")

    def work(out: Path) -> None:
        for item in items:
            image = read_image(item.path)
            loaded = Loaded(item, image, cover.inputs(image))
            [(_, found)] = probabilities(network, [loaded], cover, batch_size=1)
            probability = found[0].cpu().numpy()
            mask = probability >= 0.5
            write_picture(out / "masks" / f"{item.key}.png", mask.astype("uint8") * 255)
            find_regions(probability, mask)
            if overlays == "yes":
                write_picture(out / "overlays" / f"{item.key}.jpg", outline(image, mask, COLOURS[0]))

    return _timed(work, len(items))


def folder(place: str, device: str, overlays: str, tile: str) -> dict[str, float]:
    """Predict the folder as predict.py does."""
    from pipeseg.prediction.covering import choose_cover
    from pipeseg.prediction.inputs import find_pictures
    from pipeseg.prediction.networks import load_network
    from pipeseg.prediction.output import OutputFolder
    from pipeseg.prediction.predict import Options, Totals, predict, workers_for

    network, cover = _network(place, device, tile, load_network, choose_cover)
    items = find_pictures(Path(place) / "pictures")
    options = Options(batch_size=BATCH, overlays=overlays == "yes")

    def work(out: Path) -> None:
        with OutputFolder(out, {"classes": ["defect"]}) as output:
            workers = workers_for(HEIGHT * WIDTH)
            predict(network, items, output, cover, options, totals=Totals(), workers=workers)

    return _timed(work, len(items))


def network(place: str, device: str) -> dict[str, float]:
    """Run the network alone, in batches of pictures that are in memory at its size."""
    import torch

    from pipeseg.prediction.networks import load_network

    alone = load_network(Path(place) / "model.safetensors", device)
    batch = torch.zeros(BATCH, 3, *IMAGE_SIZE, dtype=torch.uint8).to(memory_format=torch.channels_last)
    batches = 12 if alone.device.type == "cpu" else 200

    def work(_: Path) -> None:
        for _ in range(batches):
            last = alone(batch.to(alone.device))
        last.sum().item()

    return _timed(work, batches * BATCH)


def _network(place: str, device: str, tile: str, load_network: Callable, choose_cover: Callable) -> tuple:
    from pipeseg.prediction.checks import parse_tile

    loaded = load_network(Path(place) / "model.safetensors", device)
    return loaded, choose_cover(loaded, parse_tile(tile) if tile != "no" else None, 0.5)


def _timed(work: Callable[[Path], None], pictures: int) -> dict[str, float]:
    """Return the best of a few rounds: the first one also starts kernels and threads."""
    with tempfile.TemporaryDirectory() as out:
        best = min(seconds(lambda index=index: work(Path(out) / str(index))) for index in range(ROUNDS))
    return {"pace": pictures / best}


PARTS = {work.__name__: work for work in (prepare, one_by_one, folder, network)}


def measured(part: str, *arguments: object) -> dict[str, float]:
    """Run one part in a process of its own; its result and its peak memory in MiB."""
    command = [sys.executable, __file__, "--part", part, *map(str, arguments)]
    return json.loads(subprocess.check_output(command, cwd=ROOT, encoding="utf-8").splitlines()[-1])


def measure(quick: bool, device: str) -> dict[str, dict[str, float | str | None]]:
    figures: dict[str, dict[str, float | str | None]] = {}

    def record(name: str, value: float, unit: str, reference: float) -> None:
        figures[name] = {
            "value": float(f"{value:.4g}"),
            "unit": unit,
            "reference": float(f"{reference:.4g}"),
            "ratio": round(value / reference, 3),
        }

    with tempfile.TemporaryDirectory() as root:
        few, many = Path(root) / "few", Path(root) / "many"
        count = 32 if quick else 200
        for place, pictures in ((few, count // 4), (many, count)):
            place.mkdir()
            measured("prepare", place, pictures)
        done = measured("folder", many, device, "yes", "no")
        record("folder", done["pace"], "images/s", measured("one_by_one", many, device, "yes", "no")["pace"])
        plain = measured("folder", many, device, "no", "no")["pace"]
        record("folder without overlays", plain, "images/s", measured("one_by_one", many, device, "no", "no")["pace"])
        record("folder beside the network alone", done["pace"], "images/s", measured("network", many, device)["pace"])
        tiles = [measured(part, few, device, "no", "256")["pace"] for part in ("folder", "one_by_one")]
        record("tiles of 256", tiles[0], "images/s", tiles[1])
        record(f"memory, {count} pictures", done["peak"], "MiB", measured("folder", few, device, "yes", "no")["peak"])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer pictures")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        import psutil

        name, *arguments = options.part
        result = PARTS[name](*arguments)
        memory = psutil.Process().memory_info()
        # peak_wset on Windows; elsewhere the kernel keeps it for getrusage
        result["peak"] = getattr(memory, "peak_wset", 0) / 2**20 or peak_of_this_process()
        print(json.dumps(result))
        return
    figures = measure(options.quick, options.device)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'figure':<36}{'value':>10}{'':<10}{'reference':>10}{'ratio':>8}")
    for name, figure in figures.items():
        print(f"{name:<36}{figure['value']:>10} {figure['unit']:<9}{figure['reference']:>10}{figure['ratio']:>8}")


def peak_of_this_process() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
