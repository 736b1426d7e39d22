"""Hand polygons -> masks -> train, val and test sets per class: `preprocess_dataset.py sample`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def preprocess(
    source: Annotated[str, typer.Argument(help="Dataset in DATASETS_DIR, with images/ and labels.csv.")],
    defect_class: Annotated[list[str] | None, typer.Option("--class", help="Only this class; repeatable.")] = None,
    test: Annotated[float, typer.Option(min=0.05, max=0.9, help="Share of the groups for the test set.")] = 0.5,
    validation: Annotated[float, typer.Option(min=0.05, max=0.9, help="Share of the rest for val.")] = 0.15,
    clean: Annotated[float, typer.Option(min=0, help="Pictures without the defect, per picture with it.")] = 0.25,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace sets that exist.")] = False,
) -> None:
    """Split the hand-labelled pictures of a dataset, per class, by duplicate group.

    Writes <source>_<class>_BASELINE (train), _BASELINE_VAL (val) and _EVAL (test) beside the source.
    """
    from experiments.tool import ticking
    from pipeseg.data.splits import SUFFIXES, SplitRatios, classes_of, derived_name, split_dataset
    from pipeseg.data.via import read_via
    from pipeseg.settings import Settings

    folder = Settings.load().datasets_dir / source
    for name in defect_class or classes_of(read_via(folder / "labels.csv")):
        targets = {part: derived_name(source, name, suffix) for part, suffix in SUFFIXES.items()}
        if not force and all((folder.parent / target / "dataset.json").exists() for target in targets.values()):
            print(f"{', '.join(targets.values())}: exist already; --force replaces them", file=sys.stderr)
            continue
        with ticking(f"splitting {name or source}") as tick:
            sets = split_dataset(folder, name, ratios=SplitRatios(test, validation, clean), seed=seed, tick=tick)
        for part, target in targets.items():
            print(f"{target}: {len(sets[part])} pictures")


if __name__ == "__main__":
    run_tool(preprocess)
