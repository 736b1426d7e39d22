"""Refine runs beyond the published recipe: several teachers, fill rates, false boxes, and which refiner wins on val."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from refining import REFINING

from pipeseg.data.boxes import COLUMNS
from pipeseg.data.fingerprint import digest_file
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_image, read_mask, write_png
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events, send_command
from pipeseg.models import build_unet
from pipeseg.refine import refine
from pipeseg.refiners.base import View
from pipeseg.refiners.source import SourceBoxes, hand_fills, hand_picture, part_boxes
from pipeseg.refiners.teachers import Teachers, probability_of, turns
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint
from pipeseg.training.device import Hardware

HAND, VAL, TEST, FREE = range(16), range(16, 21), range(21, 24), range(24, 36)


def name(index: int) -> str:
    return f"p{index:03}.png"


@pytest.fixture
def workshop(own_tiny):
    """Every fourth picture holds no defect and no box; boxes are 5 pixels loose on every side."""
    source = own_tiny.add_dataset("tiny", range(36))
    write_boxes(source, 5)
    for suffix, indices in (("BASELINE", HAND), ("BASELINE_VAL", VAL), ("EVAL", TEST)):
        own_tiny.add_dataset(f"tiny_deposition_{suffix}", indices)
    return own_tiny


def write_boxes(source, margin: int) -> None:
    rows = []
    for file in sorted((source / "masks").iterdir()):
        for x_min, y_min, x_max, y_max in part_boxes(read_mask(file) > 0):
            rows.append([file.name, "deposition", x_min - margin, y_min - margin, x_max + margin, y_max + margin])
    with (source / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def make_teacher(path, seed: int, *, size=(64, 64), bias: float | None = None, run_id: str = "t"):
    """A network with random weights that says something different everywhere; with `bias` the same everywhere."""
    torch.manual_seed(seed)
    args = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}
    model = build_unet(**args, encoder_weights=None)
    with torch.no_grad():
        model.segmentation_head[0].weight.mul_(20 if bias is None else 0)
        if bias is not None:
            model.segmentation_head[0].bias.fill_(bias)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Checkpoint({"name": "UNet", "args": args}, size, 0.5, 1, 1, 0.5, "iou", "deposition", run_id)
    save_checkpoint(path, model, header)
    return path


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teachers")
    return [
        make_teacher(folder / "a" / "checkpoints" / "best.safetensors", 5, run_id="a"),
        make_teacher(folder / "b" / "checkpoints" / "best.safetensors", 6, size=(32, 64), run_id="b"),
    ]


def hybrid(workshop) -> dict:
    folder = DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_H1")
    return {sample.name: sample for sample in folder.samples}


def rows(run) -> list[dict]:
    with (run.directory.results / "boxes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def texts(run, kind: str) -> str:
    return "\n".join(event["text"] for event in read_events(run.directory.events_file) if event["kind"] == kind)


def test_the_ensemble_fills_boxes_as_hand_masks_do(workshop, teachers):
    run = workshop.run(REFINING, refiner={"name": "ensemble", "args": {"false_boxes": False}})
    refine(run, teachers)
    found = hybrid(workshop)
    fills = []
    for sample in (found[file] for file in sorted(found) if file >= name(FREE[0])):
        boxed, target = read_mask(sample.boxes) > 0, read_mask(sample.mask)
        assert not target[~boxed].any()
        if boxed.any():
            assert (read_mask(sample.weight)[~boxed] == 255).all()
            assert len(np.unique(target[boxed])) > 10
            fills.append((target[boxed] >= 128).mean())
        else:
            assert sample.weight is None
    facts = json.loads((workshop.settings.datasets_dir / "tiny_deposition_H1" / "dataset.json").read_text())
    calibration = facts["parameters"]["calibration"]
    assert calibration["hand_boxes"] == 12 and 0.3 < calibration["hand_fill"] < 0.7
    assert np.mean(fills) == pytest.approx(calibration["hand_fill"], abs=0.02)
    assert np.mean([float(row["fill"]) for row in rows(run)]) == pytest.approx(np.mean(fills), abs=0.01)
    assert {row["decision"] for row in rows(run)} == {"kept"} and len(rows(run)) == len(fills)
    assert facts["parameters"]["teachers"] == ["a", "b"]
    recorded = run.directory.read_info()["teachers"]
    assert [record["weights_sha256"] for record in recorded] == [digest_file(path) for path in teachers]
    assert len(list((run.directory.results / "refined").iterdir())) == len(fills)


def test_boxes_in_which_nothing_is_found_count_nothing(workshop, tmp_path):
    blind = make_teacher(tmp_path / "blind.safetensors", 5, bias=-7.0)
    run = workshop.run(REFINING, refiner={"name": "ensemble", "args": {"calibrate": False}})
    refine(run, [blind])
    for sample in hybrid(workshop).values():
        if sample.boxes is not None and (boxed := read_mask(sample.boxes) > 0).any():
            assert not read_mask(sample.weight)[boxed].any() and (read_mask(sample.weight)[~boxed] == 255).all()
    assert {row["decision"] for row in rows(run)} == {"ignored"}
    summary = json.loads((run.directory.results / "summary.json").read_text())
    assert summary["boxes"]["ignored"] == len(rows(run)) and "9 of 9 boxes ignored" in texts(run, "message")


def test_grabcut_asks_no_teacher(workshop):
    run = workshop.run(REFINING, refiner="grabcut")
    refine(run, [])
    overlaps = []
    for index in (index for index in FREE if index % 4 != 3):
        truth = read_mask(workshop.settings.datasets_dir / "tiny" / "masks" / name(index)) > 0
        refined = read_mask(hybrid(workshop)[name(index)].mask) > 0
        overlaps.append((truth & refined).sum() / (truth | refined).sum())
    assert np.mean(overlaps) > 0.9


@pytest.mark.parametrize("winner", ["box", "grabcut"])
def test_auto_takes_what_is_nearest_to_val(workshop, teachers, winner):
    if winner == "box":  # whoever drew by hand drew the boxes
        for sample in DatasetFolder.open(workshop.settings.datasets_dir / "tiny_deposition_BASELINE_VAL").samples:
            drawn = cv2.dilate(read_mask(sample.mask), np.ones((11, 11)))
            write_png(sample.mask, drawn)
    names = ["grabcut", "original", "ensemble", "box"]
    run = workshop.run(REFINING, refiner={"name": "auto", "args": {"candidates": names}})
    refine(run, teachers)
    with (run.directory.results / "refiners.csv").open(newline="") as file:
        scores = {row["refiner"]: float(row["iou"]) for row in csv.DictReader(file)}
    assert list(scores) == sorted(scores, key=lambda label: -scores[label]) and next(iter(scores)) == winner
    assert scores.keys() == {"grabcut", "original", "ensemble", "box"} and scores[winner] > 0.9
    parameters = json.loads((workshop.settings.datasets_dir / "tiny_deposition_H1" / "dataset.json").read_text())
    assert parameters["parameters"]["chosen"] == winner
    assert f"{winner} refines" in texts(run, "message") and "no boxes in the source" not in texts(run, "warning")
    mask = read_mask(hybrid(workshop)[name(24)].mask)
    assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize(("least_gain", "kept"), [(0.25, True), (0.9, False)])
def test_masks_that_gain_too_little_are_not_learned_from(workshop, tmp_path, least_gain, kept):
    # sees the defect everywhere, so that boxes alone make its masks better
    teacher = make_teacher(tmp_path / "t" / "checkpoints" / "best.safetensors", 5, bias=2.0)
    run = workshop.run(REFINING, refiner={"name": "ensemble", "args": {"calibrate": False, "least_gain": least_gain}})
    refine(run, [teacher])
    with (run.directory.results / "refiners.csv").open(newline="") as file:
        iou = {row["refiner"]: float(row["iou"]) for row in csv.DictReader(file)}
    assert iou.keys() == {"ensemble", "none"} and 0.25 < (iou["ensemble"] - iou["none"]) / (1 - iou["none"]) < 0.9
    facts = json.loads((workshop.settings.datasets_dir / "tiny_deposition_H1" / "dataset.json").read_text())
    assert facts["parameters"]["chosen"] == ("ensemble" if kept else "none")
    assert ("refines" in texts(run, "message")) == kept
    assert ("hand masks alone" in texts(run, "warning")) == (not kept)
    assert {file for file in hybrid(workshop) if file < name(HAND.stop)} == set(map(name, HAND))
    assert (set(hybrid(workshop)) == set(map(name, HAND))) == (not kept)
    sets = {"train_dataset": "tiny_deposition_H1", "validation_dataset": "tiny_deposition_H1_VAL"}
    final = workshop.train(stage="final", boxes={}, epochs=1, **sets)
    assert ("no refined ones were worth it" in texts(final, "message")) == (not kept)
    assert (final.directory.results / "per_image.csv").exists()


@pytest.mark.parametrize("calibrate", ["none", "val"])
def test_val_says_from_which_probability_on_a_pixel_is_defect(workshop, tmp_path, calibrate):
    # 0.31 everywhere: nothing at one half, the whole box where val shows that so much is defect
    timid = make_teacher(tmp_path / "t" / "checkpoints" / "best.safetensors", 5, bias=-0.8)
    args = {"calibrate": calibrate, "target": "hard", "false_boxes": False}
    run = workshop.run(REFINING, refiner={"name": "ensemble", "args": args})
    refine(run, [timid])
    facts = json.loads((workshop.settings.datasets_dir / "tiny_deposition_H1" / "dataset.json").read_text())
    found = facts["parameters"].get("calibration", {})
    assert found.get("shift") == (1.0 if calibrate == "val" else None)
    for sample in hybrid(workshop).values():
        if sample.boxes is not None:
            boxed = read_mask(sample.boxes) > 0
            assert np.array_equal(read_mask(sample.mask) > 0, boxed if calibrate == "val" else np.zeros_like(boxed))


def test_few_val_pictures_tune_nothing(workshop, tmp_path):
    val = workshop.settings.datasets_dir / "tiny_deposition_BASELINE_VAL"
    for file in sorted((val / "images").iterdir())[2:]:
        (val / "masks" / f"{file.stem}.png").unlink()
        file.unlink()
    timid = make_teacher(tmp_path / "t" / "checkpoints" / "best.safetensors", 5, bias=-0.8)
    refine(workshop.run(REFINING, refiner={"name": "ensemble", "args": {"calibrate": "val"}}), [timid])
    facts = json.loads((workshop.settings.datasets_dir / "tiny_deposition_H1" / "dataset.json").read_text())
    assert facts["parameters"]["calibration"]["shift"] == 0


@pytest.mark.slow
def test_val_chooses_the_flips(workshop, teachers):
    run = workshop.run(REFINING, refiner={"name": "ensemble", "args": {"flips": "auto"}})
    refine(run, teachers)
    with (run.directory.results / "refiners.csv").open(newline="") as file:
        scores = {row["refiner"]: float(row["iou"]) for row in csv.DictReader(file)}
    assert set(scores) == {"ensemble flips=horizontal", "ensemble flips=dihedral"}
    assert len(set(scores.values())) == 2
    winner = max(scores, key=scores.get)
    assert f"{winner} refines" in texts(run, "message")
    # the same pictures, refined with these flips alone
    chosen = {file: read_mask(sample.mask) for file, sample in hybrid(workshop).items()}
    refine(workshop.run(REFINING, refiner={"name": "ensemble", "args": {"flips": winner.split("=")[1]}}), teachers)
    assert all(np.array_equal(read_mask(sample.mask), chosen[file]) for file, sample in hybrid(workshop).items())


def test_what_was_stored_refines_as_what_is_asked_again(workshop, teachers, monkeypatch):
    from pipeseg.refiners import teachers as asked
    from pipeseg.refiners import workbench

    read = []
    monkeypatch.setattr(asked, "read_image", lambda path: read.append(path.name) or read_image(path))
    run = workshop.run(REFINING, refiner="ensemble")
    refine(run, teachers)
    # nothing but the answers is needed again, not even the pictures
    assert len(read) == len(set(read)) > 0
    before = {file: read_mask(sample.mask) for file, sample in hybrid(workshop).items()}
    monkeypatch.setattr(workbench, "CACHE_BYTES", 0)
    refine(workshop.run(REFINING, refiner="ensemble"), teachers)
    for file, sample in hybrid(workshop).items():
        assert np.array_equal(read_mask(sample.mask), before[file])


@pytest.mark.parametrize("phase", ["calibrate", "refine", "trying box"])
def test_a_stop_at_any_point_leaves_nothing(workshop, teachers, phase):
    datasets = workshop.settings.datasets_dir
    before = sorted(path.name for path in datasets.iterdir())
    run = workshop.run(REFINING, refiner={"name": "auto", "args": {"candidates": ["box", "ensemble"]}})

    def stop(event):
        if event.get("phase") == phase:
            send_command(run.directory.control_file, "stop")

    run.observers.append(stop)
    with pytest.raises(StopRequested):
        refine(run, teachers)
    assert sorted(path.name for path in datasets.iterdir()) == before


def test_a_refiner_with_a_teacher_wants_one(workshop):
    with pytest.raises(BadInput, match="crops needs a teacher; set baseline_run"):
        refine(workshop.run(REFINING), [])


def test_test_time_turns_are_undone(teachers):
    hardware = Hardware.choose("cpu", "float32")
    of_one = Teachers(teachers[:1], "deposition", hardware)
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    for flips, count in (("none", 1), ("horizontal", 2), ("dihedral", 8)):
        view = View("all", flips)
        assert len(set(turns(flips, (64, 64)))) == count
        straight, mirrored, turned = (
            probability_of(of_one.logits({(64, 64): shown.copy()}, view))
            for shown in (image, image[:, :, ::-1], np.rot90(image, 1, (1, 2)))
        )
        # a mean over a group of turns turns with the picture
        assert np.allclose(straight, mirrored[:, :, ::-1], atol=1e-4) == (flips != "none")
        assert np.allclose(straight, np.rot90(turned, -1, (1, 2)), atol=1e-4) == (flips == "dihedral")
    assert len(turns("dihedral", (64, 96))) == 4


def test_probabilities_of_teachers_are_averaged(teachers):
    both = Teachers(teachers, "deposition", Hardware.choose("cpu", "float32"))
    view = View("all", "none")
    assert both.sizes(view) == [(64, 64), (32, 64)] and both.sizes(View("first", "none")) == [(64, 64)]
    random = np.random.default_rng(0)
    inputs = {size: random.integers(0, 256, (2, *size, 3), dtype=np.uint8) for size in both.sizes(view)}
    alone = [Teachers([path], "deposition", both.hardware).logits(inputs, view) for path in teachers]
    small = torch.sigmoid(torch.from_numpy(alone[1]))[:, None]
    large = torch.nn.functional.interpolate(small, size=(64, 64), mode="bilinear")[:, 0]
    expected = (torch.sigmoid(torch.from_numpy(alone[0])) + large) / 2
    assert torch.allclose(torch.sigmoid(torch.from_numpy(both.logits(inputs, view))), expected, atol=1e-5)
    assert np.array_equal(both.logits(inputs, View("first", "none")), alone[0])


def test_fills_are_those_of_hand_masks_in_their_own_boxes(workshop):
    datasets = workshop.settings.datasets_dir
    source, hand = DatasetFolder.open(datasets / "tiny"), DatasetFolder.open(datasets / "tiny_deposition_BASELINE")
    (source.path / "boxes.csv").write_text(
        f"{','.join(COLUMNS)}\n{name(0)},deposition,0,0,64,64\n{name(3)},deposition,1,1,9,9\n{name(1)},obstacle,1,1,9,9\n"
    )
    boxes = SourceBoxes.open(source, "deposition")
    fills = hand_fills(hand.samples[:1] + hand.samples[3:4], boxes)
    share = (read_mask(hand.samples[0].mask) > 0).mean()
    assert fills.values.tolist() == [share] and fills.false == 1 and fills.origin == "boxes of the source"
    # the others have no box of their own in the list
    guessed = hand_fills(hand.samples, boxes)
    assert len(guessed.values) == 12 and "bounding boxes of the hand masks" in guessed.origin
    picture = hand_picture(hand.samples[1], boxes)
    inside, (place,) = picture.boxed
    assert picture.is_guessed and (inside & picture.truth).sum() == picture.truth.sum()
    assert 0.5 < picture.truth[place].mean() < 1
    again = hand_picture(hand.samples[1], boxes)
    assert np.array_equal(again.boxed[0], inside)


def test_val_pictures_without_boxes_are_said_aloud(workshop):
    source = workshop.settings.datasets_dir / "tiny"
    lines = (source / "boxes.csv").read_text().splitlines()
    kept = [line for line in lines if line.partition(",")[0] not in map(name, VAL)]
    (source / "boxes.csv").write_text("\n".join(kept) + "\n")
    run = workshop.run(REFINING, refiner={"name": "auto", "args": {"candidates": ["box", "grabcut"]}})
    refine(run, [])
    assert "4 of 5 val pictures have no boxes in the source" in texts(run, "warning")
