"""Batch norms folded into convolutions: the same logits, from a copy; left alone where a fold would change them."""

import pytest
import torch
from small_networks import SMALL, UNET
from torch import nn

from pipeseg.models.folding import folded
from pipeseg.refiners.base import View
from pipeseg.refiners.teachers import Teachers, copy_network
from pipeseg.registry import MODELS, build
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint
from pipeseg.training.device import Hardware

SIZE = (64, 96)


def trained(network: nn.Module) -> nn.Module:
    """Give every batch norm statistics and weights of its own, as training does."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "args"), [*SMALL.items(), ("UNet", {**UNET, "encoder_name": "resnet18"})])
def test_the_logits_stay(name, args):
    size = (224, 224) if name == "DPT" else (128, 160)
    network = trained(build(MODELS, name, **args))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.get_rng_state()
    found = folded(network, size)
    assert torch.equal(torch.get_rng_state(), state)
    assert found is not network and norms(found) < norms(network) / 2 + 1
    with torch.inference_mode():
        images = torch.randn(3, 3, *size)
        expected, given = network(images), found(images)
    assert (given - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in found.parameters())


class Twice(nn.Module):
    """What the convolution puts out goes to a batch norm and, beside it, straight on."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, images):
        features = self.convolution(images)
        return self.norm(features) + features


class Shared(nn.Module):
    """One batch norm after two convolutions."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.norm = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, images):
        return self.norm(self.second(self.norm(self.first(images))))


@pytest.mark.parametrize("network", [Twice(), Shared(), nn.Conv2d(3, 1, 1)])
def test_what_cannot_be_folded_answers_as_before(network):
    network = trained(network)
    images = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(folded(network, (8, 8))(images), network(images), atol=1e-6)


def test_the_network_that_learns_is_not_the_folded_one(tmp_path):
    path = tmp_path / "t" / "checkpoints" / "best.safetensors"
    path.parent.mkdir(parents=True)
    network = trained(build(MODELS, "UNet", **UNET))
    header = Checkpoint({"name": "UNet", "args": UNET}, SIZE, 0.5, 1, 1, 0.5, "iou", "deposition", "t")
    save_checkpoint(path, network, header)
    teachers = Teachers([path], "deposition", Hardware.choose("cpu", "float32"))
    (teacher,) = teachers.teachers
    pictures = {SIZE: torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8).numpy()}
    before = teachers.logits(pictures, View("first", "none"))
    learning = copy_network(teacher.model)
    assert norms(learning) == norms(network) and not norms(teacher.answering)
    with torch.no_grad():
        for parameter in [*learning.parameters(), *teacher.model.parameters()]:
            parameter.zero_()
    assert (teachers.logits(pictures, View("first", "none")) == before).all() and before.any()
