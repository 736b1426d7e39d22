"""Refines box masks and writes the hybrid dataset: box pictures refined, hand pictures as drawn."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeseg.data.build import DatasetWriter, building_together
from pipeseg.data.description import NO_REFINER
from pipeseg.data.folder import DatasetFolder, Sample
from pipeseg.data.parallel import opencv_in_one_thread, threaded
from pipeseg.data.pictures import picture_size
from pipeseg.errors import BadInput
from pipeseg.refiners import BoxPicture, Calibration, Refiner, View, candidates_of
from pipeseg.refiners.base import NEUTRAL, in_bytes
from pipeseg.refiners.box_learning import steps_learned, teach_boxes
from pipeseg.refiners.contest import Alone, hold_contest
from pipeseg.refiners.results import (
    EXAMPLES,
    BoxRow,
    box_rows,
    count_decisions,
    write_boxes,
    write_example,
    write_scores,
)
from pipeseg.refiners.source import Boxed, Chosen, SourceBoxes, choose_pictures, hand_fills, hand_picture
from pipeseg.refiners.teachers import Teachers
from pipeseg.refiners.workbench import Workbench
from pipeseg.run import Run
from pipeseg.run_directory import read_json, write_json
from pipeseg.schema import RefineConfig
from pipeseg.training.device import Hardware, keep_memory, seed_everything


@opencv_in_one_thread()
def refine(run: Run, checkpoints: Sequence[Path]) -> None:
    """Write `hybrid_dataset` (train) and `<hybrid_dataset>_VAL`; val holds hand masks only.

    A val of the teachers' own predictions would measure agreement with them. Pictures of a group that val or test
    holds are left out, wherever else they appear. A refined picture has its filled boxes in `boxes/` and, where not all
    of its pixels count fully, a file in `weights/`; a hand-drawn one has neither.

    Args:
        checkpoints: weights of the teachers; each is fed at the size that it was trained at. Empty where the refiner
            needs none.

    Raises:
        BadInput: data, boxes or checkpoints cannot be used; nothing has been written.
    """
    config = run.config
    assert isinstance(config, RefineConfig)
    seed_everything(config.seed)
    keep_memory()
    datasets = run.settings.datasets_dir
    candidates = candidates_of(config.refiner.name, config.refiner.args)
    teachers = _load_teachers(run, candidates, checkpoints)
    hand, validation, test = (
        DatasetFolder.open(datasets / name)
        for name in (config.baseline_dataset, config.validation_dataset, config.evaluation_dataset)
    )
    source = DatasetFolder.open(datasets / config.source_dataset)
    boxes = SourceBoxes.open(source, config.defect_class)
    chosen = choose_pictures(source, boxes, config.defect_class, (hand, validation, test), config.seed)
    taught = f", teachers {', '.join(str(record['run_id']) for record in teachers.records)}" if teachers else ""
    run.message(
        f"{source.name}: {len(chosen.boxed)} pictures with boxes only, {len(chosen.clean)} without defect;"
        f" {config.refiner.name} refiner{taught}"
    )
    learned = teach_boxes(run, teachers, _views(candidates), hand.samples, boxes) if teachers else {}
    bench = Workbench(run, chosen.boxed, boxes.of_sample, teachers, config.batch_size, learned)
    label, calibration, facts = _settle(bench, candidates, hand.samples, validation.samples, boxes)
    target = datasets / config.hybrid_dataset
    target_val = target.with_name(f"{target.name}_VAL")
    described = {
        "source": source.name,
        "defect_class": config.defect_class,
        "seed": config.seed,
        "parameters": {
            "refiner": config.refiner.model_dump(),
            "teachers": [record["run_id"] for record in teachers.records] if teachers else [],
            **facts,
        },
    }
    # both or none: a val of another round would choose the checkpoint
    with building_together([target, target_val]) as (writer, val_writer):
        # where no refined mask is worth it, pictures without a defect would be all that boxes teach
        learned_from = () if label == NO_REFINER else chosen.samples
        rows = _write_refined(bench, candidates[label], calibration, chosen, writer) if learned_from else []
        for sample in hand.samples:
            writer.add(sample.image, sample.mask)
        groups = {sample.name: sample.group for sample in (*learned_from, *hand.samples)}
        writer.describe(name=target.name, set="train", groups=groups, **described)
        for sample in validation.samples:
            val_writer.add(sample.image, sample.mask)
        groups_val = {sample.name: sample.group for sample in validation.samples}
        val_writer.describe(name=target_val.name, set="validation", groups=groups_val, **described)
    facts["total_steps"] = steps_learned(learned)
    _report(run, target, label, facts, rows, len(chosen.boxed) if learned_from else 0, len(groups))


def _load_teachers(run: Run, candidates: dict[str, Refiner], checkpoints: Sequence[Path]) -> Teachers | None:
    config = run.config
    assert isinstance(config, RefineConfig)
    hardware = Hardware.choose(config.device, config.precision)
    if not needs_teacher(candidates.values()):
        return None
    if not checkpoints:
        raise BadInput(f"refiner: {config.refiner.name} needs a teacher; set baseline_run to a finished run")
    teachers = Teachers(checkpoints, config.defect_class, hardware)
    run.directory.update(teachers=teachers.records)
    return teachers


def needs_teacher(refiners: Iterable[Refiner]) -> bool:
    """Tell whether one of these asks what a network says."""
    return any(refiner.view is not None for refiner in refiners)


def _views(candidates: dict[str, Refiner]) -> list[View]:
    return [refiner.view for refiner in candidates.values() if refiner.view is not None]


def _settle(
    bench: Workbench,
    candidates: dict[str, Refiner],
    train: Sequence[Sample],
    validation: Sequence[Sample],
    boxes: SourceBoxes,
) -> tuple[str, Calibration, dict[str, Any]]:
    """Return which candidate refines (its label, or `NO_REFINER`), its calibration, and the facts behind both.

    Fill rates come from train masks alone; val masks choose between candidates, and test masks nothing.
    """
    run = bench.run
    measured = any(refiner.calibrates or refiner.finds_false_boxes for refiner in candidates.values())
    hand = hand_fills(train, boxes) if measured else None
    if hand is not None and len(hand.values):
        run.message(
            f"hand masks fill {hand.mean:.0%} of {len(hand.values)} boxes ({hand.origin}); {hand.false} more are empty"
        )
    found = {label: bench.calibrate(refiner, hand) for label, refiner in candidates.items()}
    label, chosen = next(iter(candidates)), {}
    calibration, facts = found[label]
    if len(candidates) > 1 or candidates[label].least_gain or candidates[label].tunes:
        calibrations = {label: calibration for label, (calibration, _) in found.items()}
        label, shift, chosen = _contest(bench, candidates, calibrations, validation, boxes)
        calibration, facts = found.get(label, (NEUTRAL, {}))
        calibration, facts = replace(calibration, shift=shift), {**facts, "shift": shift}
    return label, calibration, {**chosen, "calibration": facts} if facts else chosen


def _contest(
    bench: Workbench,
    candidates: dict[str, Refiner],
    calibrations: dict[str, Calibration],
    validation: Sequence[Sample],
    boxes: SourceBoxes,
) -> tuple[str, float, dict[str, Any]]:
    """Try the candidates on val.

    Returns:
        Label of the best one, or `NO_REFINER`; the shift of its calibration; the scores behind both.
    """
    run = bench.run
    hand = list(threaded(lambda sample: hand_picture(sample, boxes), validation))
    if guessed := sum(found.is_guessed for found in hand):
        run.warn(
            f"{guessed} of {len(hand)} val pictures have no boxes in the source: refiners are compared in the bounding"
            " boxes of their masks, loosened by up to 15 % a side"
        )
    of_hand = {found.sample: found.boxed for found in hand}

    def boxes_of(sample: Sample, shape: tuple[int, int]) -> Boxed:
        return of_hand[sample]

    trial = Workbench(run, (), boxes_of, bench.teachers, bench.batch_size, bench.box_networks)
    entrants = dict(candidates)
    if bench.teachers and any(refiner.least_gain for refiner in candidates.values()):
        entrants[NO_REFINER] = Alone(bench.teachers.threshold)
    scores = hold_contest(trial, entrants, calibrations, hand)
    write_scores(run.directory.results / "refiners.csv", scores)
    best = next(score for score in scores if score.refiner != NO_REFINER)
    told = ", ".join(f"{_spoken(score.refiner)} {score.iou:.4f}" for score in scores)
    label, end = best.refiner, f"{best.refiner} refines"
    if alone := next((score for score in scores if score.refiner == NO_REFINER), None):
        gain, least = best.gain(alone), max(refiner.least_gain for refiner in candidates.values())
        if gain < least:
            label = NO_REFINER
            end = f"{best.refiner} takes away {gain:.0%} of the error, {least:.0%} are wanted (least_gain)"
    run.message(f"IoU of masks of {best.pictures} val pictures: {told}; {end}")
    return label, best.shift, {"chosen": label, "scores": {score.refiner: round(score.iou, 4) for score in scores}}


def _spoken(label: str) -> str:
    return "the teachers without boxes" if label == NO_REFINER else label


def _write_refined(
    bench: Workbench, refiner: Refiner, calibration: Calibration, chosen: Chosen, writer: DatasetWriter
) -> list[BoxRow]:
    """Write every picture of the source with its mask, boxes and weights; return what became of each box."""
    rows: list[BoxRow] = []
    lock = threading.Lock()
    shown = set(np.linspace(0, len(chosen.boxed) - 1, min(EXAMPLES, len(chosen.boxed)), dtype=int).tolist())
    examples = {chosen.boxed[index].name for index in shown}
    folder = bench.run.directory.results / "refined"

    def finish(sample: Sample, picture: BoxPicture) -> None:
        refined = refiner(picture, calibration)
        inside = in_bytes(picture.inside)
        writer.add(sample.image, refined.target, boxes=inside, weight=refined.weight, quickly=True)
        with lock:
            rows.extend(box_rows(sample, picture, refined))
        if sample.name in examples:
            write_example(folder, sample, picture, refined)

    bench.refine(refiner, chosen.boxed, finish)
    for sample in chosen.clean:
        nothing = np.zeros(picture_size(sample.image), np.uint8)
        writer.add(sample.image, nothing, boxes=nothing, quickly=True)
    return rows


def _report(
    run: Run, target: Path, label: str, facts: dict[str, Any], rows: list[BoxRow], refined: int, total: int
) -> None:
    described = read_json(target / "dataset.json")
    run.directory.update(datasets={"hybrid": {"name": target.name, "fingerprint": described["fingerprint"]}})
    if label == NO_REFINER:
        write_json(run.directory.results / "summary.json", {"refiner": label, **facts})
        run.metrics({"refine/pictures": 0}, step=total, epoch=1)
        run.warn(
            f"{target.name}: {total} pictures, hand masks alone: refined masks would teach less than longer training on"
            " hand masks does; learn from them all the same with refiner.args.least_gain: 0"
        )
        return
    decisions = count_decisions(rows)
    pixels = [(row.x_max - row.x_min) * (row.y_max - row.y_min) for row in rows]
    kept = [1.0 if row.decision == "reset" else row.fill for row in rows]
    fill = float(np.average(kept, weights=pixels)) if rows else 0.0
    write_boxes(run.directory.results / "boxes.csv", rows)
    write_json(run.directory.results / "summary.json", {"refiner": label, "boxes": decisions, "fill": fill, **facts})
    values = {"refine/fill": fill, "refine/pictures": refined, "refine/boxes": len(rows)}
    values |= {f"refine/boxes_{decision}": count for decision, count in decisions.items()}
    measured = facts.get("calibration", {})
    values |= {f"refine/{key}": value for key, value in measured.items() if isinstance(value, float)}
    run.metrics(values, step=total, epoch=1)
    told = [f"{count} of {len(rows)} boxes {word}" for word, count in decisions.items() if count and word != "kept"]
    run.message("; ".join([f"{target.name}: {total} pictures; {label} keeps {fill:.0%} of the boxes' area", *told]))
