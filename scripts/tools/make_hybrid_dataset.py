"""Box masks sharpened, the `refine` experiment by options: `make_hybrid_dataset.py --class NAME`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def make_hybrid(
    defect_class: Annotated[str, typer.Option("--class", help="Class key, e.g. deposition.")],
    source: Annotated[str, typer.Option(help="Dataset with the boxes, in DATASETS_DIR.")] = "sample",
    refiner: Annotated[
        str | None,
        typer.Option(help="Refiner: box, original, grabcut, ensemble, auto (the best on val); default: the config's."),
    ] = None,
    baseline_run: Annotated[
        str | None, typer.Option(help="Teachers: latest, all (one a seed), or RUN[,RUN]; default: the config's.")
    ] = None,
    round_: Annotated[
        int,
        typer.Option(
            "--round", min=1, help="Writes <source>_<class>_H<round>; from 2 on the finals of the round before teach."
        ),
    ] = 1,
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
    }
    if round_ > 1:
        values["teacher_dataset"] = f"{prefix}_H{round_ - 1}"
    if baseline_run is not None:
        values["baseline_run"] = f"[{baseline_run}]" if "," in baseline_run else baseline_run
    if refiner is not None:
        # the arguments of the config's refiner are not this one's
        values["refiner"] = f"{{name: {refiner}, args: {{}}}}"
    chosen = [f"{key}={value}" for key, value in values.items()] + (overrides or [])
    raise typer.Exit(run_headless(Settings.load().experiments_dir / "refine", refine_with_teacher, chosen))


if __name__ == "__main__":
    run_tool(make_hybrid)
