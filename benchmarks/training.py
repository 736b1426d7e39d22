"""How fast a training goes, against references in the same run: `python benchmarks/training.py [--json] [--quick]`.

| figure | reference |
|---|---|
| a step of our loop, batch in memory | forward, backward and optimizer step alone |
| the same with pictures from the loader | our loop with the batch in memory (`--no-data`) |
| making a batch, in the process that trains | our loop's step |
| images/s of a whole run, scores of val and test included | a plain script, see `plain` |
| launch to first step, in parts | the whole of it |
| peak memory, 4 N pictures | N pictures |

Every measurement runs in a process of its own. Two variants of one thing take turns, and the fastest round counts: a
busy machine slows both. `--experiment NAME --set KEY=VALUE` answers for your own config whether the loader or the
network is what a step waits for.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise, repeat
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures, measured, run_part

ROUNDS = 5
WARM_UP = 2
NETWORK = {"name": "UNetAttention", "args": {"encoder_name": "resnet18", "encoder_weights": None}}
LOSS = {"name": "TverskyLoss", "args": {"alpha": 0.5, "beta": 0.5, "smooth": 1}}


def config_values(prefix: str, size: list[int], **changes: Any) -> dict[str, Any]:
    names = {"train": "BASELINE", "validation": "BASELINE_VAL", "evaluation": "EVAL"}
    sets = {f"{part}_dataset": f"{prefix}_{name}" for part, name in names.items()}
    fixed = {"image_size": size, "model": NETWORK, "criterion": LOSS, "visualization_samples": 0, "seed": 0}
    return {"stage": "baseline", "defect_class": "deposition", **sets, **fixed, **changes}


def make_data(folder: Path, counts: dict[str, int], height: int = 288, width: int = 360) -> None:
    """Write the three sets of a class: pictures as JPEG, as cameras deliver them, with an ellipse as the defect."""
    import cv2
    import numpy as np

    random = np.random.default_rng(0)
    for name, count in counts.items():
        for part in ("images", "masks"):
            (folder / name / part).mkdir(parents=True)
        for index in range(count):
            noise = cv2.resize(random.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8), (width, height))
            mask = np.zeros((height, width), np.uint8)
            middle = (int(random.integers(60, width - 60)), int(random.integers(60, height - 60)))
            cv2.ellipse(mask, middle, (50, 30), float(random.integers(180)), 0, 360, 255, -1)
            noise[mask > 0] = noise[mask > 0] // 2 + 110
            cv2.imwrite(str(folder / name / "images" / f"{name}{index}.jpg"), noise)
            cv2.imwrite(str(folder / name / "masks" / f"{name}{index}.png"), mask)


def make_trainer(values: str) -> Any:
    """Build what `train` builds; the folders are those of the environment."""
    from pipeseg.config import check_config, dump_config
    from pipeseg.run import Run
    from pipeseg.run_directory import RunDirectory
    from pipeseg.settings import Settings
    from pipeseg.training.device import Hardware, seed_everything
    from pipeseg.training.loop import Trainer, build_loss, build_model
    from pipeseg.training.sets import load_sets, record_datasets

    class Fed(Trainer):
        """A trainer whose batches can be given to it."""

        given: Iterable[Any] | None = None

        def batches(self) -> Iterable[Any]:
            return super().batches() if self.given is None else self.given

    settings = Settings.load()
    config, _ = check_config(json.loads(values))
    directory = RunDirectory.create(settings.runs_dir, "benchmark", dump_config(config), {"status": "starting"})
    run = Run(config, settings, directory)
    seed_everything(config.seed, deterministic=config.deterministic)
    hardware = Hardware.choose(config.device, config.precision)
    sets = load_sets(run, config)
    record_datasets(run, sets)
    model = build_model(config.model, run, len(config.classes)).to(hardware.device)
    return Fed(run, config, hardware, model, build_loss(config.criterion), sets)


def finish(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed_batches(batches: Iterable[Any], device: Any, times: list[float]) -> Iterator[Any]:
    """Pass batches on and note when the step after the warm-up began."""
    for index, batch in enumerate(batches):
        if index == WARM_UP:
            finish(device)
            times.append(time.perf_counter())
        yield batch


def loop_seconds(trainer: Any, batches: Iterable[Any], steps: int) -> float:
    """Seconds a step of our loop over `batches`, without validation."""
    times: list[float] = []
    device = trainer.hardware.device
    trainer.step, trainer.steps_per_epoch = 0, 10**6
    trainer.given = timed_batches(islice(batches, WARM_UP + steps), device, times)
    trainer.learn()
    finish(device)
    trainer.given = None
    return (time.perf_counter() - times[0]) / steps


def bare_seconds(trainer: Any, batch: Any, steps: int) -> float:
    """Seconds a step of nothing but forward, backward and optimizer, on tensors that are on the device already."""
    learner, hardware = trainer.learner, trainer.hardware
    images, target = hardware.to_input(batch.images), batch.target.to(hardware.device)
    started = 0.0
    for index in range(WARM_UP + steps):
        if index == WARM_UP:
            finish(hardware.device)
            started = time.perf_counter()
        learner.optimizer.zero_grad(set_to_none=True)
        with hardware.autocast():
            logits = learner.model(images)
        trainer.criterion(logits.float(), target).backward()
        learner.optimizer.step()
    finish(hardware.device)
    return (time.perf_counter() - started) / steps


def steps(values: str, count: str) -> dict[str, Any]:
    """Time the bare step, our loop without data and our loop with data, in turns."""
    trainer, number = make_trainer(values), int(count)
    batch = next(iter(trainer.batches()))
    found: dict[str, list[float]] = {"bare": [], "no_data": [], "data": []}
    for _ in range(ROUNDS):
        found["bare"].append(bare_seconds(trainer, batch, number))
        found["no_data"].append(loop_seconds(trainer, repeat(batch), number))
        trainer.step, trainer.steps_per_epoch = 0, WARM_UP + number
        found["data"].append(loop_seconds(trainer, trainer.batches(), number))
    fastest = {name: min(each) for name, each in found.items()}
    trainer.step = 0
    loader, waits = iter(trainer.batches()), []
    for _ in range(number):
        asked = time.perf_counter()
        next(loader)
        waits.append(time.perf_counter() - asked)
    facts = {"pictures": len(batch.images), "where": trainer.hardware.describe()}
    return {**fastest, "made": statistics.median(waits), **facts}


def ours(values: str) -> dict[str, Any]:
    """Train and report as a run does, the uploader beside it, from the first step to the test scores."""
    from pipeseg.training.report import report

    trainer = make_trainer(values)
    started = time.perf_counter()
    trainer.learn()
    report(trainer)
    return {"seconds": time.perf_counter() - started, "images": trainer.total * trainer.config.pictures_per_step}


def plain(values: str) -> dict[str, Any]:
    """Train as the scripts did that this project replaces; same network, size, loss and number of epochs."""
    import cv2
    import mlflow
    import torch

    trainer = make_trainer(values)
    model, device, (height, width) = trainer.model, trainer.hardware.device, trainer.config.image_size
    model = model.to(memory_format=torch.contiguous_format)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    class Folder(torch.utils.data.Dataset):
        def __init__(self, pictures: Any) -> None:
            self.samples = pictures.samples

        def __len__(self) -> int:
            return len(self.samples)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            image = cv2.cvtColor(cv2.imread(str(self.samples[index].image)), cv2.COLOR_BGR2RGB)
            mask = cv2.imread(str(self.samples[index].mask), cv2.IMREAD_GRAYSCALE)
            image, mask = cv2.resize(image, (width, height)), cv2.resize(mask, (width, height))
            image = (torch.from_numpy(image).permute(2, 0, 1).float() / 255 - mean) / std
            return image, torch.from_numpy(mask)[None].float() / 255

    def loader(pictures: Any, shuffle: bool) -> Any:
        return torch.utils.data.DataLoader(Folder(pictures), batch_size=2, shuffle=shuffle)

    def score(batches: Any) -> dict[str, float]:
        model.eval()
        rows = []
        with torch.no_grad():
            for images, target in batches:
                logits, target = model(images.to(device)), target.to(device)
                guess = (torch.sigmoid(logits) > 0.5).float()
                both, either = (guess * target).sum(), torch.maximum(guess, target).sum()
                rows.append([(both / (either + 1e-7)).item(), trainer.criterion(logits, target).item()])
        return {"iou": sum(row[0] for row in rows) / len(rows), "loss": sum(row[1] for row in rows) / len(rows)}

    mlflow.set_experiment("plain")
    train, val, test = (loader(each[0], shuffle) for each, shuffle in (
        (trainer.sets.train, True), (trainer.sets.validation, False), (trainer.sets.test, False)))  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=0.01)
    seen, done = 0, 0
    with mlflow.start_run():
        started = time.perf_counter()
        for _ in range(trainer.config.epochs):
            model.train()
            marks = {max(1, round(len(train) * quarter / 4)) for quarter in (1, 2, 3, 4)}
            for index, (images, target) in enumerate(train, 1):
                optimizer.zero_grad()
                loss = trainer.criterion(model(images.to(device)), target.to(device))
                loss.backward()
                optimizer.step()
                loss.item()
                seen, done = seen + len(images), done + 1
                if index in marks:
                    for part, batches in (("val", val), ("eval", test)):
                        mlflow.log_metrics({f"{part}_{key}": value for key, value in score(batches).items()}, step=done)
        return {"seconds": time.perf_counter() - started, "images": seen}


def start(values: str) -> dict[str, Any]:
    """Launch `experiment.py` and read from its journal when what was ready."""
    sets = [part for key, value in json.loads(values).items() for part in ("--set", f"{key}={json.dumps(value)}")]
    place = Path(os.environ["RUNS_DIR"])
    script = ROOT / "scripts" / "experiment" / "baseline" / "experiment.py"
    before = set(place.glob("*/events.jsonl"))
    started = time.time()
    subprocess.run([sys.executable, str(script), *sets], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    [journal] = set(place.glob("*/events.jsonl")) - before
    marks: dict[str, float] = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        text = event.get("text", "")
        if event.get("phase", "").startswith("reading"):
            marks.setdefault("imports", event["time"])
        elif text.startswith("building"):
            marks.setdefault("data", event["time"])
        elif "parameters" in text:
            marks.setdefault("model", event["time"])
        elif event.get("phase") == "train":
            marks.setdefault("step", event["time"])
    times = [started, *(marks[name] for name in ("imports", "data", "model", "step"))]
    return {name: later - earlier for name, (earlier, later) in zip(marks, pairwise(times), strict=True)}


def memory(values: str) -> dict[str, Any]:
    """Train a little and return the peak of this process; `main` adds it."""
    make_trainer(values).learn()
    return {}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {work.__name__: work for work in (steps, ours, plain, start, memory)}


def in_folders(part: str, datasets: Path, scratch: Path, *arguments: str) -> dict[str, Any]:
    """Run one part in a process of its own; its result and its peak memory in MiB."""
    folders = {"DATASETS_DIR": datasets, "RUNS_DIR": scratch / "runs", "MODELS_DIR": scratch / "models"}
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{(scratch / 'mlflow.db').as_posix()}", "HF_HUB_OFFLINE": "1"}
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items()}, **store}
    return measured(__file__, part, *arguments, env=environment)


def measure(quick: bool) -> Figures:
    figures = Figures()
    size = [64, 96] if quick else [128, 160]
    train, val, test = (17, 3, 20) if quick else (85, 15, 100)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        make_data(scratch / "data", {"small_BASELINE": train, "small_BASELINE_VAL": val, "small_EVAL": test})
        make_data(scratch / "data", {"large_BASELINE": 4 * train, "large_BASELINE_VAL": val, "large_EVAL": test})

        def take(part: str, *more: str, sets: str = "small", **changes: Any) -> dict[str, Any]:
            values = config_values(sets, size, **{"batch_size": 8, "epochs": 1, **changes})
            return in_folders(part, scratch / "data", scratch, json.dumps(values), *more)

        found = take("steps", "4" if quick else "10")
        figures.record("step of our loop, batch in memory", 1000 * found["no_data"], "ms", 1000 * found["bare"])
        pace, without = (found["pictures"] / found[name] for name in ("data", "no_data"))
        figures.record("with the loader", pace, "images/s", without)
        figures.record("making a batch, against a step", 1000 * found["made"], "ms", 1000 * found["no_data"])
        # a run scores its test set at the end only: the more epochs, the less that weighs
        epochs = 1 if quick else 10
        run, reference = take("ours", epochs=epochs), take("plain", epochs=epochs, precision="float32")
        pace, plain_pace = (each["images"] / each["seconds"] for each in (run, reference))
        figures.record(f"whole run of {epochs} epochs, {found['where']}", pace, "images/s", plain_pace)
        begun = take("start", steps_per_epoch=1, track_experiment=False)
        parts = ("imports", "data", "model", "step")
        for name in parts:
            figures.record(f"launch to first step: {name}", begun[name], "s", sum(begun[each] for each in parts))
        few, many = (take("memory", sets=sets, steps_per_epoch=2) for sets in ("small", "large"))
        figures.record(f"peak memory, {4 * train} pictures", many["peak"], "MiB", few["peak"])
    return figures


def own(experiment: str, overrides: list[str]) -> None:
    """Say for a person's own config whether the loader or the network is what a step waits for."""
    from experiments.folders import find_experiment
    from pipeseg.config import load_config
    from pipeseg.settings import Settings

    settings = Settings.load()
    config, _ = load_config(find_experiment(settings, experiment).config_file, overrides)
    with tempfile.TemporaryDirectory() as folder:
        values = json.dumps(config.model_dump(mode="json"))
        found = in_folders("steps", settings.datasets_dir, Path(folder), values, "10")
    pace, without = (found["pictures"] / found[name] for name in ("data", "no_data"))
    print(f"{pace:.1f} images/s with data, {without:.1f} without ({found['where']})")
    print(f"a step waits for the loader {max(0.0, 1 - pace / without):.0%} of its time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer pictures")
    parser.add_argument("--experiment", help="measure this experiment's config instead")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(PARTS, options.part)
        return
    if options.experiment:
        own(options.experiment, options.overrides)
        return
    measure(options.quick).show(options.json)


if __name__ == "__main__":
    main()
