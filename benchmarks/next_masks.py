"""Do chosen hand masks teach more than random ones? `python benchmarks/next_masks.py --dataset DIR --class NAME`.

DIR is a dataset with a hand mask for every picture (import_dataset.py makes one of class masks). Per seed: a teacher
learns from a few hand masks; of the other pictures, of which only loosened boxes are shown, it asks for as many more as
it had, or these are drawn at random; both sets train anew, for as many steps; all are scored on the same test pictures.

| figure | reference |
|---|---|
| test IoU with the chosen masks added, mean over seeds | with random ones |
| smallest and largest difference over the seeds | |
| rank correlation of the uncertainty, and of mere disagreement, with the IoU that was truly lost | |
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures

SCRATCH, PRETRAINED = "tu-mobilenetv3_small_100", "efficientnet-lite0"
TRAINING = {
    "stage": "baseline",
    "image_size": [96, 96],
    "criterion": {"name": "BCEDiceLoss", "args": {}},
    "batch_size": 8,
    "learning_rate": 0.001,
    "schedule": "cosine",
    "warmup_steps": 10,
    "ema_decay": 0.98,
    "validation_metrics": "binary",
    "visualization_samples": 0,
    "track_experiment": False,
}


@dataclass(frozen=True)
class Size:
    """How much is done: masks that the teacher has and that are added, pictures of the pool and of the test set."""

    hand: int
    pool: int
    test: int
    steps: int
    validation: int = 20


class Simulation:
    """One seed: pictures dealt to test, val, teacher and pool, in a workshop of its own."""

    def __init__(self, dataset: Path, defect_class: str, seed: int, size: Size, root: Path, device: str, encoder: str):
        import numpy as np

        from pipeseg.data.folder import DatasetFolder
        from pipeseg.data.via import read_via
        from pipeseg.settings import Settings

        self.defect_class, self.seed, self.size, self.device = defect_class, seed, size, device
        weights = "imagenet" if encoder == PRETRAINED else None
        args = {"encoder_name": encoder, "encoder_weights": weights, "decoder_channels": [64, 32, 16, 16, 8]}
        self.model = {"name": "UNetAttention", "args": args}
        self.random = np.random.default_rng(seed)
        self.settings = replace(
            Settings.load(), datasets_dir=root / "datasets", runs_dir=root / "runs", models_dir=root / "models"
        )
        self.settings.datasets_dir.mkdir(parents=True)
        labels = read_via(dataset / "labels.csv")
        self.regions = {
            name: [region for region in found if region.defect_class == defect_class] for name, found in labels.items()
        }
        # one picture of a group: copies neither teach nor test anything
        samples = {s.group: s for s in DatasetFolder.open(dataset).samples if self.regions.get(s.name)}
        order = [samples[group] for group in self.random.permutation(sorted(samples)).tolist()]
        parts = (size.test, size.validation, size.hand, size.pool)
        if len(order) < sum(parts[:3]) + 2 * size.hand:
            raise SystemExit(f"{dataset}: {len(order)} groups with {defect_class}, too few for this benchmark")
        self.test, self.validation, self.hand, self.pool = (
            order[sum(parts[:place]) : sum(parts[: place + 1])] for place in range(4)
        )
        self._write("test", self.test)
        self._write("validation", self.validation)
        self._write_source()

    def truth(self, sample: Any) -> Any:
        from pipeseg.data.pictures import picture_size
        from pipeseg.data.regions import rasterise

        return rasterise(self.regions[sample.name], *picture_size(sample.image))

    def _write(self, name: str, samples: Sequence[Any]) -> None:
        from pipeseg.data.build import building

        with building(self.settings.datasets_dir / name) as writer:
            for sample in samples:
                writer.add(sample.image, self.truth(sample))
            writer.describe(name=name, groups={sample.name: sample.group for sample in samples})

    def _write_source(self) -> None:
        """Write what a person would have: loosened boxes on every picture, polygons for teacher and val."""
        import csv

        import numpy as np

        from pipeseg.data.boxes import COLUMNS as BOX_COLUMNS
        from pipeseg.data.boxes import box_row, fill_boxes
        from pipeseg.data.build import building
        from pipeseg.data.via import COLUMNS, region_rows
        from pipeseg.refiners.source import loosened, part_boxes

        drawn = [*self.hand, *self.validation]
        with building(self.settings.datasets_dir / "source") as writer:
            boxes: list[list[object]] = []
            for sample in [*drawn, *self.pool]:
                truth = self.truth(sample)
                found = []
                for box in part_boxes(truth):
                    corners = np.array(loosened(box, self.random)).round()
                    limits = (truth.shape[1], truth.shape[0]) * 2
                    found.append(tuple(np.clip(corners, 0, limits).tolist()))
                boxes += [box_row(sample.name, self.defect_class, box) for box in found]
                writer.add(sample.image, fill_boxes(found, *truth.shape).astype(np.uint8) * 255)
            labels = [row for sample in drawn for row in region_rows(sample.name, self.regions[sample.name])]
            for name, columns, rows in (("boxes.csv", BOX_COLUMNS, boxes), ("labels.csv", COLUMNS, labels)):
                with (writer.folder / name).open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerows([columns, *rows])
            writer.describe(name="source", groups={sample.name: sample.group for sample in [*drawn, *self.pool]})

    def train(self, name: str, samples: Sequence[Any], seed: int) -> tuple[float, Path]:
        """Train on the true masks of `samples` and return (test IoU, checkpoint)."""
        from pipeseg.config import check_config, dump_config
        from pipeseg.run import Run
        from pipeseg.run_directory import RunDirectory
        from pipeseg.training.loop import train

        self._write(name, samples)
        values = {
            **TRAINING,
            "model": self.model,
            "seed": seed,
            "defect_class": self.defect_class,
            "device": self.device,
            "train_dataset": name,
            "validation_dataset": "validation",
            "evaluation_dataset": "test",
            "epochs": 3,
            "steps_per_epoch": self.size.steps // 3,
        }
        config, _ = check_config(values)
        directory = RunDirectory.create(self.settings.runs_dir, name, dump_config(config), {"status": "starting"})
        train(Run(config, self.settings, directory))
        summary = json.loads((directory.results / "summary.json").read_text(encoding="utf-8"))
        return float(summary["test"]["iou"]), directory.best_checkpoint


def simulate(simulation: Simulation, teachers: int) -> dict[str, float]:
    """Return test IoU of teacher, random and chosen, and the rank correlations."""
    import numpy as np
    from scipy.stats import spearmanr

    from pipeseg.data.regions import rasterise
    from pipeseg.next_masks.networks import choose_networks
    from pipeseg.next_masks.ranking import rank_pictures
    from pipeseg.training.device import Hardware

    s = simulation
    trained = [s.train(f"teacher{n}", s.hand, seed=100 * s.seed + n) for n in range(teachers)]
    hardware = Hardware.choose(s.device, "auto")
    networks, classes = choose_networks([path for _, path in trained], hardware, [s.defect_class])
    ranked = rank_pictures(s.settings.datasets_dir / "source", classes, networks, len(s.pool)).chosen
    by_name = {sample.name: sample for sample in s.pool}
    lost, parts = [], []
    for each in ranked:
        candidate = each.candidate
        truth = s.truth(by_name[candidate.sample.name]) > 0
        predicted = rasterise(candidate.outlines, *truth.shape) > 0
        lost.append(1 - (truth & predicted).sum() / (truth | predicted).sum())
        parts.append((candidate.uncertainty, 1 - candidate.agreement))
    correlation = [float(spearmanr(column, lost).statistic) for column in np.array(parts).T]
    chosen = [by_name[each.candidate.sample.name] for each in ranked[: s.size.hand]]
    drawn = [s.pool[place] for place in s.random.permutation(len(s.pool))[: s.size.hand].tolist()]
    with_random, _ = s.train("random", [*s.hand, *drawn], seed=100 * s.seed + 50)
    with_chosen, _ = s.train("chosen", [*s.hand, *chosen], seed=100 * s.seed + 50)
    found = (trained[0][0], with_random, with_chosen, *correlation)
    return dict(zip(("teacher", "random", "chosen", "uncertainty", "disagreement"), found, strict=True))


def measure(
    dataset: Path, defect_class: str, seeds: int, teachers: int, size: Size, device: str, encoder: str
) -> Figures:
    figures, found = Figures(), []
    for seed in range(seeds):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as root:
            simulation = Simulation(dataset, defect_class, seed, size, Path(root), device, encoder)
            found.append(simulate(simulation, teachers))
        told = "  ".join(f"{name} {value:.4f}" for name, value in found[-1].items())
        print(f"seed {seed}: {told}  ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)

    def mean(name: str) -> float:
        return sum(each[name] for each in found) / len(found)

    differences = [each["chosen"] - each["random"] for each in found]
    figures.record(f"test IoU, {size.hand} chosen masks added", mean("chosen"), "", mean("random"))
    figures.record("smallest difference to random, one seed", 100 * min(differences), "points")
    figures.record("largest", 100 * max(differences), "points")
    figures.record(f"test IoU of the teacher, {size.hand} masks", mean("teacher"), "")
    figures.record("rank correlation with the lost IoU: uncertainty", mean("uncertainty"), "")
    figures.record("the same of the disagreement of networks and flips", mean("disagreement"), "")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--class", dest="defect_class", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--teachers", type=int, default=1, help="networks that are asked, per seed")
    parser.add_argument("--hand", type=int, default=20, help="hand masks of the teacher, and added ones")
    parser.add_argument("--steps", type=int, default=90, help="optimizer steps of every training")
    parser.add_argument(
        "--encoder",
        choices=(SCRATCH, PRETRAINED),
        default=SCRATCH,
        help=f"{SCRATCH}: from scratch; {PRETRAINED}: with its packaged ImageNet weights",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one seed, few pictures and steps: does it run?")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    logging.getLogger("albumentations").setLevel(logging.ERROR)
    size = Size(options.hand, 10_000, 150, options.steps)
    if options.quick:
        size = Size(6, 20, 8, 6, validation=4)
    seeds = 1 if options.quick else options.seeds
    figures = measure(
        options.dataset, options.defect_class, seeds, options.teachers, size, options.device, options.encoder
    )
    figures.show(options.json)


if __name__ == "__main__":
    main()
