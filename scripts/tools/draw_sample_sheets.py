#!/usr/bin/env python
"""Draw the pictures about the sample dataset in docs/: its classes, and box against filled box against hand mask."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from typing import Annotated

import typer

from experiments.tool import run_tool


def draw_sheets(
    out: Annotated[Path, typer.Option(help="Folder for sample.jpg and masks.jpg.")] = Path("docs"),
    columns: Annotated[int, typer.Option(min=1, max=12, help="Pictures of each class.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same pictures.")] = 20,
) -> None:
    """Write OUT/sample.jpg (every class, exact masks outlined) and OUT/masks.jpg (three kinds of labels)."""
    from dataclasses import replace

    import cv2

    from pipeseg.synthetic.options import ALL_CLASSES, COMMON_CLASSES, Options
    from pipeseg.synthetic.sheet import contact_sheet, label_sheet

    options = Options(height=216, width=270, classes=ALL_CLASSES, seed=seed)
    classes = contact_sheet(options, columns)
    classes = cv2.resize(classes, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    labels = label_sheet(replace(options, classes=COMMON_CLASSES))
    out.mkdir(parents=True, exist_ok=True)
    for name, sheet in (("sample.jpg", classes), ("masks.jpg", labels)):
        (out / name).write_bytes(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
        print(out / name)


if __name__ == "__main__":
    run_tool(draw_sheets)
