"""`next_masks.py` as a program: from a trained run to a folder to draw in, and back into the dataset."""

import json
import sys

import pytest

from pipeseg.data.via import read_via


@pytest.fixture
def shop(finished_shop, own_tiny):
    """A source with boxes on eight pictures and no hand mask, beside the runs of a trained shop."""
    folder = own_tiny.add_dataset("tiny", range(60, 68), classes={"deposition": "Отложения"})
    rows = [f"p{index:03}.png,deposition,4,4,50,50" for index in range(60, 68)]
    (folder / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *rows]) + "\n")
    return own_tiny, {"RUNS_DIR": str(finished_shop.settings.runs_dir)}


@pytest.mark.slow
def test_there_and_back(shop, trained):
    tiny, runs = shop
    out = tiny.root / "to draw"
    arguments = ("next_masks.py", "tiny", "--class", "deposition", "--count", "3", "--out", str(out))
    ended = tiny.tool(*arguments, "--json", env=runs)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads(ended.stdout)
    assert facts["candidates"] == 8 and facts["hand_masks"] == 0 and facts["out"] == str(out)
    assert [row["rank"] for row in facts["pictures"]] == [1, 2, 3]
    assert f"deposition: asking {trained.directory.run_id}" in ended.stderr
    file = out / "via_project.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    first = next(iter(content["_via_img_metadata"].values()))
    first["file_attributes"]["drawn"] = "yes"
    triangle = {"name": "polygon", "all_points_x": [5, 40, 9], "all_points_y": [5, 8, 44]}
    first["regions"] = [{"shape_attributes": triangle, "region_attributes": {"defect_class": "deposition"}}]
    file.write_text(json.dumps(content), encoding="utf-8")
    ended = tiny.tool("import_dataset.py", str(file), "--labels-of", "tiny")
    labels = tiny.settings.datasets_dir / "tiny" / "labels.csv"
    assert ended.stdout == f"{labels}: 1 regions on 1 pictures added\n", ended.stderr
    assert "2 pictures not marked as drawn" in ended.stderr
    [(name, regions)] = read_via(labels).items()
    assert name == facts["pictures"][0]["file"] and regions[0].points.tolist() == [[5, 5], [40, 8], [9, 44]]
    # work may lie in the folder; asked by the experiment manager this time
    ended = tiny.call([sys.executable, "-m", "experiments", "next-masks", *arguments[1:]], env=runs)
    assert ended.returncode == 2 and "--force" in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_refusals(shop):
    tiny, runs = shop
    ended = tiny.inside("next_masks.py", "nowhere", env=runs)
    assert ended.returncode == 2 and "images/ is missing" in ended.stderr
    ended = tiny.inside("next_masks.py", "tiny", "--class", "rupture", env=runs, cwd=tiny.root)
    assert ended.returncode == 2 and "rupture: no finished baseline or final of tiny" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and not (tiny.root / "tiny_next").exists()
