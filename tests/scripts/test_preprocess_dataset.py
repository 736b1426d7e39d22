"""`preprocess_dataset.py` as a person runs it."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def source(own_tiny):
    """Twelve pictures labelled for two classes."""
    folder = own_tiny.add_dataset("my pipes", range(12))
    rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for index in range(12):
        shape = {"name": "rect", "x": 4, "y": 4, "width": 9, "height": 9}
        kind = {"defect_class": "deposition" if index % 2 else "obstacle"}
        cells = [json.dumps(cell).replace('"', '""') for cell in (shape, kind)]
        rows.append(f'p{index:03}.png,1,{{}},1,0,"{cells[0]}","{cells[1]}"')
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return own_tiny


def test_every_class_gets_three_sets_and_a_second_call_keeps_them(source):
    ended = source.tool("preprocess_dataset.py", "my pipes")
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    assert len(ended.stdout.splitlines()) == 6
    datasets = source.settings.datasets_dir
    for name in ("deposition", "obstacle"):
        for suffix in ("BASELINE", "BASELINE_VAL", "EVAL"):
            mask = next((datasets / f"my pipes_{name}_{suffix}" / "masks").iterdir())
            assert set(np.unique(np.asarray(Image.open(mask)))) <= {0, 255}
    again = source.tool("preprocess_dataset.py", "my pipes", "--class", "obstacle")
    assert again.returncode == 0 and again.stdout == "" and "--force replaces" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "labels.csv: no such file"),
        (["my pipes", "--class", "obstacl"], "did you mean 'obstacle'?"),
        (["my pipes", "--test", "2"], "--test"),
        (["my pipes", "--sed", "1"], "--sed"),
        ([], "'source'"),
    ],
)
def test_bad_input_is_one_line(source, arguments, words):
    ended = source.tool("preprocess_dataset.py", *arguments)
    assert ended.returncode == 2 and ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1 and words.casefold() in ended.stderr.casefold()
    assert [path.name for path in source.settings.datasets_dir.iterdir()] == ["my pipes"]
