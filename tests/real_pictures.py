"""Real pictures with class-id masks, turned into the on-disk layout: some hand-labelled, boxes for the rest.

`python -m tests.real_pictures SOURCE TARGET --classes a,b,c [--hand 60]` makes a dataset of such a folder
(`images/*.jpg`, `masks/*.png` with ids 1, 2, ... in the order of the classes, `index.csv` with name and group).
"""

import argparse
import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from pipeseg.data.boxes import COLUMNS as BOX_COLUMNS
from pipeseg.data.via import COLUMNS as VIA_COLUMNS

# beside the checkout where there is one; tests that want it skip where there is none
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "neu_seg"
# with turned copies under new names, and groups.csv that tells them
ROTATED = REAL.with_name("neu_rotated")
REAL_CLASSES = ["inclusion", "patches", "scratches"]
SMALLEST_BOX = 16


def convert(
    source: Path, target: Path, classes: list[str], *, hand: int, seed: int = 0, limit: int | None = None
) -> None:
    """Write `target` as a source dataset: boxes loosened by U(0, 15 %) a side, polygons for `hand` pictures per class.

    Args:
        limit: only so many pictures.
    """
    random = np.random.default_rng(seed)
    with (source / "index.csv").open(newline="") as file:
        groups = {row["name"]: row["group"] for row in list(csv.DictReader(file))[:limit]}
    ids = {name: cv2.imread(str(source / "masks" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) for name in groups}
    labelled: set[str] = set()
    for number, _ in enumerate(classes, 1):
        having = sorted(name for name in groups if (ids[name] == number).any())
        labelled |= set(random.permutation(having)[:hand].tolist())
    for part in ("images", "masks"):
        (target / part).mkdir(parents=True)
    with (target / "boxes.csv").open("w", newline="") as boxes, (target / "labels.csv").open("w", newline="") as labels:
        box_rows, label_rows = csv.writer(boxes), csv.writer(labels)
        box_rows.writerow(BOX_COLUMNS)
        label_rows.writerow(VIA_COLUMNS)
        for name, mask in ids.items():
            filled, polygons = np.zeros_like(mask), []
            for number, defect_class in enumerate(classes, 1):
                of_class = (mask == number).astype(np.uint8)
                for box in _loose_boxes(of_class, random):
                    box_rows.writerow([f"{name}.jpg", defect_class, *box])
                    filled[box[1] : box[3], box[0] : box[2]] = 255
                outlines, _ = cv2.findContours(of_class, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
                polygons += [(defect_class, outline[:, 0]) for outline in outlines if len(outline) >= 3]
            shutil.copyfile(source / "images" / f"{name}.jpg", target / "images" / f"{name}.jpg")
            cv2.imwrite(str(target / "masks" / f"{name}.png"), filled)
            if name in labelled:
                label_rows.writerows(_via_rows(f"{name}.jpg", polygons))
    facts = {
        "name": target.name,
        "source": source.name,
        "groups": {f"{name}.jpg": group for name, group in groups.items()},
    }
    (target / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")


def _loose_boxes(mask: np.ndarray, random: np.random.Generator) -> list[tuple[int, int, int, int]]:
    height, width = mask.shape
    boxes = []
    for x, y, w, h, area in cv2.connectedComponentsWithStats(mask)[2][1:]:
        if area >= SMALLEST_BOX:
            left, top, right, bottom = random.uniform(0, 0.15, 4) * (w, h, w, h)
            corner = max(0, round(x - left)), max(0, round(y - top))
            boxes.append((*corner, min(width, round(x + w + right)), min(height, round(y + h + bottom))))
    return boxes


def _via_rows(name: str, polygons: list[tuple[str, np.ndarray]]) -> list[list[object]]:
    if not polygons:
        return [[name, 0, "{}", 0, 0, "{}", "{}"]]
    rows: list[list[object]] = []
    for number, (defect_class, points) in enumerate(polygons):
        shape = {"name": "polygon", "all_points_x": points[:, 0].tolist(), "all_points_y": points[:, 1].tolist()}
        attributes = {"defect_class": defect_class}
        rows.append([name, 0, "{}", len(polygons), number, json.dumps(shape), json.dumps(attributes)])
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--classes", required=True)
    parser.add_argument("--hand", type=int, default=60)
    options = parser.parse_args()
    convert(options.source, options.target, options.classes.split(","), hand=options.hand)
