"""Draws a sample dataset into a folder: in parallel, the same bytes for any number of workers, all of it or nothing."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import cv2

from pipeseg.data.boxes import COLUMNS as BOX_COLUMNS
from pipeseg.data.build import DatasetWriter, building
from pipeseg.data.via import COLUMNS as VIA_COLUMNS
from pipeseg.errors import BadInput
from pipeseg.synthetic import annotate
from pipeseg.synthetic.defects import DEFECTS
from pipeseg.synthetic.options import Options
from pipeseg.synthetic.picture import Picture, draw_scene
from pipeseg.synthetic.plan import Job, plan

SOURCE = "make_sample_dataset.py"
CATALOGUE, TRUTH, TRUTH_FOLDER = "dataset.json", "truth.json", "truth"

Progress = Callable[[int, int], None]


def generate(
    out: Path, options: Options, workers: int = 1, force: bool = False, progress: Progress | None = None
) -> bool:
    """Write the dataset to ``out``; False if a dataset is there already, which is then left alone.

    The files appear under their final name only once all of them are written.
    """
    out = Path(out)
    if not _may_build(out, force):
        return False
    with building(out) as writer:
        for name in ("labels", *(f"{TRUTH_FOLDER}/{key}" for key in options.classes)):
            (writer.folder / name).mkdir(parents=True)
        pictures = _draw_all(writer.folder, options, workers, progress or (lambda done, total: None))
        _write_tables(writer, options, pictures)
    return True


def _may_build(out: Path, force: bool) -> bool:
    if out.is_file():
        raise BadInput(f"{out} is a file, not a folder; choose another --out")
    if (out / CATALOGUE).is_file():
        if force and _source_of(out) != SOURCE:
            raise BadInput(f"{out} was not made by {SOURCE}, so --force does not replace it; choose another --out")
        return force
    if out.is_dir() and any(out.iterdir()):
        raise BadInput(f"{out} holds files but no {CATALOGUE}; choose another --out or empty it")
    return True


def _source_of(out: Path) -> str | None:
    try:
        return json.loads((out / CATALOGUE).read_text("utf-8")).get("source")
    except (ValueError, AttributeError):
        return None


def _draw_all(folder: Path, options: Options, workers: int, progress: Progress) -> list[Picture]:
    """Write the files of every picture; return the pictures without their files, by name."""
    jobs = plan(options)
    total = sum(job.frames + len(job.copies) for job in jobs)
    pictures: list[Picture] = []
    with _drawing(jobs, options, workers) as results:
        for batch in results:
            for picture in batch:
                for path, data in picture.files.items():
                    (folder / path).write_bytes(data)
                picture.files.clear()
                pictures.append(picture)
            progress(len(pictures), total)
    return sorted(pictures, key=lambda picture: picture.filename)


@contextmanager
def _drawing(jobs: list[Job], options: Options, workers: int) -> Iterator[Iterator[list[Picture]]]:
    """Finished scenes, in no particular order."""
    if workers <= 1:
        cv2.setNumThreads(1)
        yield (draw_scene(job, options) for job in jobs)
        return
    # Spawn, not fork: the same on every system, and safe under a caller that has threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _start_worker)
    try:
        yield _as_finished(pool, jobs, options, ahead=4 * workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _as_finished(pool: ProcessPoolExecutor, jobs: list[Job], options: Options, ahead: int) -> Iterator[list[Picture]]:
    # A bounded number of scenes under way keeps memory flat and lets a stop take effect at once.
    waiting = iter(jobs)
    running: set[Future] = set()
    while True:
        with _interrupts_held():
            for job in waiting:
                running.add(pool.submit(draw_scene, job, options))
                if len(running) >= ahead:
                    break
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Workers started in here inherit the mask, so a Ctrl-C that comes before they are set up does not hit them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    # Ctrl-C reaches the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _write_tables(writer: DatasetWriter, options: Options, pictures: list[Picture]) -> None:
    boxes = [
        (picture.filename, item.defect_class, *item.box.as_list())
        for picture in pictures
        for item in picture.drawn
        if item.kind != "missed"
    ]
    folder = writer.folder
    _write(folder / "boxes.csv", annotate.csv_text(BOX_COLUMNS, boxes))
    _write(folder / "labels.csv", annotate.csv_text(VIA_COLUMNS, [row for p in pictures for row in p.via]))
    _write(folder / "classes.txt", "".join(f"{key}\n" for key in options.classes))
    _write(folder / TRUTH, _one_line_each(truth_of(pictures)))
    writer.describe(
        name="sample",
        source=SOURCE,
        parameters=options.parameters(),
        seed=options.seed,
        classes={key: DEFECTS[key].label for key in options.classes},
        class_counts={key: sum(key in p.present for p in pictures) for key in options.classes},
        groups={p.filename: p.group for p in pictures},
        hand_labelled=[p.filename for p in pictures if p.hand_labelled],
    )


def truth_of(pictures: Sequence[Picture]) -> dict[str, list[dict[str, object]]]:
    """What an audit of the dataset ought to find: every copied picture and every wrong box."""
    duplicates = [
        {"file": p.filename, "of": d.of, "kind": d.kind, "transform": d.transform, "conflict": d.conflict}
        for p in pictures
        if (d := p.duplicate) is not None
    ]
    boxes = []
    for picture in pictures:
        for item in picture.drawn:
            if item.kind != "true":
                entry = {"filename": picture.filename, "defect_class": item.defect_class, "box": item.box.as_list()}
                true_class = {} if item.true_class is None else {"true_class": item.true_class}
                boxes.append({**entry, "kind": item.kind, **true_class})
    return {"duplicates": duplicates, "boxes": boxes}


def _one_line_each(lists: dict[str, list[dict[str, object]]]) -> str:
    parts = (
        f'"{name}": [' + ",".join(f"\n  {json.dumps(entry, ensure_ascii=False)}" for entry in entries) + "\n]"
        for name, entries in lists.items()
    )
    return "{" + ", ".join(parts) + "}\n"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
