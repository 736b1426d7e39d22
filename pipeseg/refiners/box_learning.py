"""Teachers learn about boxes before they refine: one copy of each, on the hand-drawn pictures and their boxes."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from pipeseg.data.boxes import Box
from pipeseg.data.folder import Sample
from pipeseg.data.parallel import threaded
from pipeseg.refiners.base import CropTraining, View
from pipeseg.refiners.box_answers import BoxNetworks
from pipeseg.refiners.crops import crop_window, learn_boxes
from pipeseg.refiners.source import SourceBoxes, hand_picture
from pipeseg.refiners.teachers import Teachers, copy_network, prepare
from pipeseg.refiners.workbench import Ticker
from pipeseg.run import Run
from pipeseg.schema import STRIDE, RefineConfig, TrainConfig

# a box needs no more: larger crops cost time and show the same
LARGEST_CROP = 160
# what is finer than a network's own input by more than this is averaged away before it learns from it
FINER = 1.5
BATCH_SIZE = 8
EMA_DECAY = 0.99
WARMUP_STEPS = 20


def teach_boxes(
    run: Run, teachers: Teachers, views: Sequence[View], hand: Sequence[Sample], boxes: SourceBoxes
) -> dict[View, BoxNetworks]:
    """Let a copy of each teacher learn, once for all views that ask for the same training.

    Args:
        hand: the pictures that the teachers learned from, with hand masks. Where the source has no boxes of one, they
            are made from its mask.

    Raises:
        BadInput: no hand-drawn picture has a box.
        StopRequested: a person stopped it.
    """
    learned: dict[tuple[CropTraining, int], nn.Module] = {}
    answering: dict[View, BoxNetworks] = {}
    wanted = [view for view in views if view.crops is not None]
    of_hand = _boxes_of(hand, boxes) if wanted else {}
    for view in wanted:
        assert view.crops is not None
        of_view = teachers.of(view)
        size = view.crops.size or crop_size(of_hand, min(min(teacher.header.image_size) for teacher in of_view))
        for number, teacher in enumerate(of_view):
            if (view.crops, number) in learned:
                continue
            which = f", teacher {number + 1} of {len(of_view)}" if len(of_view) > 1 else ""
            tick = Ticker(run, view.crops.steps, "learning boxes" + which)
            network = learn_boxes(
                copy_network(teacher.model),
                of_hand,
                _training(run.config, view.crops, size, teacher.header.model, number),
                teachers.hardware,
                channel=teacher.channel,
                warn=run.warn,
                tick=tick,
            )
            learned[view.crops, number] = prepare(network, (size, size), teachers.hardware)
            run.message(
                f"teacher {teacher.header.run_id} learned {view.crops.steps} steps on"
                f" {sum(map(len, of_hand.values()))} boxes of {sum(map(bool, of_hand.values()))} hand-drawn pictures,"
                f" {size} px"
            )
        networks = [(learned[view.crops, number], teacher.channel) for number, teacher in enumerate(of_view)]
        answering[view] = BoxNetworks(networks, size, view.flips, teachers.hardware)
    return answering


def crop_size(boxes: Mapping[Sample, Sequence[Box]], own: int) -> int:
    """Return the side of crops that shows boxes as finely as their pictures do, px: thin defects need every pixel.

    Args:
        own: shorter side of the teachers' input, px; crops are no smaller and no more than `FINER` times as large.
    """
    windows = [crop_window(box) for each in boxes.values() for box in each]
    sides = [np.sqrt((right - left) * (bottom - top)) for left, top, right, bottom in windows]
    fine = min(float(np.median(sides)), FINER * own) if sides else own
    return min(LARGEST_CROP, max(own, STRIDE * int(np.ceil(fine / STRIDE))))


def steps_learned(answering: Mapping[View, BoxNetworks]) -> int:
    """Return the optimizer steps behind these networks, all together; networks that views share count once."""
    steps = {
        id(network): view.crops.steps for view, each in answering.items() if view.crops for network, _ in each.networks
    }
    return sum(steps.values())


def _boxes_of(hand: Sequence[Sample], boxes: SourceBoxes) -> Mapping[Sample, Sequence[Box]]:
    found = threaded(lambda sample: hand_picture(sample, boxes), hand)
    return {
        picture.sample: [(columns.start, rows.start, columns.stop, rows.stop) for rows, columns in picture.boxed[1]]
        for picture in found
    }


def _training(config: object, crops: CropTraining, size: int, model: dict[str, object], number: int) -> TrainConfig:
    assert isinstance(config, RefineConfig)
    return TrainConfig(
        seed=config.seed + number,
        train_dataset=config.baseline_dataset,
        validation_dataset=config.validation_dataset,
        evaluation_dataset=config.evaluation_dataset,
        image_size=(size, size),
        model=model,
        epochs=1,
        steps_per_epoch=crops.steps,
        batch_size=BATCH_SIZE,
        micro_batch="auto",
        learning_rate=crops.learning_rate,
        schedule="cosine",
        warmup_steps=min(WARMUP_STEPS, crops.steps // 4),
        ema_decay=EMA_DECAY,
    )
