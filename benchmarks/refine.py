"""How fast box masks are refined, against the per-image path: `python benchmarks/refine.py [--json] [--quick]`.

| figure | reference |
|---|---|
| a refine run, published recipe, hybrid dataset and its proof written | one picture after another |
| everything but the network: read, resize, refine, write | likewise |
| the network alone | the same network, batches of one |
| ensemble of two teachers, flips, calibration | one picture after another, one teacher, no flips |

The per-image path is what the recipe was published with: for each picture list the folder to find it, decode it, resize
it, run the network on it alone, cut at the threshold, blend with the box, write the PNG. Both sides have the same
network, pictures and boxes. `--device`: where the networks run.
"""

import argparse
import csv
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part

HEIGHT, WIDTH = 128, 160
IMAGE_SIZE = (64, 96)
# tiny: a network that takes its time would hide everything else, on either side
ENCODER = {"encoder_name": "tu-mobilenetv3_small_050", "encoder_weights": None}
MODEL = {"name": "UNet", "args": {**ENCODER, "decoder_channels": [16, 16, 8, 8, 8]}}
CLASS = "spot"
BATCH = 64


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def prepare(root: str, count: str) -> dict[str, float]:
    """Write a source of `count` pictures with a box each, three hand sets, and two teachers with random weights."""
    import cv2
    import numpy as np
    import torch

    from pipeseg.registry import MODELS, build
    from pipeseg.training.checkpoint import Checkpoint, save_checkpoint

    place, random = Path(root), np.random.default_rng(0)
    sets = {"many": range(int(count))}
    for number, name in enumerate(("hand", "val", "test")):
        sets[name] = range(100_000 + 100 * number, 100_000 + 100 * number + 8)
    for name, indices in sets.items():
        for part in ("images", "masks"):
            (place / name / part).mkdir(parents=True)
        rows = [("filename", "defect_class", "x_min", "y_min", "x_max", "y_max")]
        for index in indices:
            coarse = random.integers(0, 256, (8, 10, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            left, top = int(random.integers(4, WIDTH // 2)), int(random.integers(4, HEIGHT // 2))
            mask[top : top + HEIGHT // 3, left : left + WIDTH // 3] = 255
            cv2.imwrite(str(place / name / "images" / f"{index:06}.jpg"), picture)
            cv2.imwrite(str(place / name / "masks" / f"{index:06}.png"), mask)
            rows.append((f"{index:06}.jpg", CLASS, left, top, left + WIDTH // 3, top + HEIGHT // 3))
        if name == "many":
            with (place / name / "boxes.csv").open("w", newline="") as file:
                csv.writer(file).writerows(rows)
    for seed in (0, 1):
        torch.manual_seed(seed)
        header = Checkpoint(MODEL, IMAGE_SIZE, 0.5, 0, 0, None, "iou", CLASS, f"teacher{seed}")
        (place / f"teacher{seed}" / "checkpoints").mkdir(parents=True)
        file = place / f"teacher{seed}" / "checkpoints" / "best.safetensors"
        save_checkpoint(file, build(MODELS, MODEL["name"], **MODEL["args"]), header)
    return {"pictures": int(count)}


class Workshop:
    """The folder that `prepare` wrote, and the two ways to refine it."""

    def __init__(self, place: Path, device: str):
        self.place, self.device, self.runs = place, device, 0
        self.teachers = [place / f"teacher{seed}" / "checkpoints" / "best.safetensors" for seed in (0, 1)]
        self.count = len(os.listdir(place / "many" / "images"))

    def run(self, refiner: object) -> None:
        """Do a whole refine run, as `experiment.py` does."""
        from dataclasses import replace

        from pipeseg.config import check_config, dump_config
        from pipeseg.refine import refine
        from pipeseg.run import Run
        from pipeseg.run_directory import RunDirectory
        from pipeseg.settings import Settings

        # a new name each time: clearing an old dataset away is no part of refining
        self.runs += 1
        names = {"source": "many", "baseline": "hand", "validation": "val", "evaluation": "test"}
        names["hybrid"] = f"hybrid{self.runs}"
        values = {f"{key}_dataset": name for key, name in names.items()}
        values |= {"stage": "refine", "defect_class": CLASS, "batch_size": BATCH, "device": self.device}
        config, _ = check_config({**values, "refiner": refiner})
        settings = replace(Settings.load(), datasets_dir=self.place, runs_dir=self.place / "runs")
        directory = RunDirectory.create(settings.runs_dir, "refine", dump_config(config), {})
        refine(Run(config, settings, directory), self.teachers)

    def one_by_one(self, network: bool = True) -> None:
        """Refine each picture to its end before the next one begins; its name is looked up in the folder each time."""
        import cv2
        import numpy as np
        import torch

        model, forward = _network(self.teachers[0], self.device)
        out, images = self.place / "one_by_one", self.place / "many" / "images"
        out.mkdir(exist_ok=True)
        nothing = torch.zeros(1, 1, *IMAGE_SIZE)
        for file in sorted(os.listdir(self.place / "many" / "masks")):
            (name,) = (each for each in os.listdir(images) if os.path.splitext(each)[0] == file[:-4])
            picture = cv2.cvtColor(cv2.imread(str(images / name)), cv2.COLOR_BGR2RGB)
            box = cv2.imread(str(self.place / "many" / "masks" / file), cv2.IMREAD_GRAYSCALE)
            small = cv2.resize(picture, IMAGE_SIZE[::-1], interpolation=cv2.INTER_AREA)
            logits = forward(model, small[None]) if network else nothing
            native = torch.nn.functional.interpolate(logits, size=box.shape, mode="bilinear", align_corners=False)
            found = (torch.sigmoid(native)[0, 0] > 0.75).cpu().numpy()
            blend = np.where(box > 0, np.round(255 * (0.3 + 0.7 * found)), 0).astype(np.uint8)
            cv2.imwrite(str(out / file), blend)

    def all_but_network(self) -> None:
        """Do the run with a refiner that asks no network: reading, boxes, writing, checksums."""
        self.run("box")

    def network_alone(self, batch: int) -> None:
        import numpy as np

        model, forward = _network(self.teachers[0], self.device)
        pictures = np.zeros((batch, *IMAGE_SIZE, 3), np.uint8)
        for _ in range(self.count // batch):
            last = forward(model, pictures)
        last.sum().item()


def _network(path: Path, device: str):
    import torch

    from pipeseg.training.checkpoint import load_model
    from pipeseg.training.device import Hardware

    hardware = Hardware.choose(device, "float32")
    model, _ = load_model(path)
    model = model.to(hardware.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def forward(model, pictures):
        return model(hardware.to_input(torch.from_numpy(pictures).permute(0, 3, 1, 2)))

    return model, forward


def paces(root: str, device: str) -> dict[str, float]:
    """Return pictures a second of each way, one after another in one process, each once warm."""
    workshop = Workshop(Path(root), device)
    workshop.network_alone(BATCH), workshop.run("box")
    works = {
        "one by one": workshop.one_by_one,
        "original": lambda: workshop.run("original"),
        "one by one, no network": lambda: workshop.one_by_one(network=False),
        "no network": workshop.all_but_network,
        "network, batches of one": lambda: workshop.network_alone(1),
        "network, batches": lambda: workshop.network_alone(BATCH),
        "ensemble": lambda: workshop.run("ensemble"),
    }
    return {name: workshop.count / seconds(work) for name, work in works.items()}


PARTS = {work.__name__: work for work in (prepare, paces)}


def measure(quick: bool, device: str) -> Figures:
    figures, count = Figures(), 256 if quick else 2000
    with tempfile.TemporaryDirectory() as root:
        measured(__file__, "prepare", root, count)
        pace = measured(__file__, "paces", root, device)
    if not all(math.isfinite(value) for value in pace.values()):
        raise SystemExit(f"a pace is no number: {pace}")
    figures.record(f"refine run, {count} pictures", pace["original"], "images/s", pace["one by one"])
    figures.record("all but the network", pace["no network"], "images/s", pace["one by one, no network"])
    figures.record("network alone", pace["network, batches"], "images/s", pace["network, batches of one"])
    figures.record("ensemble, 2 teachers x 2 flips", pace["ensemble"], "images/s", pace["one by one"])
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
