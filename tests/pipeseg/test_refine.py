"""The hybrid dataset: refined inside the boxes, hand masks as drawn, nothing of val or test in it."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from refining import REFINING

from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.folder import DatasetFolder
from pipeseg.data.pictures import read_mask
from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import send_command
from pipeseg.models import build_unet_attention
from pipeseg.refine import refine
from pipeseg.refiners import BoxPicture, BoxRefiner, OriginalRefiner
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint

CONFIG = {**REFINING, "refiner": {"name": "original", "args": {"threshold": 0.5}}}
BOX = (10, 5, 50, 40)
HAND, VAL, TEST, FREE = range(3), range(3, 6), range(6, 9), range(9, 20)


@pytest.fixture
def workshop(own_tiny):
    """A source of 20 pictures in two sizes: 9 labelled by hand; p018 copies a test picture, p019 has no box."""
    sizes = ((64, 64), (56, 80))
    source = own_tiny.add_dataset("tiny", range(20), sizes)
    groups = {f"p{index:03}.png": f"g{index:03}" for index in range(20)} | {"p018.png": "g007"}
    (source / "dataset.json").write_text(json.dumps({"groups": groups}))
    rows = [f"p{index:03}.png,deposition,{','.join(map(str, BOX))}" for index in range(19)]
    rows += ["p019.png,obstacle,1,1,9,9"]
    (source / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *rows]) + "\n")
    for suffix, indices in (("BASELINE", HAND), ("BASELINE_VAL", VAL), ("EVAL", TEST)):
        own_tiny.add_dataset(f"tiny_deposition_{suffix}", indices, sizes)
    return own_tiny


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    """A network that says something different everywhere, trained at a size that no picture has."""
    torch.manual_seed(5)
    args = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}
    model = build_unet_attention(**args, encoder_weights=None)
    with torch.no_grad():
        model.segmentation_head[0].weight.mul_(20)
    path = tmp_path_factory.mktemp("teacher") / "best.safetensors"
    network = {"name": "UNetAttention", "args": args}
    save_checkpoint(path, model, Checkpoint(network, (96, 64), 0.5, 1, 1, 0.5, "iou", "deposition", "t"))
    return path


def masks(workshop, name="tiny_deposition_H1"):
    folder = DatasetFolder.open(workshop.settings.datasets_dir / name)
    return {sample.name: read_mask(sample.mask) for sample in folder.samples}


def names(indices):
    return {f"p{index:03}.png" for index in indices}


def test_the_hybrid_holds_refined_boxes_and_hand_masks(workshop, teacher):
    datasets = workshop.settings.datasets_dir
    before = fingerprint_folder(datasets / "tiny")
    run = workshop.run(CONFIG)
    refine(run, [teacher])
    found = masks(workshop)
    # neither val nor test, nor the copy of a test picture; p019 is a picture without the defect
    assert found.keys() == names([*HAND, *FREE]) - {"p018.png"}
    inside = np.zeros((100, 100), bool)
    inside[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    values = set()
    for name in names(FREE) - {"p018.png"}:
        mask = found[name]
        assert mask.shape == np.asarray(Image.open(datasets / "tiny" / "images" / name)).shape[:2]
        part = inside[: mask.shape[0], : mask.shape[1]]
        assert not mask[~part].any()
        values |= set(np.unique(mask[part]))
    assert not found["p019.png"].any()
    assert values - {0} == {round(255 * 0.3), 255}
    for sample in DatasetFolder.open(datasets / "tiny_deposition_H1").samples:
        assert sample.weight is None and (sample.boxes is None) == (sample.name in names(HAND))
        if sample.boxes is not None:
            boxed = read_mask(sample.boxes)
            drawn = inside[: boxed.shape[0], : boxed.shape[1]] & (sample.name != "p019.png")
            assert np.array_equal(boxed, np.where(drawn, 255, 0))
    for suffix, target in (("BASELINE", "tiny_deposition_H1"), ("BASELINE_VAL", "tiny_deposition_H1_VAL")):
        for file in (datasets / f"tiny_deposition_{suffix}" / "masks").iterdir():
            assert (datasets / target / "masks" / file.name).read_bytes() == file.read_bytes()
    assert masks(workshop, "tiny_deposition_H1_VAL").keys() == names(VAL)
    facts = json.loads((datasets / "tiny_deposition_H1" / "dataset.json").read_text())
    assert facts["groups"]["p009.png"] == "g009" and facts["parameters"]["teachers"] == ["t"]
    assert run.directory.read_info()["datasets"]["hybrid"]["fingerprint"] == facts["fingerprint"]
    assert fingerprint_folder(datasets / "tiny") == before


def test_the_teacher_sees_the_size_that_it_learned_at(workshop, teacher, monkeypatch):
    from pipeseg.models import UNetAttention

    sizes = set()
    forward = UNetAttention.forward
    monkeypatch.setattr(UNetAttention, "forward", lambda self, x: sizes.add(tuple(x.shape[2:])) or forward(self, x))
    refine(workshop.run(CONFIG), [teacher])
    assert sizes == {(96, 64)}


def test_the_batch_size_changes_no_mask(workshop, teacher):
    found = []
    for batch_size in (1, 3, 16):
        refine(workshop.run(CONFIG, batch_size=batch_size), [teacher])
        found.append(masks(workshop))
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for name, mask in other.items():
            # rounding may flip a pixel whose probability is the threshold
            assert (mask != found[0][name]).mean() < 0.001


def test_probabilities_meet_the_threshold_not_logits():
    """The original cut logits at 0.75, which is a probability of 0.679."""
    probability = np.array([[0.70, 0.74, 0.76, 0.9]], np.float32)
    inside = np.array([[True, True, True, False]])
    picture = BoxPicture(inside, ((slice(0, 1), slice(0, 3)),), probability)
    refined = OriginalRefiner()(picture)
    assert refined.target.tolist() == [[76, 76, 255, 0]] and refined.weight is None
    assert BoxRefiner()(picture).target.tolist() == [[255, 255, 255, 0]]


def test_without_a_list_of_boxes_the_masks_are_the_boxes(workshop, teacher):
    source = workshop.settings.datasets_dir / "tiny"
    (source / "boxes.csv").unlink()
    refine(workshop.run(CONFIG), [teacher])
    for name in names(FREE) - {"p018.png"}:
        box = read_mask(source / "masks" / name) >= 128
        assert not masks(workshop)[name][~box].any()
        assert (masks(workshop)[name][box] >= 76).all()


def test_labelled_pictures_stay_out_although_no_set_holds_them(workshop, teacher):
    columns = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
        "p010.png,1,{},0,0,{},{}\n"
    )
    (workshop.settings.datasets_dir / "tiny" / "labels.csv").write_text(columns)
    refine(workshop.run(CONFIG), [teacher])
    assert "p010.png" not in masks(workshop)


def test_sets_that_know_no_groups_leak_nothing(workshop, teacher):
    for suffix in ("BASELINE", "BASELINE_VAL", "EVAL"):
        (workshop.settings.datasets_dir / f"tiny_deposition_{suffix}" / "dataset.json").unlink()
    refine(workshop.run(CONFIG), [teacher])
    assert masks(workshop).keys() == names([*HAND, *FREE]) - {"p018.png"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"defect_class": "obstacle"}, "learned deposition, not obstacle"),
        ({"refiner": {"name": "original", "args": {"treshold": 1}}}, "refiner.args: original"),
        ({"refiner": {"name": "original", "args": {"threshold": 1}}}, "refiner.args.threshold"),
        ({"refiner": {"name": "original", "args": {"box_weight": 0.9}}}, "refiner.args"),
        ({"source_dataset": "nowhere"}, "nowhere"),
        ({"evaluation_dataset": "nowhere"}, "nowhere"),
    ],
)
def test_bad_input_writes_nothing(workshop, teacher, change, words):
    before = sorted(path.name for path in workshop.settings.datasets_dir.iterdir())
    with pytest.raises(BadInput) as caught:
        refine(workshop.run(CONFIG, **change), [teacher])
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(path.name for path in workshop.settings.datasets_dir.iterdir()) == before


def test_no_free_picture_with_a_box_is_bad_input(workshop, teacher):
    path = workshop.settings.datasets_dir / "tiny" / "boxes.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:5]) + "\n")  # boxes of hand-labelled pictures only
    with pytest.raises(BadInput, match="no picture with a box"):
        refine(workshop.run(CONFIG), [teacher])


@pytest.mark.parametrize("failure", ["stop", "mask"])
def test_a_failure_keeps_the_old_hybrid_whole(workshop, teacher, failure):
    datasets = workshop.settings.datasets_dir
    refine(workshop.run(CONFIG), [teacher])
    before = {path.name: fingerprint_folder(path) for path in datasets.glob("*_H1*")}
    run = workshop.run(CONFIG, refiner={"name": "box", "args": {}})
    if failure == "stop":
        run.observers.append(
            lambda event: event.get("phase") == "refine" and send_command(run.directory.control_file, "stop")
        )
        with pytest.raises(StopRequested):
            refine(run, [teacher])
    else:
        shutil.rmtree(datasets / "tiny_deposition_BASELINE_VAL")
        with pytest.raises(BadInput):
            refine(run, [teacher])
    assert {path.name: fingerprint_folder(path) for path in datasets.glob("*_H1*")} == before
    assert not [path for path in datasets.iterdir() if path.name.startswith(".")]
