"""Weights of encoders: from files, from a package, from a hub that may not answer."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from small_networks import UNET

from pipeseg.errors import BadInput
from pipeseg.registry import MODELS, build
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint


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
