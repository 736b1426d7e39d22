"""Every network of the registry: shape, sizes, learning, batches of one, and a way through a checkpoint."""

import pytest
import torch
from small_networks import SMALL

from pipeseg.errors import BadInput
from pipeseg.models import check_size
from pipeseg.registry import MODELS, MODELS_HELP, build
from pipeseg.training.checkpoint import Checkpoint, load_model, save_checkpoint


def make(name, **args):
    torch.manual_seed(0)
    return build(MODELS, name, **{**SMALL[name], **args})


def pictures(count=2, height=128, width=160):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_every_network_has_a_line_of_help_and_small_arguments():
    assert MODELS.keys() == MODELS_HELP.keys() == SMALL.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_logit_per_pixel_and_a_checkpoint_gives_it_back(name, tmp_path):
    model = make(name).eval()
    with torch.inference_mode():
        logits = model(pictures())
    assert logits.shape == (2, 1, 128, 160) and torch.isfinite(logits).all() and logits.std() > 0
    path = tmp_path / "best.safetensors"
    header = Checkpoint({"name": name, "args": SMALL[name]}, (128, 160), 0.5, 1, 1, 0.5, "iou", "crack", "r")
    save_checkpoint(path, model, header)
    loaded, _ = load_model(path)
    with torch.inference_mode():
        assert torch.equal(loaded(pictures()), logits)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_it_learns_one_batch_and_every_weight_takes_part(name):
    model = make(name, classes=2).train()
    images, target = pictures(), torch.zeros(2, 2, 128, 160)
    # one half of each picture is brighter, the other is the second class: something that every network can see
    target[:, 0, :, :80] = 1
    target[:, 1, :, 80:] = 1
    images += 3 * target[:, :1]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(images), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]
    silent = [key for key, weight in model.decoder.named_parameters() if weight.grad is None]
    # the last block of a feature pyramid may have no use, but most of a decoder does
    assert len(silent) <= len(list(model.decoder.parameters())) // 4, silent


# the last five pool a picture to one value
@pytest.mark.parametrize("name", ["UNet", "PSPNet", "PAN", "DeepLabV3", "DeepLabV3Plus", "UPerNet"])
def test_one_picture_at_once_is_enough_to_learn(name):
    model = make(name).train()
    model(pictures(1, 256, 160)).mean().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_sizes_that_configs_ask_for_fit(name):
    model = make(name).train()
    modes = [module.training for module in model.modules()]
    for size in ((128, 160), (704, 512)):
        check_size(model, size)
    assert [module.training for module in model.modules()] == modes


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_originals_size_passes_through(name):
    with torch.inference_mode():
        assert make(name).eval()(pictures(1, 704, 512)).shape == (1, 1, 704, 512)


@pytest.mark.parametrize(
    ("name", "args", "size", "words"),
    [
        ("PAN", {}, (96, 160), "sides of at least 128"),
        ("UNet", {"encoder_name": "tu-swin_tiny_patch4_window7_224"}, (128, 160), r"cannot take \[128, 160\]"),
        ("DPT", {"encoder_name": "tu-vit_tiny_patch16_224", "dynamic_img_size": False}, (128, 160), "cannot take"),
        ("FPN", {"upsampling": 2}, (128, 160), r"turns \[128, 160\] into \[64, 80\]"),
    ],
)
def test_a_size_that_does_not_fit_is_one_sentence(name, args, size, words):
    with pytest.raises(BadInput, match=rf"^image_size: .*{words}") as caught:
        check_size(make(name, **args), size)
    assert "\n" not in str(caught.value)


def test_pan_says_so_when_one_picture_is_too_little():
    with pytest.raises(BadInput, match="micro_batch"):
        make("PAN").train()(pictures(1))


@pytest.mark.parametrize(
    ("name", "encoder", "words"),
    [
        ("DeepLabV3", "densenet121", "densenet121: DenseNet encoders do not support dilated mode"),
        ("DeepLabV3Plus", "tu-vgg11", "'tu-vgg11' cannot be dilated"),
        ("PAN", "tu-efficientvit_b0", "'tu-efficientvit_b0' cannot be dilated"),
        ("UNetPlusPlus", "mit_b0", "mit_b0"),
        ("Linknet", "mit_b0", "mit_b0"),
        ("DPT", "resnet18", "needs a vision transformer"),
        ("DPT", "tu-resnet18", "'tu-resnet18' is no vision transformer"),
        ("UNet", "tu-vit_tiny_patch16_224", "Unsupported model downsampling pattern"),
    ],
)
def test_an_encoder_that_does_not_fit_is_one_sentence(name, encoder, words):
    with pytest.raises(BadInput, match=r"^model\.args") as caught:
        build(MODELS, name, encoder_name=encoder, encoder_weights=None)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def gates(model):
    return [block.gate for block in model.decoder.blocks if hasattr(block, "gate")]


def test_every_skip_of_the_attention_unet_has_a_gate():
    model = make("AttentionUNet")
    # the encoder's features but the input and the deepest
    assert len(gates(model)) == 4
    seen = []
    for gate in gates(model):
        gate.psi.register_forward_hook(lambda _, __, output: seen.append(torch.sigmoid(output)))
    model(pictures()).mean().backward()
    # at the start the gates let through what a U-Net would see
    assert len(seen) == 4 and all(alpha.mean() > 0.8 for alpha in seen)
    assert all(weight.grad.abs().sum() > 0 for gate in gates(model) for weight in gate.parameters())
    # encoders that begin at stride 4 have one skip less
    assert len(gates(make("AttentionUNet", encoder_name="tu-convnext_atto"))) == 3


def test_a_closed_gate_hides_its_skip():
    model = make("AttentionUNet").eval()
    images = pictures()
    with torch.no_grad():
        features = model.encoder(images)
        open_ = model.decoder(features)
        for gate in gates(model):
            gate.psi.weight.zero_()
            gate.psi.bias.fill_(-50)
        hidden = [features[0], *(torch.zeros_like(skip) for skip in features[1:-1]), features[-1]]
        closed = model.decoder(features)
        torch.testing.assert_close(closed, model.decoder(hidden))
        assert not torch.allclose(open_, closed)
