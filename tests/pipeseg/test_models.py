"""Networks: shapes, the gate, frozen statistics, weights from files, and one sentence for each mistake."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from pipeseg.errors import BadInput
from pipeseg.registry import MODELS, build
from pipeseg.settings import ROOT

TINY = {
    "encoder_name": "tu-mobilenetv3_small_050",
    "encoder_weights": None,
    "decoder_channels": [16, 16, 8, 8, 8],
}


def make(name: str = "UNetAttention", **args):
    torch.manual_seed(0)
    return build(MODELS, name, **{**TINY, **args})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_one_logit_per_pixel(name, size):
    model = make(name)
    logits = model(torch.randn(2, 3, *size))
    assert logits.shape == (2, 1, *size)
    logits.mean().backward()
    silent = [key for key, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not silent


def test_the_gate_decides_what_the_deepest_feature_says():
    model = make().eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model(image)
        model.gate.weight.zero_()
        model.gate.bias.fill_(-50)
        closed = model(image)
        assert not torch.allclose(before, closed)
        # closed: the decoder sees zeros there, whatever the encoder found
        features = [*model.encoder(image)]
        features[-1] = torch.zeros_like(features[-1])
        torch.testing.assert_close(closed, model.segmentation_head(model.decoder(features)))


def test_dropout_works_in_training_only():
    model = make(dropout=0.9)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        model.drop.train()
        assert not torch.equal(model(image), model(image))
        model.eval()
        assert torch.equal(model(image), model(image))


def test_a_frozen_encoder_keeps_weights_and_statistics():
    model = make(freeze_encoder=True)
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    decoder = {key: value.clone() for key, value in model.decoder.state_dict().items()}
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.1)
    for _ in range(2):
        model.train()
        model(torch.randn(2, 3, 64, 64) * 5).mean().backward()
        optimizer.step()
        model.eval()
    model.train()
    after = model.encoder.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any(not torch.equal(decoder[key], value) for key, value in model.decoder.state_dict().items())
    assert all(not m.training for m in model.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert any(m.training for m in model.decoder.modules() if isinstance(m, torch.nn.BatchNorm2d))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_encoder_weights_come_from_a_file(tmp_path, suffix):
    donor = make()
    state = {
        key: torch.rand(value.shape).to(value.dtype).contiguous() for key, value in donor.encoder.state_dict().items()
    }
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, file)
    else:
        save_file(state, file)
    loaded = make(encoder_weights=str(file)).encoder.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


class Malicious:
    """Unpickling it would run code."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('the file ran code')",))


def test_files_that_are_no_weights_of_this_encoder(tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "empty.pth").write_bytes(b"")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"x": Malicious()}, tmp_path / "code.pth")
    (tmp_path / "folder.pth").mkdir()
    for file in [*tmp_path.iterdir(), tmp_path / "missing.pth", tmp_path / "missing.safetensors"]:
        with pytest.raises(BadInput, match=r"model\.args\.encoder_weights") as caught:
            make(encoder_weights=str(file))
        assert str(file) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"encoder_name": "resnet3"}, "did you mean 'resnet34'?"),
        ({"encoder_name": "tu-nonsense"}, "unknown encoder 'tu-nonsense'"),
        ({"encoder_name": 34}, "unknown encoder '34'"),
        ({"widht": 3}, "unknown argument 'widht'"),
        ({"classes": 2}, "classes: 1"),
        ({"in_channels": 1}, "in_channels: 3"),
        ({"decoder_channels": [8, 8]}, "decoder_channels"),
        ({"dropout": 2}, "dropout"),
        ({"freeze_encoder": "No"}, "freeze_encoder: must be true or false"),
    ],
)
def test_a_wrong_argument_is_named(args, words):
    with pytest.raises(BadInput, match=r"model\.args") as caught:
        make(**args)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_weights_that_cannot_be_downloaded_give_one_sentence(tmp_path):
    program = (
        "from pipeseg.registry import MODELS, build; from pipeseg.errors import BadInput\n"
        "for args in ({}, {'decoder_channels': [8]}):\n"
        "    try: build(MODELS, 'UNet', encoder_name='resnet18', encoder_weights='imagenet', **args)\n"
        "    except BadInput as error: print(error)"
    )
    import os

    hub = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    output = subprocess.check_output(
        [sys.executable, "-c", program], env={**os.environ, **hub}, encoding="utf-8", timeout=120
    )
    download, argument = output.splitlines()
    assert "encoder_weights: 'imagenet' for resnet18 could not be downloaded" in download and "null" in download
    # what is wrong is not blamed on the network
    assert "decoder_channels" in argument
