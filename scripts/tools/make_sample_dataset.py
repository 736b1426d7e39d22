#!/usr/bin/env python
"""Generate the sample dataset: synthetic pipe frames with boxes, hand polygons and exact masks."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from experiments.tool import run_tool, ticking


def make_sample(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default: sample in DATASETS_DIR, split and ready to train.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="tiny (seconds), demo (a study of minutes), full (six classes, thousands of pictures).")
    ] = "demo",
    images_per_class: Annotated[int | None, typer.Option(help="Pictures with each class as the primary one.")] = None,
    hand_per_class: Annotated[int | None, typer.Option(help="How many of these carry hand polygons.")] = None,
    clean: Annotated[int | None, typer.Option(help="Pictures without a defect; a quarter looked at by hand.")] = None,
    size: Annotated[str | None, typer.Option(help="HEIGHTxWIDTH in pixels.")] = None,
    classes: Annotated[str | None, typer.Option(help="Comma-separated class keys.")] = None,
    mix: Annotated[str | None, typer.Option(help="even, or realistic: much sediment, few broken pipes.")] = None,
    errors: Annotated[float | None, typer.Option(help="Wrong boxes: 1 for the usual rates, 0 for none.")] = None,
    duplicates: Annotated[float | None, typer.Option(help="Copied pictures: 1 for the usual rate, 0 for none.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same bytes.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means all cores.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a sample dataset that is there.")] = False,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when DATASETS_DIR holds anything.")] = False,
) -> None:
    """Generate synthetic pipe frames with boxes, hand polygons and exact masks."""
    from pipeseg.settings import Settings
    from pipeseg.synthetic.defects import DEFECTS
    from pipeseg.synthetic.generate import generate
    from pipeseg.synthetic.options import parse_classes, parse_size
    from pipeseg.synthetic.options import preset as find_preset

    # whoever ends this politely (a job manager, a closed terminal) gets the same clean-up as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    height, width = parse_size(size) if size is not None else (None, None)
    keys = parse_classes(classes, list(DEFECTS)) if classes is not None else None
    given = {
        "images_per_class": images_per_class,
        "hand_per_class": hand_per_class,
        "clean": clean,
        "height": height,
        "width": width,
        "classes": keys,
        "seed": seed,
        "mix": mix,
        "errors": errors,
        "duplicates": duplicates,
    }
    options = replace(find_preset(preset), **{name: value for name, value in given.items() if value is not None})
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
        _split(target, options.classes)


def _split(source: Path, classes: Sequence[str]) -> None:
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
