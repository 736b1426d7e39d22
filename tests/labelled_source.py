"""A small source dataset with hand labels of two classes, for the tools that split it and prove the split."""

import json
from pathlib import Path
from typing import Any


def add_labelled_source(tiny: Any, name: str = "my pipes") -> Path:
    """Write twelve pictures: every odd one labelled with a deposition, every even one with an obstacle."""
    folder = tiny.add_dataset(name, range(12))
    rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for index in range(12):
        shape = {"name": "rect", "x": 4, "y": 4, "width": 9, "height": 9}
        kind = {"defect_class": "deposition" if index % 2 else "obstacle"}
        cells = [json.dumps(cell).replace('"', '""') for cell in (shape, kind)]
        rows.append(f'p{index:03}.png,1,{{}},1,0,"{cells[0]}","{cells[1]}"')
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder
