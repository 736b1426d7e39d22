"""Refines box masks with a baseline and writes the hybrid dataset: box pictures refined, hand pictures as drawn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from pipeseg.data.boxes import Box, fill_boxes, read_boxes
from pipeseg.data.build import building_together
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.loading import DEFECT_LEVEL, Pictures
from pipeseg.data.pictures import read_mask
from pipeseg.data.via import read_via
from pipeseg.errors import BadInput
from pipeseg.registry import REFINERS, build
from pipeseg.run import Run
from pipeseg.run_directory import read_json
from pipeseg.schema import RefineConfig
from pipeseg.training.checkpoint import UNNAMED_CLASS, load_model
from pipeseg.training.device import Hardware, seed_everything
from pipeseg.training.evaluate import native_probability, predict

Refiner = Callable[[np.ndarray, np.ndarray], np.ndarray]

# pictures without the defect per box picture, as in the hand-drawn sets: without them nothing says what is no defect
CLEAN_SHARE = 0.25


def refine(run: Run, checkpoint: Path) -> None:
    """Write `hybrid_dataset` (train) and `<hybrid_dataset>_VAL`; val holds hand masks only.

    A val of the teacher's own predictions would measure agreement with the teacher. Pictures of a group that val or
    test holds are left out, wherever else they appear.

    Args:
        checkpoint: weights of the baseline that predicts; it is fed at the size that it was trained at.

    Raises:
        BadInput: data, boxes or checkpoint cannot be used; nothing has been written.
    """
    config = run.config
    assert isinstance(config, RefineConfig)
    seed_everything(config.seed)
    datasets = run.settings.datasets_dir
    hardware = Hardware.choose(config.device, config.precision)
    refiner = _build_refiner(config)
    model, header = load_model(checkpoint)
    wanted = config.defect_class or UNNAMED_CLASS
    if wanted not in header.classes:
        raise BadInput(f"{checkpoint}: learned {', '.join(header.classes)}, not {wanted}; choose another run")
    channel = header.classes.index(wanted)
    hand, validation, test = (
        DatasetFolder.open(datasets / name)
        for name in (config.baseline_dataset, config.validation_dataset, config.evaluation_dataset)
    )
    chosen = choose_pictures(
        datasets / config.source_dataset, config.defect_class, (hand, validation, test), config.seed
    )
    run.message(
        f"{config.source_dataset}: {len(chosen.boxes)} pictures with boxes only, {len(chosen.clean)} without defect;"
        f" {config.refiner.name} refiner, teacher {header.run_id}"
    )

    def read_tick(done: int, total: int) -> None:
        run.progress(done, total, phase=f"reading {config.source_dataset}")
        run.obey(lambda: None)

    pictures = Pictures.load(chosen.folder, header.image_size, read_tick)
    facts = {
        "source": config.source_dataset,
        "defect_class": config.defect_class,
        "seed": config.seed,
        "parameters": {"refiner": config.refiner.model_dump(), "teacher": header.run_id},
    }
    target = datasets / config.hybrid_dataset
    target_val = target.with_name(f"{target.name}_VAL")
    # both or none: a val of another round would choose the checkpoint
    with building_together([target, target_val]) as (writer, val_writer):
        predictions = predict(model.to(hardware.device), pictures, hardware, config.batch_size, channel)
        fill = _write_refined(run, (logits for logits, _ in predictions), pictures, chosen.boxes, refiner, writer.add)
        for sample in hand.samples:
            writer.add(sample.image, sample.mask)
        members = [*chosen.folder.samples, *hand.samples]
        writer.describe(name=target.name, set="train", groups={s.name: s.group for s in members}, **facts)
        for sample in validation.samples:
            val_writer.add(sample.image, sample.mask)
        val_writer.describe(
            name=target_val.name, set="validation", groups={s.name: s.group for s in validation.samples}, **facts
        )
    run.metrics({"refine/fill": fill, "refine/pictures": len(chosen.boxes)}, step=len(pictures), epoch=1)
    run.directory.update(
        datasets={"hybrid": {"name": target.name, "fingerprint": read_json(target / "dataset.json")["fingerprint"]}}
    )
    run.message(f"{target.name}: {len(members)} pictures; refined masks keep {fill:.0%} of their boxes")


def _build_refiner(config: RefineConfig) -> Refiner:
    try:
        return build(REFINERS, config.refiner.name, **config.refiner.args)
    except TypeError as error:
        raise BadInput(f"refiner.args: {config.refiner.name}: {str(error).split('()')[-1].strip()}") from error


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pictures of the source that nobody labelled by hand.

    Attributes:
        folder: the source, with the chosen samples only.
        boxes: boxes by file name; None instead of boxes where the source's own mask is the box mask.
        clean: names of pictures without a box of the class.
    """

    folder: DatasetFolder
    boxes: dict[str, list[Box] | None]
    clean: frozenset[str]


def choose_pictures(source: Path, defect_class: str | None, hand_sets: tuple[DatasetFolder, ...], seed: int) -> Chosen:
    """Choose the pictures to refine: not labelled by hand, no copy of a labelled one; plus a share without boxes.

    Raises:
        BadInput: no picture with boxes is left.
    """
    whole = DatasetFolder.open(source)
    labelled = read_via(source / "labels.csv").keys() if (source / "labels.csv").exists() else set()
    # by name as well: a hand-made set may know nothing of the source's groups
    labelled = {*labelled, *(sample.name for hand in hand_sets for sample in hand.samples)}
    taken = {sample.group for hand in hand_sets for sample in hand.samples}
    taken |= {sample.group for sample in whole.samples if sample.name in labelled}
    free = [sample for sample in whole.samples if sample.group not in taken]
    boxes: dict[str, list[Box] | None]
    if (source / "boxes.csv").exists():
        found = read_boxes(source / "boxes.csv", defect_class)
        boxes = {sample.name: found[sample.name] for sample in free if sample.name in found}
    else:
        # the original's archive: no list of boxes, its masks are the filled boxes of its one class
        boxes = {sample.name: None for sample in free}
    if not boxes:
        raise BadInput(f"{source}: no picture with a box of {defect_class!r} is left beside the hand-labelled ones")
    without = [sample.name for sample in free if sample.name not in boxes]
    order = np.random.default_rng(seed).permutation(len(without))[: round(CLEAN_SHARE * len(boxes))]
    clean = frozenset(without[index] for index in order)
    samples = tuple(sample for sample in free if sample.name in boxes or sample.name in clean)
    return Chosen(DatasetFolder(source, samples), boxes, clean)


def _write_refined(
    run: Run,
    predictions: Iterable[Tensor],
    pictures: Pictures,
    boxes: dict[str, list[Box] | None],
    refiner: Refiner,
    add: Callable[..., object],
) -> float:
    """Refine each picture at native size, as batches of logits come, and return the kept share of the boxes' area."""
    done, kept, boxed = 0, 0, 0
    for logits in predictions:
        for sample, picture_logits in zip(pictures.samples[done:], logits, strict=False):
            mask = read_mask(sample.mask)
            if sample.name in boxes:
                found = boxes[sample.name]
                inside = mask >= DEFECT_LEVEL if found is None else fill_boxes(found, *mask.shape)
            else:
                inside = np.zeros(mask.shape, bool)
            refined = refiner(native_probability(picture_logits, *mask.shape).cpu().numpy(), inside)
            kept, boxed = kept + int((refined >= DEFECT_LEVEL).sum()), boxed + int(inside.sum())
            add(sample.image, refined, boxes=np.where(inside, 255, 0).astype(np.uint8))
        done += len(logits)
        run.progress(done, len(pictures), force=done == len(pictures), phase="refine")
        run.obey(lambda: None)
    return kept / boxed if boxed else 0.0
