"""Networks: the gate, frozen statistics, encoder names, and one sentence for each mistake."""

import pytest
import torch
from small_networks import UNET

from pipeseg.errors import BadInput
from pipeseg.registry import ENCODERS, MODELS, build
from pipeseg.schema import ModelConfig


def make(name: str = "UNetAttention", **args):
    torch.manual_seed(0)
    return build(MODELS, name, **{**UNET, **args})


@pytest.mark.parametrize("name", ["UNet", "UNetAttention", "AttentionUNet"])
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoder",
    [
        "resnet18",  # BatchNorm2d
        "tu-mobilenetv3_small_050",  # BatchNormAct2d of timm
        "efficientnet-lite0",
        "efficientnet-b0",  # drops whole blocks while it learns
        pytest.param("mobileone_s0", marks=pytest.mark.slow),
        pytest.param("timm-skresnet18", marks=pytest.mark.slow),
        "mit_b0",  # LayerNorm
        "tu-convnext_atto",
    ],
)
def test_a_frozen_encoder_keeps_weights_and_statistics(encoder):
    model = make(encoder_name=encoder, freeze_encoder=True)
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    decoder = {key: value.clone() for key, value in model.decoder.state_dict().items()}
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.1)
    image = torch.randn(2, 3, 64, 64)
    for _ in range(3):
        model.train()
        model(image * 5).mean().backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            assert torch.equal(model(image), model(image))
    model.train()
    after = model.encoder.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any(not torch.equal(decoder[key], value) for key, value in model.decoder.state_dict().items())
    assert not any(module.training for module in model.encoder.modules())
    assert any(m.training for m in model.decoder.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_without_freezing_statistics_do_move():
    model = make(encoder_name="resnet18")
    before = model.encoder.bn1.running_mean.clone()
    model.train()
    model(torch.randn(2, 3, 64, 64))
    assert not torch.equal(before, model.encoder.bn1.running_mean)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"encoder_name": "resnet3"}, "did you mean 'resnet34'?"),
        ({"encoder_name": "tu-nonsense"}, "unknown encoder 'tu-nonsense'"),
        ({"encoder_name": 34}, "unknown encoder '34'"),
        ({"widht": 3}, "unknown argument 'widht'"),
        ({"decoder_chanels": [8]}, "did you mean 'decoder_channels'?"),
        # smp's own encoders would take anything
        ({"encoder_name": "resnet18", "widht": 3}, "unknown argument 'widht'"),
        ({"encoder_name": "resnet18", "dropuot": 0.1}, "did you mean 'dropout'?"),
        ({"classes": 0}, "classes: must be a whole number from 1"),
        ({"classes": "2"}, "classes: must be a whole number from 1"),
        ({"in_channels": 1}, "in_channels: must be 3"),
        ({"activation": "sigmoid"}, "activation: must be null"),
        ({"aux_params": {"classes": 2}}, "aux_params: must be null"),
        ({"decoder_channels": [8, 8]}, "decoder_channels"),
        ({"dropout": 2}, "dropout"),
        ({"freeze_encoder": "No"}, "freeze_encoder: must be true or false"),
    ],
)
def test_a_wrong_argument_is_named(args, words):
    with pytest.raises(BadInput, match=r"model\.args") as caught:
        make(**args)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_encoders_to_choose_from_are_all_of_smp_and_exist():
    import timm
    from segmentation_models_pytorch.encoders import get_encoder_names

    from pipeseg.models.weights import PACKAGED

    of_smp = {name for name in get_encoder_names() if not name.startswith("timm-")}
    assert of_smp | PACKAGED.keys() == {name for name in ENCODERS if not name.startswith("tu-")}
    assert all(timm.is_model(name.removeprefix("tu-")) for name in ENCODERS if name.startswith("tu-"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"classes": 2}, "classes: must be 1, or left out"),
        ({"in_channels": 1}, "in_channels: must be 3, or left out"),
        ({"encoder_name": "resnet3"}, "did you mean 'resnet34'?"),
        ({"encoder_name": None}, "unknown encoder 'None'"),
    ],
)
def test_what_a_config_cannot_ask_of_a_network(args, words):
    with pytest.raises(ValueError, match="args") as caught:
        ModelConfig(name="UNet", args=args)
    assert words in str(caught.value)


def test_the_originals_arguments_stay_as_they_are():
    args = {"encoder_name": "resnet34", "in_channels": 3, "classes": 1, "freeze_encoder": True}
    assert ModelConfig(args=args).args == args
    assert ModelConfig(args={"encoder_name": "tu-anything"}).args["encoder_name"] == "tu-anything"
