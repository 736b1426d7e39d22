"""One scene drawn, compressed and annotated: the picture files of all its frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.synthetic import annotate
from pipeseg.synthetic.camera import develop
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.noise import Textures, textures
from pipeseg.synthetic.plan import Job, Options
from pipeseg.synthetic.render import instance_map, render
from pipeseg.synthetic.scene import Scene, sample_scene

JPEG_QUALITY = 90
ATTEMPTS = 60
SPECK = 1e-3  # of the picture; what shows less of itself is not annotated


@dataclass(frozen=True, slots=True)
class Picture:
    """One finished picture: encoded files by path relative to the dataset, and its rows in the tables."""

    filename: str
    group: str
    hand_labelled: bool
    present: tuple[str, ...]
    files: dict[str, bytes]
    drawn: tuple[annotate.Drawn, ...]
    via: tuple[tuple[str, ...], ...]


def draw_scene(job: Job, options: Options) -> list[Picture]:
    """All frames of one scene; depends on nothing but the arguments."""
    tex = textures(options.seed)
    scenes = _visible_scenes(job, options, tex)
    pictures = []
    for frame, (scene, stem) in enumerate(zip(scenes, job.stems, strict=True)):
        rng = np.random.default_rng([options.seed, 2, job.scene, frame])
        linear, numbers = render(scene, options.height, options.width, tex)
        image = develop(linear, scene.light, rng)
        pictures.append(_finish(job, options, stem, image, _instances(scene, numbers), frame < job.hand_frames, rng))
    return pictures


def _visible_scenes(job: Job, options: Options, tex: Textures) -> list[Scene]:
    # Chance sometimes hides a defect (out of view, under water): draw again until every frame shows it clearly.
    small = max(options.height // 4, 32), max(options.width // 4, 40)
    best: tuple[float, list[Scene]] | None = None
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([options.seed, 1, job.scene, attempt])
        scenes = [sample_scene(rng, job.primary, options.classes)]
        for _ in range(job.frames - 1):
            scenes.append(scenes[-1].advanced(rng))
        doubt = max(_doubt(scene, job.primary, instance_map(scene, *small, tex)) for scene in scenes)
        if best is None or doubt < best[0]:
            best = doubt, scenes
        if doubt == 0:
            break
    return best[1]


def _doubt(scene: Scene, primary: str | None, numbers: np.ndarray) -> float:
    """0 if the primary defect is clearly visible, else how far it is from that."""
    if primary is None:
        return 0.0
    limits = DEFECTS[primary].limits
    shares, fills = [], []
    for number, key in enumerate(scene.instance_classes, start=1):
        mask = numbers == number
        if key == primary and mask.any():
            box = annotate.tight_box(mask)
            shares.append(float(mask.mean()))
            fills.append(mask.sum() / ((box.x_max - box.x_min) * (box.y_max - box.y_min)))
    if not shares:
        return 10.0
    (low, high), (thin, full) = limits.area, limits.fill
    share, fill = max(shares), fills[int(np.argmax(shares))]
    return max(low - share, share - high, 0.0) + max(thin - fill, fill - full, 0.0)


def _instances(scene: Scene, numbers: np.ndarray) -> list[tuple[str, np.ndarray]]:
    found = []
    for number, key in enumerate(scene.instance_classes, start=1):
        mask = numbers == number
        if mask.mean() > SPECK:
            found.append((key, mask))
    return found


def _finish(
    job: Job,
    options: Options,
    stem: str,
    image: np.ndarray,
    instances: list[tuple[str, np.ndarray]],
    hand: bool,
    rng: np.random.Generator,
) -> Picture:
    height, width = image.shape[:2]
    filename = f"{stem}.jpg"
    drawn = annotate.draw_boxes(instances, options.classes, height, width, rng)
    files = {
        f"images/{filename}": _encoded(image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]),
        f"masks/{stem}.png": _encoded(annotate.box_mask(drawn, height, width), ".png"),
        f"labels/{stem}.txt": annotate.yolo_lines(drawn, options.classes, height, width).encode(),
    }
    present = []
    for key in options.classes:
        truth = np.zeros((height, width), np.uint8)
        for other, mask in instances:
            if other == key:
                truth[mask] = 255
        if truth.any():
            present.append(key)
        files[f"truth/{key}/{stem}.png"] = _encoded(truth, ".png")
    via: list[list[str]] = []
    if hand:
        regions = [(key, polygon) for key, mask in instances for polygon in annotate.hand_polygons(mask, rng)]
        via = annotate.via_rows(filename, len(files[f"images/{filename}"]), regions)
    group = f"scene_{job.scene + 1:04d}"
    return Picture(filename, group, hand, tuple(present), files, tuple(drawn), tuple(tuple(row) for row in via))


def _encoded(picture: np.ndarray, suffix: str, parameters: list[int] | None = None) -> bytes:
    return cv2.imencode(suffix, picture, parameters or [])[1].tobytes()
