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
    clean: Annotated[float, typer.Option(min=0, help="Groups without the defect, per group with it.")] = 0.25,
    folds: Annotated[int, typer.Option(min=0, max=99, help="Also deal what is not test to so many folds.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    duplicate_search: Annotated[
        bool | None,
        typer.Option(
            "--duplicate-search/--no-duplicate-search",
            help="Look for copies among the pictures; by default where dataset.json knows no groups.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace sets that exist.")] = False,
) -> None:
    """Split the hand-labelled pictures of a dataset, per class, by duplicate group.

    Writes <source>_<class>_BASELINE (train), _BASELINE_VAL (val) and _EVAL (test) beside the source; with --folds K
    also _BASELINE_F<k> and _BASELINE_F<k>_VAL for k = 1..K, which share the test set.
    """
    from experiments.tool import ticking
    from pipeseg.data.hand import HandLabels, classes_of
    from pipeseg.data.splits import SUFFIXES, SplitRatios, derived_name, fold_suffixes, split_labels
    from pipeseg.data.verify import overlaps_of
    from pipeseg.data.via import read_via
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    if folds == 1:
        raise BadInput("--folds 1: one fold leaves nothing to train on; ask for at least 2, or 0 for none")
    folder = Settings.load().datasets_dir / source
    labels = None
    for name in defect_class or classes_of(read_via(folder / "labels.csv")):
        suffixes = [*SUFFIXES.values(), *(suffix for fold in fold_suffixes(folds) for suffix in fold.values())]
        targets = [folder.with_name(derived_name(folder.name, name, suffix)) for suffix in suffixes]
        if not force and all((target / "dataset.json").exists() for target in targets):
            say(f"{', '.join(target.name for target in targets)}: exist already; --force replaces them")
            continue
        if labels is None:
            with ticking(f"reading {source}") as tick:
                labels = HandLabels.open(folder, search=duplicate_search, say=say, tick=tick)
        with ticking(f"splitting {name or source}") as tick:
            sets = split_labels(
                labels,
                name,
                ratios=SplitRatios(test, validation, clean),
                seed=seed,
                folds=folds,
                replace=force,
                say=say,
                tick=tick,
            )
        for written in sets:
            print(f"{written.target.name}: {len(written.files)} pictures")
        for sentence in overlaps_of(targets[0]):
            say(sentence)


if __name__ == "__main__":
    run_tool(preprocess)
