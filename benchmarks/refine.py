"""How fast box masks are refined, against the per-image path: `python benchmarks/refine.py [--json] [--quick]`.

| figure | reference |
|---|---|
| a refine run, published recipe, hybrid dataset and its proof written | one picture after another |
| everything but the network: read, resize, refine, write | likewise |
| the network alone | the same network, batches of one |
| ensemble of two teachers, flips, calibration | one picture after another, one teacher, no flips |
| crops, the default refiner: the same box by box, without the 300 steps that its teachers learn first | likewise |

The per-image path is the one that the recipe was published with; `benchmarks/published_path.py` says what it does for
each picture. Both sides have the same network, pictures, boxes and network size, and take turns: a run refines all
pictures, then the per-image path as many as make a round, from the same folder. `--device`: where the networks run.
"""

import argparse
import csv
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
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
    """The folder that `prepare` wrote, and the two ways to refine it; each way returns how many pictures it took."""

    def __init__(self, place: Path, device: str, rounds: int):
        import torch

        from pipeseg.refiners.teachers import Teachers
        from pipeseg.training.checkpoint import load_model
        from pipeseg.training.device import Hardware

        self.place, self.rounds, self.runs = place, rounds, 0
        self.checkpoints = [place / f"teacher{seed}" / "checkpoints" / "best.safetensors" for seed in (0, 1)]
        self.names = sorted(os.listdir(place / "many" / "images"))
        hardware = Hardware.choose(device, "float32")
        self.device = str(hardware.device)
        self.teachers = Teachers(self.checkpoints[:1], CLASS, hardware)
        self.published = load_model(self.checkpoints[0])[0].to(hardware.device, memory_format=torch.contiguous_format)

    def run(self, refiner: object, teachers: int = 2) -> int:
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
        refine(Run(config, settings, directory), self.checkpoints[:teachers])
        return len(self.names)

    def one_by_one(self, start: int, network: bool = True) -> int:
        """Refine the pictures of a round on the published path, each to its end before the next one begins."""
        from benchmarks.published_path import refine_one

        out, many = self.place / "one_by_one", self.place / "many"
        for part in ("images", "masks"):
            (out / part).mkdir(parents=True, exist_ok=True)
        names = self.names[start :: self.rounds]
        for name in names:
            mask = many / "masks" / f"{Path(name).stem}.png"
            model = self.published if network else None
            refine_one(model, self.device, many / "images" / name, mask, out, IMAGE_SIZE)
        return len(names)

    def ask_in_batches(self) -> int:
        """Let the network look at as many pictures as a run does, as a run does."""
        import numpy as np

        from pipeseg.refiners import OriginalRefiner

        pictures = np.zeros((BATCH, *IMAGE_SIZE, 3), np.uint8)
        for _ in range(len(self.names) // BATCH):
            self.teachers.logits({IMAGE_SIZE: pictures}, OriginalRefiner.view)
        return len(self.names) // BATCH * BATCH

    def ask_one_by_one(self) -> int:
        """Let the network look at the pictures of a round as the published path does."""
        import torch

        count = len(self.names) // self.rounds
        with torch.no_grad():
            for _ in range(count):
                self.published(torch.zeros(1, 3, *IMAGE_SIZE, device=self.device)).cpu()
        return count


def paces(root: str, device: str, rounds: str) -> dict[str, float]:
    """Return pictures a second of each way; the ways take turns, because a machine's pace changes within minutes."""
    workshop = Workshop(Path(root), device, int(rounds))
    works: dict[str, Callable[[int], int]] = {
        "one by one": workshop.one_by_one,
        "original": lambda _: workshop.run("original", teachers=1),
        "one by one, no network": partial(workshop.one_by_one, network=False),
        "no network": lambda _: workshop.run("box"),
        "network, one by one": lambda _: workshop.ask_one_by_one(),
        "network, batches": lambda _: workshop.ask_in_batches(),
        "ensemble": lambda _: workshop.run("ensemble"),
        # no least gain: teachers of random weights may gain nothing by their lesson
        "crops": lambda _: workshop.run({"name": "crops", "args": {"steps": 1, "least_gain": 0}}),
    }
    workshop.run("original"), workshop.ask_one_by_one()  # what is imported and planned at the first call
    spent, done = dict.fromkeys(works, 0.0), dict.fromkeys(works, 0)
    for number in range(workshop.rounds):
        for name, work in works.items():
            started = time.perf_counter()
            done[name] += work(number)
            spent[name] += time.perf_counter() - started
    return {name: done[name] / spent[name] for name in works}


PARTS = {work.__name__: work for work in (prepare, paces)}


def measure(quick: bool, device: str) -> Figures:
    figures, count, rounds = Figures(), 256 if quick else 2000, 1 if quick else 3
    with tempfile.TemporaryDirectory() as root:
        measured(__file__, "prepare", root, count)
        pace = measured(__file__, "paces", root, device, rounds)
    if not all(math.isfinite(value) for value in pace.values()):
        raise SystemExit(f"a pace is no number: {pace}")
    alone = pace["one by one"]
    figures.record(f"refine run, {count} pictures", pace["original"], "images/s", alone)
    figures.record("all but the network", pace["no network"], "images/s", pace["one by one, no network"])
    figures.record("network alone", pace["network, batches"], "images/s", pace["network, one by one"])
    figures.record("ensemble, 2 teachers x 2 flips", pace["ensemble"], "images/s", alone)
    figures.record("crops, the same, without its lesson", pace["crops"], "images/s", alone)
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
