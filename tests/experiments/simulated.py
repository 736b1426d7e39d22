"""Facts of runs that were never run: curves as trainings draw them, healthy and sick, with their noise."""

import math
import random
from dataclasses import replace

from experiments.run_facts import Points, RunFacts

STEPS_PER_EPOCH, EPOCHS, POINTS_PER_EPOCH = 100, 60, 10
TOTAL = STEPS_PER_EPOCH * EPOCHS


def facts(**changes: object) -> RunFacts:
    """Facts of a run that works and has nothing wrong."""
    base = RunFacts(run_id="r", status="running", now=1000.0, last_sign=999.0, step=0, total=TOTAL, disk_free=1 << 40)
    return replace(base, **changes)  # type: ignore[arg-type]


def curves(seed: int, *, speed: float = 15.0, noise: float = 0.02, floor: float = 0.2) -> dict[str, Points]:
    """A healthy training: losses fall and level out, val/iou rises; `speed` is its time constant in epochs."""
    source = random.Random(seed)

    def noisy(value: float, scale: float = 1.0) -> float:
        # now and then a step is far off, as a hard batch makes it
        spike = source.gauss(0, 6 * noise) if source.random() < 0.02 else 0.0
        return value + source.gauss(0, noise * scale) + abs(spike)

    train, val, iou = [], [], []
    for epoch in range(1, EPOCHS + 1):
        for point in range(1, POINTS_PER_EPOCH + 1):
            time = epoch - 1 + point / POINTS_PER_EPOCH
            step = time * STEPS_PER_EPOCH
            train.append((step, noisy(floor + (1 - floor) * math.exp(-time / speed), 2.0)))
        learned = 1 - math.exp(-epoch / speed)
        step = epoch * STEPS_PER_EPOCH
        val.append((step, noisy(1.2 * floor + (1 - floor) * (1 - learned))))
        iou.append((step, min(1.0, max(0.0, 0.8 * learned + source.gauss(0, noise)))))
    return {"train/loss": train, "val/loss": val, "val/iou": iou}


def at_epoch(whole: dict[str, Points], epoch: int, **changes: object) -> RunFacts:
    """The facts as they were at the end of an epoch."""
    step = epoch * STEPS_PER_EPOCH
    seen = {name: [point for point in points if point[0] <= step] for name, points in whole.items()}
    return facts(curves=seen, step=step, **changes)
