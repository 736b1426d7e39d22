#!/usr/bin/env python
"""Generate the sample dataset: synthetic pipe frames with boxes, hand polygons and exact masks."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import os
import signal
from typing import Annotated

import typer

from experiments.tool import run_tool, ticking


def make_sample(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default: sample in DATASETS_DIR, split and ready to train.")
    ] = None,
    images_per_class: Annotated[int, typer.Option(help="Pictures with each class as the primary one.")] = 120,
    hand_per_class: Annotated[int, typer.Option(help="How many of these carry hand polygons.")] = 60,
    clean: Annotated[int, typer.Option(help="Pictures without a defect; a quarter of them hand-labelled.")] = 40,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH in pixels.")] = "256x320",
    classes: Annotated[str, typer.Option(help="Comma-separated class keys.")] = "deposition,obstacle,disconnection",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means all cores.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a sample dataset that is there.")] = False,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when DATASETS_DIR holds anything.")] = False,
) -> None:
    """Generate synthetic pipe frames with boxes, hand polygons and exact masks."""
    from pipeseg.settings import Settings
    from pipeseg.synthetic.defects import DEFECTS
    from pipeseg.synthetic.generate import generate
    from pipeseg.synthetic.plan import Options, parse_classes, parse_size

    # whoever ends this politely (a job manager, a closed terminal) gets the same clean-up as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    height, width = parse_size(size)
    keys = parse_classes(classes, list(DEFECTS))
    options = Options(images_per_class, hand_per_class, clean, height, width, keys, seed)
    datasets = Settings.load().datasets_dir
    target = Path(os.path.abspath(out.expanduser())) if out else datasets / "sample"
    if if_empty and datasets.is_dir() and any(not entry.name.startswith(".") for entry in datasets.iterdir()):
        print(f"{datasets}: holds datasets already; nothing to do", file=sys.stderr)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with ticking("drawing pictures") as tick:
        built = generate(target, options, workers or os.cpu_count() or 1, force, tick)
    print(target)
    if not built:
        print(f"{target} exists already; --force replaces it", file=sys.stderr)
    elif out is None:
        _split(target, keys)


def _split(source: Path, classes: list[str]) -> None:
    """Make the sets that the experiments' configs name: the sample is there to be trained on."""
    from pipeseg.data.splits import SplitRatios, split_dataset
    from pipeseg.errors import BadInput

    for defect_class in classes:
        try:
            with ticking(f"splitting {defect_class}") as tick:
                split_dataset(source, defect_class, ratios=SplitRatios(), seed=0, tick=tick)
        except BadInput as error:  # a handful of pictures is a sample too, but nothing to train on
            print(f"not split: {error}", file=sys.stderr)


if __name__ == "__main__":
    run_tool(make_sample)
