"""Somebody's dataset into ours: `import_dataset.py ~/pipe.zip --name pipe`. YOLO, VOC, COCO, VIA, LabelMe, masks."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool

SHOWN_PROBLEMS = 10


def import_(
    source: Annotated[Path, typer.Argument(help="A folder, an annotation file beside its pictures, or a .zip.")],
    name: Annotated[str | None, typer.Option(help="Name in DATASETS_DIR; default: the source's.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="own, yolo, voc, coco, via, labelme, masks, images; or found out.")
    ] = None,
    classes: Annotated[str, typer.Option(help="Names for numbered classes, or of the only one: a,b,c.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=TEXT", help="What people read for a class; repeatable.")
    ] = None,
    masks_are: Annotated[
        str | None, typer.Option(help="hand: drawn by a person; box: filled boxes. Default: hand, but not rectangles.")
    ] = None,
    min_box: Annotated[float, typer.Option(min=0, help="Smallest side, in pixels, of a box made from a mask.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a dataset of this name.")] = False,
    labels_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET", help="Instead, add the hand masks of a VIA file to this dataset; it keeps what it has."
        ),
    ] = None,
) -> None:
    """Import a dataset into DATASETS_DIR: pictures, box masks, boxes.csv, labels.csv and dataset.json.

    Whatever is odd (a label without its picture, a polygon outside of it, a file that cannot be read) is named on
    stderr and, without exception, in dataset.json.
    """
    from experiments.tool import ticking
    from pipeseg.data.importing import import_dataset, safe_keys
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    source = source.expanduser().absolute()
    if labels_of is not None:
        _merge(source, Settings.load().datasets_dir / labels_of)
        return
    labels = dict(_pair(text) for text in label or [])
    stem = name or (source.stem if source.is_file() else source.name)
    ((_, folder),) = safe_keys([stem]).items()
    if name and folder != name:
        raise BadInput(f"--name {name!r} cannot be a folder's name; {folder!r} can")
    target = Settings.load().datasets_dir / folder
    with ticking("importing") as tick:
        done = import_dataset(
            source,
            target,
            format=format_,
            classes=[part.strip() for part in classes.split(",") if part.strip()],
            labels=labels,
            masks_are=masks_are,
            min_box=min_box,
            force=force,
            tick=tick,
        )
    for problem in done.problems[:SHOWN_PROBLEMS]:
        print(f"{problem.file}: {problem.reason}", file=sys.stderr)
    if len(done.problems) > SHOWN_PROBLEMS:
        left = len(done.problems) - SHOWN_PROBLEMS
        print(f"... and {left} more problems, all in {target / 'dataset.json'}", file=sys.stderr)
    print(f"{target}: {done.pictures} pictures read as {done.format}, {done.boxes} boxes,", end=" ")
    print(f"{done.regions} regions on {done.hand_labelled} hand-labelled pictures")
    for key, count in done.class_counts.items():
        print(f"{key}: {count} pictures")


def _merge(drawn: Path, dataset: Path) -> None:
    from pipeseg.data.merging import merge_labels
    from pipeseg.data.via import DRAWN

    done = merge_labels(drawn, dataset)
    for names, what in (
        (done.waiting, f"not marked as drawn (file attribute {DRAWN!r}), left out"),
        (done.kept, "hand-labelled before, kept as they are"),
    ):
        if names:
            shown = ", ".join(names[:SHOWN_PROBLEMS]) + (", ..." if len(names) > SHOWN_PROBLEMS else "")
            print(f"{len(names)} pictures {what}: {shown}", file=sys.stderr)
    print(f"{dataset / 'labels.csv'}: {done.regions} regions on {len(done.added)} pictures added")


def _pair(text: str) -> tuple[str, str]:
    from pipeseg.errors import BadInput

    key, equals, label = text.partition("=")
    if not (key and equals and label):
        raise BadInput(f"--label {text!r} is not of the form KEY=TEXT")
    return key, label


if __name__ == "__main__":
    run_tool(import_)
