"""A dataset for annotators and other programs: `export_dataset.py pipe --format coco --out pipe.json`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool

ENDINGS = {"coco": "_coco.json", "via": "_via.json", "via-csv": "_via.csv", "yolo": "_yolo"}


def export(
    dataset: Annotated[str, typer.Argument(help="Name in DATASETS_DIR, or a folder.")],
    format_: Annotated[str, typer.Option("--format", help="coco, via (project), via-csv or yolo.")] = "coco",
    out: Annotated[
        Path | None, typer.Option(help="File, or folder for yolo; default: <dataset>_<format> right here.")
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="The masks of masks/ instead of polygons and boxes.")] = False,
    simplify: Annotated[float, typer.Option(min=0, help="Pixels that a traced outline may stray.")] = 0,
    polygons: Annotated[bool, typer.Option("--polygons", help="COCO: polygons instead of run lengths.")] = False,
) -> None:
    """Export hand polygons (where a picture is hand-labelled) and boxes (elsewhere), or masks.

    Run lengths are exactly the pixels that are trained on; polygons can be edited in more annotators.
    """
    from experiments.tool import ticking
    from pipeseg.data.export import export_dataset
    from pipeseg.settings import Settings

    folder = Settings.load().datasets_dir / dataset
    if not folder.is_dir() and Path(dataset).expanduser().is_dir():
        folder = Path(dataset).expanduser()
    target = out.expanduser() if out else Path(f"{folder.resolve().name}{ENDINGS.get(format_, '')}")
    with ticking("exporting") as tick:
        done = export_dataset(
            folder, target.absolute(), format_, masks=masks, simplify=simplify, polygons=polygons, tick=tick
        )
    print(f"{done.path}: {done.pictures} pictures, {done.boxes} boxes, {done.regions} regions")


if __name__ == "__main__":
    run_tool(export)
