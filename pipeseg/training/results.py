"""What a finished run leaves in `results/`: scores per picture, a summary, prediction pictures."""

import csv
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeseg.data.folder import Sample
from pipeseg.data.loading import DEFECT_LEVEL
from pipeseg.data.pictures import read_image, write_png
from pipeseg.metrics import Scores
from pipeseg.run_directory import write_atomically, write_json

PER_IMAGE = (
    *("file", "group", "height", "width", "has_defect"),
    *("iou", "dice", "precision", "recall", "specificity"),
    *("predicted_pixels", "truth_pixels", "intersection", "union", "alarm"),
)
TRUTH_COLOUR, PREDICTION_COLOUR = (60, 200, 80), (235, 70, 60)


def write_per_image(path: Path, samples: tuple[Sample, ...], sizes: list[tuple[int, int]], scores: Scores) -> None:
    """Write one row per test picture; a cell is empty where the metric says nothing about the picture."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PER_IMAGE)
    metrics = scores.per_image()
    for index, (sample, (height, width)) in enumerate(zip(samples, sizes, strict=True)):
        values = ["" if np.isnan(column[index]) else f"{column[index]:.6f}" for column in metrics.values()]
        pixels = (scores.predicted[index], scores.truth[index], scores.counts[index, 0], scores.union[index])
        row = [sample.name, sample.group, height, width, int(scores.has_defect[index]), *values]
        writer.writerow([*row, *(f"{value:.10g}" for value in pixels), int(scores.alarms[index])])
    write_atomically(path, text.getvalue())


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary; NaN becomes null, which every JSON reader takes."""
    write_json(path, _without_nan(summary))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def write_prediction(folder: Path, sample: Sample, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Write `picture | truth | prediction` side by side.

    Args:
        truth: uint8 (H, W), 0..255.
        predicted: bool (H, W).
    """
    image = read_image(sample.image)
    panels = [image, outline(image, truth >= DEFECT_LEVEL, TRUTH_COLOUR), outline(image, predicted, PREDICTION_COLOUR)]
    gap = np.full((image.shape[0], 4, 3), 255, np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / f"{sample.image.stem}.png", np.hstack([panels[0], gap, panels[1], gap, panels[2]]))


def outline(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return a copy of the picture with the mask tinted and its edge drawn."""
    drawn = image.copy()
    drawn[mask] = (0.65 * image[mask] + 0.35 * np.array(colour)).astype(np.uint8)
    edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, edges, -1, colour, max(1, round(min(mask.shape) / 250)))
    return drawn
