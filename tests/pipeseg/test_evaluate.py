"""Scoring at native size, exact for every batch size; checkpoints that a kill cannot break."""

import multiprocessing

import numpy as np
import pytest
import torch

from pipeseg.data.folder import DatasetFolder
from pipeseg.data.loading import Pictures
from pipeseg.data.pictures import read_mask
from pipeseg.errors import BadInput
from pipeseg.losses import BCELoss
from pipeseg.models import build_unet_attention
from pipeseg.training.checkpoint import Checkpoint, load_model, read_header, save_checkpoint
from pipeseg.training.device import Hardware
from pipeseg.training.evaluate import evaluate

CPU = Hardware.choose("cpu", "float32")


@pytest.fixture(scope="module")
def pictures(tiny_session):
    """Five test pictures of two sizes; one without the defect."""
    folder = DatasetFolder.open(tiny_session.settings.datasets_dir / "tiny_deposition_EVAL")
    return Pictures.load(folder, (64, 64), lambda done, total: None)


class Bright(torch.nn.Module):
    """Logit by brightness: knows the defect."""

    def forward(self, x):
        return (x.mean(1, keepdim=True) - 0.2) * 20


@pytest.mark.parametrize("soft", [True, False])
def test_the_batch_size_changes_no_score(pictures, soft):
    found = []
    for batch_size in (1, 2, 5):
        scores, loss = evaluate(
            Bright(), pictures, CPU, batch_size=batch_size, soft=soft, threshold=0.5, criterion=BCELoss()
        )
        found.append((scores.counts, loss))
    for counts, loss in found[1:]:
        np.testing.assert_allclose(counts, found[0][0], rtol=1e-6)
        assert loss == pytest.approx(found[0][1], rel=1e-6)  # a last odd batch weighs as much as its pictures


def test_the_truth_keeps_its_native_pixels(pictures):
    scores, _ = evaluate(Bright(), pictures, CPU, batch_size=5, soft=False, threshold=0.5)
    native = [read_mask(sample.mask) for sample in pictures.samples]
    assert scores.truth.tolist() == [(mask > 127).sum() for mask in native]
    assert scores.counts.sum(1).tolist() == [mask.size for mask in native]
    assert scores.summary()["iou"] > 0.85 and scores.summary()["false_alarms"] == 0


def test_a_model_that_sees_defects_everywhere_raises_false_alarms(pictures):
    class Everywhere(torch.nn.Module):
        def forward(self, x):
            return torch.full_like(x[:, :1], 9.0)

    summary = evaluate(Everywhere(), pictures, CPU, batch_size=2, soft=False, threshold=0.5)[0].summary()
    assert summary["false_alarms"] == 1 and summary["recall"] == 1 and summary["specificity"] == 0


def test_outputs_between_zero_and_one_are_logits_all_the_same(pictures):
    """The original guessed by their range whether values are logits; 0.1 is a logit of 0.52, not a probability."""

    class Unsure(torch.nn.Module):
        def forward(self, x):
            return torch.full_like(x[:, :1], 0.1)

    summary = evaluate(Unsure(), pictures, CPU, batch_size=2, soft=False, threshold=0.5)[0].summary()
    assert summary["recall"] == 1
    soft = evaluate(Unsure(), pictures, CPU, batch_size=2, soft=True, threshold=0.5)[0].summary()
    assert soft["recall"] == pytest.approx(torch.sigmoid(torch.tensor(0.1)).item(), abs=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_left_as_it_was(pictures, training):
    model = Bright().train(training)
    evaluate(model, pictures, CPU, batch_size=2, soft=True, threshold=0.5)
    assert model.training is training


def test_what_is_seen_is_native(pictures):
    seen = {}
    evaluate(
        Bright(), pictures, CPU, batch_size=2, soft=True, threshold=0.5,
        see=lambda index, mask, probability: seen.update({index: (mask.shape, tuple(probability.shape))}),
    )  # fmt: skip
    assert seen == {i: (size, size) for i, size in enumerate([(80, 72), (56, 100)] * 2 + [(80, 72)])}


ARGS = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}
HEADER = Checkpoint(
    model={"name": "UNetAttention", "args": {**ARGS, "encoder_weights": "imagenet", "freeze_encoder": True}},
    image_size=(64, 96),
    threshold=0.4,
    step=3,
    epoch=1,
    score=0.25,
    metric="iou",
    defect_class="Отложения",
    run_id="x",
)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    model = build_unet_attention(**ARGS, encoder_weights=None).eval()
    save_checkpoint(tmp_path / "a.safetensors", model, HEADER)
    loaded, header = load_model(tmp_path / "a.safetensors")  # downloads nothing, although its model says imagenet
    assert header == HEADER and not loaded.training
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(loaded(image), model(image))


def test_files_that_are_no_checkpoint(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "later.safetensors", metadata={"pipeseg": '{"image_size": [1, 2]}'})
    save_file({"x": torch.zeros(1)}, tmp_path / "broken.safetensors", metadata={"pipeseg": "{"})
    save_checkpoint(tmp_path / "cut.safetensors", torch.nn.Conv2d(3, 1, 1), HEADER)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "cut.safetensors").read_bytes()[:-4])
    for file in [*tmp_path.iterdir(), tmp_path, tmp_path / "missing.safetensors"]:
        with pytest.raises(BadInput) as caught:
            read_header(file)
        assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def _save_forever(file):
    model = torch.nn.Linear(600, 500)
    while True:
        save_checkpoint(file, model, HEADER)


@pytest.mark.slow
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_kill_while_saving_leaves_a_readable_checkpoint(tiny, tmp_path):
    file = tmp_path / "last.safetensors"
    for kill in range(6):
        writer = multiprocessing.get_context("fork").Process(target=_save_forever, args=(file,))
        writer.start()
        seen = set()

        def saved(seen=seen, kill=kill):
            if file.exists():
                assert read_header(file) == HEADER
                seen.add(file.stat().st_ino)
            return len(seen) > kill % 3

        tiny.wait_until(saved)
        writer.kill()
        writer.join()
        assert read_header(file) == HEADER


def test_a_device_that_is_not_there_is_bad_input():
    with pytest.raises(BadInput, match="device"):
        Hardware.choose("cuda:99", "auto")
