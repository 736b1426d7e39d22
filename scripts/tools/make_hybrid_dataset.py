"""Box masks sharpened by a baseline, the `refine` experiment by options: `make_hybrid_dataset.py --class NAME`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def make_hybrid(
    defect_class: Annotated[str, typer.Option("--class", help="Class key, e.g. deposition.")],
    source: Annotated[str, typer.Option(help="Dataset with the boxes, in DATASETS_DIR.")] = "sample",
    refiner: Annotated[str, typer.Option(help="Refiner: original, box.")] = "original",
    baseline_run: Annotated[str, typer.Option(help="Run that predicts, or latest.")] = "latest",
    round_: Annotated[int, typer.Option("--round", min=1, help="Number in the name <source>_<class>_H<round>.")] = 1,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other key of refine's config.")
    ] = None,
) -> None:
    """Write the hybrid dataset <source>_<class>_H<round> and its _VAL."""
    from experiments.entry import run_headless
    from experiments.teacher import refine_with_teacher
    from pipeseg.data.splits import derived_name
    from pipeseg.settings import Settings

    prefix = derived_name(source, defect_class, "")
    values = {
        "defect_class": defect_class,
        "source_dataset": source,
        "baseline_dataset": f"{prefix}_BASELINE",
        "validation_dataset": f"{prefix}_BASELINE_VAL",
        "evaluation_dataset": f"{prefix}_EVAL",
        "hybrid_dataset": f"{prefix}_H{round_}",
        "baseline_run": baseline_run,
        "refiner.name": refiner,
        **({} if refiner == "original" else {"refiner.args": "{}"}),
    }
    chosen = [f"{key}={value}" for key, value in values.items()] + (overrides or [])
    raise typer.Exit(run_headless(Settings.load().experiments_dir / "refine", refine_with_teacher, chosen))


if __name__ == "__main__":
    run_tool(make_hybrid)
