"""One scene drawn, compressed and annotated: the picture files of all its frames and of their copies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeseg.synthetic import annotate
from pipeseg.synthetic.camera import Caption, Look, develop, sample_caption, sample_look
from pipeseg.synthetic.copies import Taken, conflicting, near_copy, turned_copy
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.mistakes import Drawn, box_mask, draw_boxes, tight_box
from pipeseg.synthetic.noise import Textures, textures
from pipeseg.synthetic.options import Options
from pipeseg.synthetic.plan import TURNED, Copy, Job
from pipeseg.synthetic.render import instance_map, render
from pipeseg.synthetic.scene import Scene, sample_scene

JPEG_QUALITY = 90
ATTEMPTS = 60
SPECK = 1e-3  # of the picture; what shows less of itself is not annotated
COPY_STEP = (0.01, 0.03)  # radii that the camera moves between a frame and the next one
COPY_HAND_SHARE = 0.5  # of the copies of hand-labelled pictures: somebody labelled both


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What a copied picture is: ``of`` which file, how it differs, and whether its labels contradict the original's."""

    of: str
    kind: str
    transform: str
    conflict: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One finished picture: encoded files by path relative to the dataset, and its rows in the tables."""

    filename: str
    group: str
    hand_labelled: bool
    present: tuple[str, ...]
    files: dict[str, bytes]
    drawn: tuple[Drawn, ...]
    via: tuple[tuple[str, ...], ...]
    duplicate: Duplicate | None = None


@dataclass(frozen=True, slots=True)
class _Recording:
    """What all frames of one scene share."""

    job: Job
    options: Options
    tex: Textures
    look: Look
    caption: Caption


def draw_scene(job: Job, options: Options) -> list[Picture]:
    """All frames of one scene and the copies of them; depends on nothing but the arguments."""
    tex = textures(options.seed)
    chance = np.random.default_rng([options.seed, 3, job.scene])
    recording = _Recording(job, options, tex, sample_look(chance), sample_caption(chance))
    pictures = []
    for frame, (scene, stem) in enumerate(zip(visible_scenes(job, options, tex), job.stems, strict=True)):
        rng = np.random.default_rng([options.seed, 2, job.scene, frame])
        taken, linear = _take(recording, scene, rng)
        original = _finish(recording, stem, taken, frame < job.hand_frames, rng)
        pictures.append(original)
        for number, copy in enumerate(job.copies):
            if copy.frame == frame:
                rng = np.random.default_rng([options.seed, 4, job.scene, number])
                pictures.append(_copied(recording, copy, scene, linear, taken, original, rng))
    return pictures


def _take(recording: _Recording, scene: Scene, rng: np.random.Generator) -> tuple[Taken, np.ndarray]:
    """A frame with its boxes, and its undeveloped light (H, W, 3) float32."""
    options = recording.options
    linear, numbers = render(scene, options.height, options.width, recording.tex)
    instances = instances_of(scene, numbers)
    drawn = draw_boxes(instances, options.classes, *numbers.shape, rng, options.errors)
    image = develop(linear, scene.light, recording.look, recording.caption, rng)
    return Taken(image, instances, tuple(drawn)), linear


def _copied(
    recording: _Recording,
    copy: Copy,
    scene: Scene,
    linear: np.ndarray,
    taken: Taken,
    original: Picture,
    rng: np.random.Generator,
) -> Picture:
    options = recording.options
    data = original.files[f"images/{original.filename}"]
    written = replace(taken, image=cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    transform = "same"
    if copy.kind == "frame":
        ahead = replace(scene, camera=scene.camera.advanced(rng.uniform(*COPY_STEP)))
        again, _ = _take(recording, ahead, rng)
    elif copy.kind == "caption":
        again = replace(taken, image=develop(linear, scene.light, recording.look, sample_caption(rng), rng))
    elif copy.kind == "exact":
        again = written
    elif copy.kind in TURNED:
        again, transform = turned_copy(written, copy.kind, rng)
    else:
        again = near_copy(written, copy.kind, rng)
    drawn = conflicting(again.drawn, options.classes, rng)
    duplicate = Duplicate(original.filename, copy.kind, transform, drawn != again.drawn)
    hand = original.hand_labelled and bool(rng.uniform() < COPY_HAND_SHARE)
    picture = _finish(recording, copy.stem, replace(again, drawn=drawn), hand, rng, duplicate)
    if copy.kind == "exact":
        picture.files[f"images/{picture.filename}"] = data
    return picture


def visible_scenes(job: Job, options: Options, tex: Textures) -> list[Scene]:
    """The scenes of a job's frames, drawn again until every frame shows the primary defect clearly."""
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
            box = tight_box(mask)
            shares.append(float(mask.mean()))
            fills.append(mask.sum() / ((box.x_max - box.x_min) * (box.y_max - box.y_min)))
    if not shares:
        return 10.0
    (low, high), (thin, full) = limits.area, limits.fill
    share, fill = max(shares), fills[int(np.argmax(shares))]
    return max(low - share, share - high, 0.0) + max(thin - fill, fill - full, 0.0)


def instances_of(scene: Scene, numbers: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Class and exact mask (H, W) bool of every defect that shows."""
    found = []
    for number, key in enumerate(scene.instance_classes, start=1):
        mask = numbers == number
        if mask.mean() > SPECK:
            found.append((key, mask))
    return found


def _finish(
    recording: _Recording,
    stem: str,
    taken: Taken,
    hand: bool,
    rng: np.random.Generator,
    duplicate: Duplicate | None = None,
) -> Picture:
    classes = recording.options.classes
    height, width = taken.image.shape[:2]
    filename = f"{stem}.jpg"
    files = {
        f"images/{filename}": _encoded(taken.image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]),
        f"masks/{stem}.png": _encoded(box_mask(taken.drawn, height, width), ".png"),
        f"labels/{stem}.txt": annotate.yolo_lines(taken.drawn, classes, height, width).encode(),
    }
    present = []
    for key in classes:
        truth = np.zeros((height, width), np.uint8)
        for other, mask in taken.instances:
            if other == key:
                truth[mask] = 255
        if truth.any():
            present.append(key)
        files[f"truth/{key}/{stem}.png"] = _encoded(truth, ".png")
    via: list[list[str]] = []
    if hand:
        regions = [(key, polygon) for key, mask in taken.instances for polygon in annotate.hand_polygons(mask, rng)]
        via = annotate.via_rows(filename, len(files[f"images/{filename}"]), regions)
    group = f"scene_{recording.job.scene + 1:04d}"
    rows = tuple(tuple(row) for row in via)
    return Picture(filename, group, hand, tuple(present), files, taken.drawn, rows, duplicate)


def _encoded(picture: np.ndarray, suffix: str, parameters: list[int] | None = None) -> bytes:
    return cv2.imencode(suffix, picture, parameters or [])[1].tobytes()
