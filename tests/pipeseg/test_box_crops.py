"""Teachers that look at one box at a time: what they see, what they learn, and where their answer goes."""

import csv

import numpy as np
import pytest
import torch
from refining import REFINING
from torch import nn

from pipeseg.data.boxes import COLUMNS
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events
from pipeseg.models import build_unet
from pipeseg.refine import refine
from pipeseg.refiners import CropsRefiner
from pipeseg.refiners.box_answers import BoxNetworks, answered_in_boxes
from pipeseg.refiners.box_learning import crop_size
from pipeseg.refiners.crops import crop_window, cut, learn_boxes
from pipeseg.refiners.source import part_boxes
from pipeseg.refiners.teachers import Looked, copy_network, probability_of
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint
from pipeseg.training.device import Hardware

CPU = Hardware.choose("cpu", "float32")
SHORT = {"steps": 2, "size": 32, "flips": "none"}


class Bright(nn.Module):
    """Sure of a defect where a pixel is bright; two outputs, of which the second is meant."""

    def forward(self, images):
        sure = 40 * images.mean(1, keepdim=True)
        return torch.cat([-sure, sure], 1)


@pytest.fixture(scope="module")
def workshop(module_tiny):
    source = module_tiny.add_dataset("tiny", range(24))
    with (source / "boxes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for mask in sorted((source / "masks").iterdir()):
            for x_min, y_min, x_max, y_max in part_boxes(read_mask(mask) > 0):
                rows.writerow([mask.name, "deposition", x_min - 5, y_min - 5, x_max + 5, y_max + 5])
    for suffix, indices in (("BASELINE", range(8)), ("BASELINE_VAL", range(8, 12)), ("EVAL", range(12, 16))):
        module_tiny.add_dataset(f"tiny_deposition_{suffix}", indices)
    return module_tiny


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    torch.manual_seed(0)
    args = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}
    path = tmp_path_factory.mktemp("teacher") / "best.safetensors"
    header = Checkpoint({"name": "UNet", "args": args}, (64, 64), 0.5, 1, 1, 0.5, "iou", "deposition", "t")
    save_checkpoint(path, build_unet(**args, encoder_weights=None), header)
    return path


@pytest.mark.parametrize(
    ("box", "window"),
    [((10, 20, 30, 60), (5, 10, 35, 70)), ((0, 0, 8, 8), (-2, -2, 10, 10)), ((5, 5, 5, 5), (4, 4, 8, 8))],
)
def test_a_crop_shows_a_quarter_around_the_box(box, window):
    assert crop_window(box) == window


def test_a_crop_beyond_the_edge_is_mirrored_or_empty():
    picture = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(cut(picture, (1, 0, 3, 2), mirror=True), [[2, 3], [6, 7]])
    assert np.array_equal(cut(picture, (-1, 0, 2, 1), mirror=True), [[1, 1, 2]])
    assert np.array_equal(cut(picture, (-1, 0, 2, 1), mirror=False), [[0, 1, 2]])
    assert np.array_equal(cut(picture, (3, 2, 6, 4), mirror=False), [[12, 0, 0], [0, 0, 0]])
    assert cut(np.zeros((4, 4, 3), np.uint8), (9, 9, 12, 11), mirror=True).shape == (2, 3, 3)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
@pytest.mark.parametrize("flips", ["none", "dihedral"])
def test_answers_go_where_the_boxes_are(batch_size, flips):
    """Boxes of any size, over the picture's edge as well; pictures without boxes, between and at the end."""
    random = np.random.default_rng(0)
    pictures, truths = [], []
    for count in (2, 0, 3, 1, 0):
        height, width = random.integers(60, 120, 2)
        image, truth = np.full((height, width, 3), 20, np.uint8), np.zeros((height, width), bool)
        places = []
        for _ in range(count):
            top, left = random.integers(0, 40, 2)
            bottom, right = min(top + random.integers(12, 50), height), min(left + random.integers(12, 50), width)
            # a bright part inside, and a bright stripe outside of every box
            image[top + 3 : bottom - 2, left + 4 : right - 1] = 230
            places.append((slice(int(top), int(bottom)), slice(int(left), int(right))))
        image[:, -5:] = 230
        for place in places:
            truth[place] = image[place][..., 0] > 125
        pictures.append((Looked(None, (height, width), {}, image), places))
        truths.append(truth)
    asked = []
    networks = BoxNetworks([(Bright(), 1), (Bright(), 1)], 64, flips, CPU)
    answers = list(answered_in_boxes(networks, pictures, batch_size, lambda: asked.append(1)))
    assert [looked for looked, _ in answers] == [looked for looked, _ in pictures]
    assert len(asked) == -(-6 // batch_size)
    for (_, places), truth, (_, logits) in zip(pictures, truths, answers, strict=True):
        assert logits.shape == truth.shape and logits.dtype == np.float32
        found = probability_of(logits) > 0.5
        inside = np.zeros_like(truth)
        for place in places:
            inside[place] = True
        assert not found[~inside].any()
        if places:
            assert (found & truth).sum() / (found | truth).sum() > 0.9


def hand_boxes(workshop, name="tiny_deposition_BASELINE"):
    samples = DatasetFolder.open(workshop.settings.datasets_dir / name).samples
    masks = {sample: read_mask(sample.mask) > 0 for sample in samples}
    loose = 5
    return {
        sample: [(x - loose, y - loose, right + loose, bottom + loose) for x, y, right, bottom in part_boxes(mask)]
        for sample, mask in masks.items()
    }


def test_a_network_learns_which_part_of_a_box_is_the_defect(workshop):
    config = workshop.run(
        image_size=[32, 32], epochs=1, steps_per_epoch=60, batch_size=8, learning_rate=0.02, ema_decay=0.9
    ).config
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 2, 1))
    ticks, told = [], []
    learned = learn_boxes(
        model, hand_boxes(workshop), config, CPU, channel=1, warn=told.append, tick=lambda: ticks.append(1)
    )
    assert len(ticks) == 60 and not told and not learned.training
    networks, overlaps = BoxNetworks([(learned, 1)], 32, "none", CPU), []
    for sample, boxes in hand_boxes(workshop, "tiny_deposition_EVAL").items():
        image, truth = read_image(sample.image), read_mask(sample.mask) > 0
        places = [(slice(max(y, 0), bottom), slice(max(x, 0), right)) for x, y, right, bottom in boxes]
        looked = Looked(sample, truth.shape, {}, image)
        [(_, logits)] = answered_in_boxes(networks, [(looked, places)], 8, lambda: None)
        if boxes:
            found = logits > 0
            overlaps.append((found & truth).sum() / (found | truth).sum())
    # a filled box reaches 0.46
    assert np.mean(overlaps) > 0.7, overlaps


def test_pictures_without_boxes_teach_nothing(workshop):
    config = workshop.run(train_dataset="tiny_deposition_BASELINE").config
    nothing = {sample: [] for sample in hand_boxes(workshop)}
    with pytest.raises(BadInput, match=r"tiny_deposition_BASELINE: none of its pictures has a box.*another refiner"):
        learn_boxes(nn.Conv2d(3, 1, 1), nothing, config, CPU, channel=0, warn=print, tick=lambda: None)


def test_a_copy_learns_and_the_teacher_stays():
    model = nn.Conv2d(3, 1, 1).requires_grad_(False)
    copy = copy_network(model)
    with torch.no_grad():
        copy.weight += 1
    assert copy.weight.requires_grad and not torch.equal(copy.weight, model.weight)


def test_a_refine_run_with_crops(workshop, teacher):
    run = workshop.run(REFINING, refiner={"name": "crops", "args": {**SHORT, "false_boxes": False, "least_gain": 0}})
    refine(run, [teacher])
    events = read_events(run.directory.events_file)
    assert {"learning boxes", "trying crops", "refine"} <= {event.get("phase") for event in events}
    said = [event["text"] for event in events if event["kind"] == "message"]
    assert any("teacher t learned 2 steps on 6 boxes of 6 hand-drawn pictures, 32 px" in text for text in said), said
    samples = DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_H1").samples
    by_hand = [sample.name for sample in samples if sample.boxes is None]
    assert by_hand == [f"p{index:03}.png" for index in range(8)]
    for sample in samples:
        if sample.boxes is not None and (boxed := read_mask(sample.boxes) > 0).any():
            target = read_mask(sample.mask)
            assert set(np.unique(target)) <= {0, 255} and not target[~boxed].any() and sample.weight is None


def test_a_stop_while_learning_leaves_nothing(workshop, teacher):
    run = workshop.run(REFINING, refiner={"name": "crops", "args": SHORT}, hybrid_dataset="tiny_deposition_H9")

    def stop(event):
        run.stop_asked = run.stop_asked or event.get("phase") == "learning boxes"

    run.observers.append(stop)
    with pytest.raises(StopRequested):
        refine(run, [teacher])
    assert not list(workshop.settings.datasets_dir.glob("*H9*"))


@pytest.mark.slow
def test_the_same_seed_refines_alike(workshop, teacher):
    def masks(seed):
        refine(workshop.run(REFINING, seed=seed, refiner={"name": "crops", "args": SHORT}), [teacher])
        samples = DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_H1").samples
        return [
            read_mask(sample.mask).tobytes() + read_mask(sample.weight or sample.mask).tobytes() for sample in samples
        ]

    first = masks(1)
    assert masks(1) == first


@pytest.mark.parametrize(
    ("sides", "own", "size"),
    # a box of 60 is seen with 15 on each side
    [
        ([60], 64, 96),
        ([20, 60, 300], 64, 96),
        ([20], 64, 64),
        ([400], 64, 96),
        ([400], 96, 160),
        ([20], 704, 160),
        ([], 32, 32),
    ],
)
def test_crops_are_as_fine_as_the_pictures(sides, own, size):
    assert crop_size({index: [(5, 5, 5 + side, 5 + side)] for index, side in enumerate(sides)}, own) == size


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"steps": 0}, "steps: must be a whole number, 1 or more"),
        ({"steps": True}, "steps: must be a whole number"),
        ({"size": 100}, "size: 100 is not a multiple of 32; the nearest is 96"),
        ({"learning_rate": 0}, "learning_rate: must be a number above 0"),
        ({"teachers": "two"}, "teachers: must be first or all"),
        ({"flips": "up"}, "flips: must be one of none, horizontal, dihedral"),
    ],
)
def test_arguments_of_crops_that_cannot_be(args, words):
    with pytest.raises(BadInput, match=rf"refiner\.args\.{words}"):
        CropsRefiner(**args)
