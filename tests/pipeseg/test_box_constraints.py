"""Boxes as constraints: certain outside, a guess inside, and nothing changed on what a hand drew."""

import json
import shutil

import numpy as np
import pytest
import torch
from batches import drawn_batch
from PIL import Image

from pipeseg.config import ConfigError, check_config
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.loading import Batch, Pictures, pools_of, training_loader
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events
from pipeseg.losses import BCELoss
from pipeseg.schema import BoxesConfig
from pipeseg.training.boxes import BoxConstraints, projection_loss, ramp_up, strong_view
from pipeseg.training.checkpoint import load_model
from pipeseg.training.device import Hardware
from pipeseg.training.loop import train
from pipeseg.training.step import Learner

CPU = Hardware.choose("cpu", "float32")
SIDE = 16


@pytest.fixture(scope="module")
def boxed(module_tiny):
    """A workshop whose training set has six pictures with hand masks and six with boxes only."""
    module_tiny.add_dataset("tiny_deposition_BASELINE_VAL", range(20, 24))
    module_tiny.add_dataset("tiny_deposition_EVAL", range(40, 45))
    folder = module_tiny.add_dataset("tiny_deposition_H1", range(12))
    for index in range(6, 12):
        mask = np.asarray(Image.open(folder / "masks" / f"p{index:03}.png"))
        inside = np.zeros_like(mask)
        if mask.any():
            rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
            inside[max(rows[0] - 3, 0) : rows[-1] + 4, max(columns[0] - 3, 0) : columns[-1] + 4] = 255
        for part, plane in (("boxes", inside), ("weights", np.where(inside > 0, 128, 255).astype(np.uint8))):
            (folder / part).mkdir(exist_ok=True)
            Image.fromarray(plane).save(folder / part / f"p{index:03}.png")
    return module_tiny


@pytest.fixture(scope="module")
def pictures(boxed):
    folder = boxed.settings.datasets_dir / "tiny_deposition_H1"
    return Pictures.load(DatasetFolder.open(folder), (64, 64), lambda done, total: None)


def box_batch(by_hand=(True, False, False)):
    """Three pictures; a box in the middle half, the refined mask in its upper half and wrongly in one corner."""
    count = len(by_hand)
    target = torch.zeros(count, 1, SIDE, SIDE)
    target[:, :, 4:8, 4:12], target[:, :, 0, 0] = 1, 1
    weight, boxes = torch.full_like(target, 0.5), torch.zeros_like(target)
    boxes[:, :, 4:12, 4:12] = 1
    images = torch.randint(
        0, 255, (count, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    return Batch(images, target, torch.zeros(count).long(), weight, boxes, torch.tensor(by_hand))


def prepared(batch, teacher=None, done=1.0, **changes):
    constraints = BoxConstraints(BoxesConfig(**{"mean_teacher": 0, "strong_views": False, **changes}), teacher)
    images = CPU.to_input(batch.images)
    return images, *constraints.prepare(images, batch.target, batch.weight, batch, CPU, done)


def test_outside_of_boxes_is_certain_background_and_hand_masks_stay():
    batch = box_batch()
    _, images, target, weight, reached = prepared(batch)
    assert torch.equal(images, CPU.to_input(batch.images))
    assert torch.equal(target[0], batch.target[0]) and torch.equal(weight[0], batch.weight[0]) and not reached[0].any()
    assert torch.equal(reached[1], batch.boxes[1] > 0)
    outside = ~reached[1]
    assert (target[1][outside] == 0).all() and (weight[1][outside] == 1).all()
    assert torch.equal(target[1][reached[1]], batch.target[1][reached[1]]) and (weight[1][reached[1]] == 0.5).all()


@pytest.mark.parametrize(("done", "share"), [(0.0, 0.5 * ramp_up(0)), (0.15, 0.5 * ramp_up(0.5)), (0.9, 0.5)])
def test_the_average_takes_over_inside_boxes(done, share):
    def teacher(images):
        return torch.full((len(images), 1, SIDE, SIDE), float(np.log(0.9 / 0.1)))

    batch = box_batch()
    _, _, target, weight, reached = prepared(batch, teacher, done, mean_teacher=0.5, ramp_up=0.3)
    assert torch.allclose(target[reached], torch.lerp(batch.target[reached], torch.tensor(0.9), share))
    assert torch.allclose(weight[reached], torch.lerp(torch.tensor(0.5), torch.tensor(0.8), share))
    assert torch.equal(target[0], batch.target[0]) and (target[1:][~reached[1:]] == 0).all()


def test_a_box_without_weight_is_not_insisted_on():
    batch = box_batch()
    batch.weight[2] = 0
    _, _, _, weight, reached = prepared(batch)
    assert reached[1].any() and not reached[2].any()
    assert (weight[2, :, :4] == 1).all() and (weight[2, :, 4:12, 4:12] == 0).all()


def test_only_pictures_with_boxes_are_seen_changed():
    torch.manual_seed(0)
    plain, images, *_ = prepared(box_batch(), lambda images: images[:, :1], strong_views=True, mean_teacher=0.5)
    assert torch.equal(images[0], plain[0])
    for index in (1, 2):
        assert not torch.allclose(images[index], plain[index], atol=0.05)
        # a view of the same picture
        both = torch.stack([images[index].flatten(), plain[index].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.95
    assert strong_view(plain).shape == plain.shape


def test_projection_wants_every_row_and_column_of_a_box_reached():
    reached = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    reached[:, :, 10:50, 20:60] = True
    nothing, everything = torch.full((1, 1, 64, 64), -8.0), torch.full((1, 1, 64, 64), 8.0)
    diagonal = nothing.clone()
    for place in range(40):
        diagonal[0, 0, 10 + place, 20 + place] = 8.0
    outside = nothing.clone()
    outside[:, :, :10] = 8.0
    assert projection_loss(nothing, reached) > 7 and projection_loss(outside, reached) > 7
    # one pixel a row and a column is enough: rings and cracks fill little of their box
    assert projection_loss(diagonal, reached) < 0.01 and projection_loss(everything, reached) < 0.01
    # boxes are loose: their last rows and columns need nothing
    loose = diagonal.clone()
    loose[0, 0, 10:13], loose[0, 0, 47:50] = -8.0, -8.0
    loose[..., 20:23], loose[..., 57:60] = -8.0, -8.0
    assert projection_loss(loose, reached) < 0.01
    assert projection_loss(nothing, torch.zeros_like(reached)) == 0


def test_projection_has_a_gradient_everywhere_it_should():
    logits = torch.full((1, 1, 32, 32), -9.0, requires_grad=True)
    reached = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
    reached[:, :, 8:24, 8:24] = True
    projection_loss(logits, reached).backward()
    assert torch.isfinite(logits.grad).all() and (logits.grad[reached] < 0).any() and (logits.grad[~reached] == 0).all()


def test_a_batch_holds_the_asked_share_of_hand_drawn_pictures(pictures):
    loader = training_loader(
        [pictures], batch_size=4, steps=6, seed=1, augment=False, workers=0, pin=False, hand_share=0.25
    )
    batches = list(loader)
    assert [batch.by_hand.sum().item() for batch in batches] == [1] * 6
    for batch in batches:
        assert batch.weight.shape == batch.boxes.shape == batch.target.shape
        assert (batch.weight[batch.by_hand] == 1).all() and (batch.boxes[batch.by_hand] == 0).all()
    # 18 draws of six pictures: each three times
    seen = torch.cat([batch.images[~batch.by_hand] for batch in batches])
    assert len({image.numpy().tobytes() for image in seen}) == 6


def test_mask_weight_and_boxes_move_together(pictures):
    loader = training_loader(
        [pictures], batch_size=4, steps=6, seed=1, augment=True, workers=0, pin=False, hand_share=0.25
    )
    compared = 0
    for batch in loader:
        boxes, weight = batch.boxes[~batch.by_hand] > 0.5, batch.weight[~batch.by_hand]
        assert torch.allclose(weight[boxes], torch.tensor(128 / 255)) and (weight[~boxes] == 1).all()
        assert (batch.target[~batch.by_hand][~boxes] < 0.5).all()
        compared += int(boxes.any())
    assert compared > 3


def test_beyond_the_cache_weights_and_boxes_are_the_same(pictures, monkeypatch):
    monkeypatch.setattr("pipeseg.data.loading.CACHE_BYTES", 1000)
    uncached = Pictures.load(pictures.folder, pictures.size, lambda done, total: None)
    assert uncached.trust is None
    assert all(np.array_equal(uncached.trust_of(index), pictures.trust_of(index)) for index in range(12))


def test_plain_masks_carry_no_weights(tiny_session):
    folder = DatasetFolder.open(tiny_session.settings.datasets_dir / "tiny_deposition_BASELINE")
    plain = Pictures.load(folder, (64, 64), lambda done, total: None)
    [batch] = training_loader([plain], batch_size=4, steps=1, seed=1, augment=True, workers=0, pin=False)
    assert batch.weight.numel() == batch.boxes.numel() == 0 and batch.by_hand.all()
    assert [part.images.shape[0] for part in batch.split(3)] == [3, 1]
    with pytest.raises(BadInput, match=r"tiny_deposition_BASELINE is labelled by boxes.*boxes: null"):
        pools_of([plain], 4, 0.5)


def test_a_plane_of_another_size_is_told(pictures, tmp_path):
    copy = shutil.copytree(pictures.folder.path, tmp_path / "copy")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(copy / "weights" / "p007.png")
    with pytest.raises(BadInput, match=r"weights/p007\.png: has another size than .*masks/p007\.png"):
        Pictures.load(DatasetFolder.open(copy), (64, 64), lambda done, total: None)


def test_a_picture_without_weight_teaches_nothing(tiny):
    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 1, 1)
    before = model.weight.detach().clone()
    config = tiny.run(optimizer={"name": "SGD"}, weight_decay=0, precision="float32").config
    learner = Learner(config, CPU, model, BCELoss(), print)
    learner.learn(box_batch()._replace(weight=torch.zeros(3, 1, SIDE, SIDE)), rate=0.1)
    assert torch.equal(model.weight, before)
    learner.learn(drawn_batch(box_batch().images, box_batch().target), rate=0.1)
    assert not torch.equal(model.weight, before)


def test_the_teacher_must_be_an_average(tiny):
    with pytest.raises(ConfigError, match=r"boxes\.mean_teacher needs averaged weights; set ema_decay"):
        check_config({**json.loads(json.dumps(tiny.run().config.model_dump())), "boxes": {"mean_teacher": 0.5}})


@pytest.mark.slow
def test_a_training_with_boxes_goes_on_bit_by_bit(boxed):
    boxes = {"mean_teacher": 0.5, "projection": 0.1}
    changes = {"stage": "final", "train_dataset": "tiny_deposition_H1", "boxes": boxes, "ema_decay": 0.9, "epochs": 3}
    whole, broken = boxed.train(**changes), boxed.run(**changes)
    checkpoints = []

    def stop(event):
        if event["kind"] == "checkpoint":
            checkpoints.append(event)
            broken.stop_asked = len(checkpoints) == 2

    broken.observers.append(stop)
    with pytest.raises(StopRequested):
        train(broken)
    broken.stop_asked = False
    train(broken)
    assert losses(whole) == losses(broken) and len(losses(whole)) == 6
    ours, theirs = (load_model(run.directory.best_checkpoint)[0].state_dict() for run in (whole, broken))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def losses(run):
    events = [event for event in read_events(run.directory.events_file) if event["kind"] == "metrics"]
    return [(event["step"], event["values"]["train/loss"]) for event in events if "train/loss" in event["values"]]
