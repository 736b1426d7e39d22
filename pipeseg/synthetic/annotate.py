"""Polygons as people draw them by hand, and the text of the files that hold labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from pipeseg.synthetic.mistakes import Drawn

SMALLEST_SPECK = 0.03  # of an instance; a person does not outline crumbs
SMALLEST_HOLE = 0.08  # of what the outline encloses; smaller holes are drawn over
REFERENCE_WIDTH = 320  # pixel errors below are meant at this picture width


Polygon = np.ndarray  # (N, 2) int32, pixels


def hand_polygons(mask: np.ndarray, rng: np.random.Generator) -> list[Polygon]:
    """Polygons as a person would draw them around ``mask`` (H, W) bool; holes stay open (keyhole polygons)."""
    scale = mask.shape[1] / REFERENCE_WIDTH
    thickness = 2 * float(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3).max())
    # One draws thin things with more care; a fixed error would erase them.
    care = float(np.clip(thickness / (24 * scale), 0.25, 1.0))
    # Around large, frayed things one cuts corners.
    haste = float(np.clip(thickness / (30 * scale), 1.0, 4.0))
    outline = _hand_drawn(mask, rng.uniform(-0.4, 1.6) * scale * care * haste)
    contours, hierarchy = cv2.findContours(outline, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for index, contour in enumerate(contours):
        enclosed = cv2.contourArea(contour)
        if hierarchy[0][index][3] >= 0 or enclosed < SMALLEST_SPECK * mask.sum():
            continue
        epsilon, jitter = 1.1 * scale * care * haste, 1.1 * scale * care * min(haste, 1.8)
        ring = _simplified(contour, epsilon, jitter, rng)
        child = hierarchy[0][index][2]
        while ring is not None and child >= 0:
            if cv2.contourArea(contours[child]) > SMALLEST_HOLE * enclosed:
                hole = _simplified(contours[child], epsilon, jitter, rng)
                ring = ring if hole is None else _keyhole(ring, hole)
            child = hierarchy[0][child][0]
        if ring is not None:
            limit = np.array(mask.shape[::-1]) - 1
            polygons.append(np.clip(np.rint(ring), 0, limit).astype(np.int32))
    return polygons


def _hand_drawn(mask: np.ndarray, outwards: float) -> np.ndarray:
    # A signed distance lets the outline move by fractions of a pixel; the blur rounds what a hand does not follow.
    # The picture's rim is no outline: padding with the rim's own values keeps cut objects touching it.
    inside = cv2.copyMakeBorder(mask.astype(np.uint8), 4, 4, 4, 4, cv2.BORDER_REPLICATE)
    signed = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    signed = cv2.GaussianBlur(signed, (0, 0), 0.8)
    return np.ascontiguousarray((signed > -outwards)[4:-4, 4:-4]).astype(np.uint8)


def _simplified(contour: np.ndarray, epsilon: float, jitter: float, rng: np.random.Generator) -> np.ndarray | None:
    points = cv2.approxPolyDP(contour, epsilon, True)[:, 0, :].astype(np.float64)
    if len(points) < 3:
        return None
    return points + np.clip(rng.normal(0, jitter, points.shape), -2 * jitter, 2 * jitter)


def _keyhole(ring: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """One closed line around ``ring`` that enters the hole by the shortest slit: filled evenly, the hole stays open."""
    distance = np.linalg.norm(ring[:, None] - hole[None], axis=2)
    i, j = np.unravel_index(int(distance.argmin()), distance.shape)
    around = np.concatenate([hole[j:], hole[: j + 1]])
    return np.concatenate([ring[: i + 1], around, ring[i:]])


def fill_polygons(polygons: Iterable[Polygon], height: int, width: int) -> np.ndarray:
    """The union of the polygons' insides, each filled by the even-odd rule, (H, W) bool."""
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        one = np.zeros_like(mask)
        cv2.fillPoly(one, [polygon], 1)
        mask |= one
    return mask.astype(bool)


def via_rows(filename: str, file_size: int, regions: Sequence[tuple[str, Polygon]]) -> list[list[str]]:
    """Rows of a VIA table for one picture; a picture without regions has one row that says so."""
    if not regions:
        return [[filename, str(file_size), "{}", "0", "0", "{}", "{}"]]
    rows = []
    for number, (key, polygon) in enumerate(regions):
        shape = {"name": "polygon", "all_points_x": polygon[:, 0].tolist(), "all_points_y": polygon[:, 1].tolist()}
        attributes = json.dumps({"defect_class": key}, ensure_ascii=False)
        fields = [filename, file_size, "{}", len(regions), number, json.dumps(shape), attributes]
        rows.append([str(field) for field in fields])
    return rows


def yolo_lines(drawn: Iterable[Drawn], classes: Sequence[str], height: int, width: int) -> str:
    """The drawn boxes as YOLO text: class number, centre and size relative to the picture."""
    lines = []
    for item in drawn:
        if item.kind == "missed":
            continue
        b = item.box
        centre = (b.x_min + b.x_max) / 2 / width, (b.y_min + b.y_max) / 2 / height
        size = (b.x_max - b.x_min) / width, (b.y_max - b.y_min) / height
        lines.append(" ".join([str(classes.index(item.defect_class)), *(f"{v:.6f}" for v in (*centre, *size))]))
    return "".join(line + "\n" for line in lines)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
