"""Small foreign datasets, written file by file by the tests of import and export."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeseg.data.formats import Source, read_source

HEIGHT, WIDTH = 40, 60


def photo(path: Path, height: int = HEIGHT, width: int = WIDTH, **options: Any) -> Path:
    """Write a picture of noise that depends on its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


def text(path: Path, content: str | bytes | dict | list) -> Path:
    """Write a file of text, or of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        # as it stands: tests give line ends of their own
        made = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path.write_bytes(made.encode())
    return path


def boxes_of(source: Source) -> dict[str, list]:
    """Return the boxes of each picture, rounded to the hundredth of a pixel."""
    return {
        one.name: [(key, tuple(round(side, 2) for side in box)) for key, box in one.boxes] for one in source.annotations
    }


def reasons_of(source: Source) -> str:
    """Return every problem on a line of its own."""
    return "\n".join(f"{problem.file}: {problem.reason}" for problem in source.all_problems)


def read(path: Path, *arguments: Any, **options: Any) -> Source:
    """Read, and check what holds for every source: names sorted and unique, only finite boxes, regions of three."""
    source = read_source(path, *arguments, **options)
    names = [one.name for one in source.annotations]
    assert names == sorted(names)
    for one in source.annotations:
        assert one.image.is_file() and np.isfinite([side for _, box in one.boxes for side in box]).all()
        assert one.hand_labelled or not one.regions
        assert all(region.points.shape[0] >= 3 and region.points.shape[1] == 2 for region in one.regions)
    return source
