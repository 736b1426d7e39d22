"""Losses: smallest at the truth, soft or not, and alive without any."""

import pytest
import segmentation_models_pytorch as smp
import torch

from pipeseg.config import CriterionConfig
from pipeseg.errors import BadInput
from pipeseg.losses import BCEDiceLoss, BCELoss, DiceLoss, TverskyLoss
from pipeseg.registry import LOSSES
from pipeseg.training.loop import build_loss

REGION = [TverskyLoss(0.3, 0.7), TverskyLoss(0.5, 0.5, smooth=0), DiceLoss()]


def soft_target(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.05


@pytest.mark.parametrize("loss", [*REGION, BCELoss(), BCEDiceLoss()], ids=repr)
def test_the_smallest_loss_is_at_the_soft_truth(loss):
    target = soft_target(2, 1, 4, 4)
    logits = torch.zeros_like(target, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for step in range(1500):
        if step == 1000:
            optimizer.param_groups[0]["lr"] = 0.002
        optimizer.zero_grad()
        loss(logits, target).backward()
        optimizer.step()
    torch.testing.assert_close(torch.sigmoid(logits.detach()), target, atol=0.01, rtol=0)


@pytest.mark.parametrize("loss", REGION, ids=repr)
def test_a_region_loss_is_zero_at_the_soft_truth_and_only_there(loss):
    target = soft_target(1, 1, 8, 8)
    assert loss(torch.logit(target), target).item() == pytest.approx(0, abs=1e-6)
    for shift in (-0.3, 0.3):
        assert loss(torch.logit(target) + shift, target) > 0.01


def test_hand_computed_values():
    # p = 0.5 everywhere, truth = two of four pixels
    logits, target = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    # TP = 1, FP = 1, FN = 1
    assert TverskyLoss(0.25, 0.75, smooth=0)(logits, target).item() == pytest.approx(1 - 1 / 2)
    assert TverskyLoss(1, 3, smooth=1)(logits, target).item() == pytest.approx(1 - 2 / 6)
    assert DiceLoss(smooth=0)(logits, target).item() == pytest.approx(0.5)
    assert BCELoss()(logits, target).item() == pytest.approx(0.693147, abs=1e-6)
    assert BCELoss(pos_weight=3)(logits, target).item() == pytest.approx(0.693147 * 2, abs=1e-6)
    assert BCEDiceLoss(0.25, smooth=0)(logits, target).item() == pytest.approx(0.25 * 0.693147 + 0.75 * 0.5, abs=1e-6)


def test_hard_truth_gives_the_values_of_segmentation_models_pytorch():
    logits = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(1)) * 3
    target = (soft_target(1, 1, 16, 16) > 0.6).float()
    for alpha, beta, smooth in ((0.5, 0.5, 0.0), (0.3, 0.7, 1.0)):
        theirs = smp.losses.TverskyLoss("binary", alpha=alpha, beta=beta, smooth=smooth)(logits, target)
        torch.testing.assert_close(TverskyLoss(alpha, beta, smooth)(logits, target), theirs)
    theirs = smp.losses.DiceLoss("binary", smooth=0)(logits, target)
    torch.testing.assert_close(DiceLoss(smooth=0)(logits, target), theirs)
    theirs = smp.losses.SoftBCEWithLogitsLoss()(logits, target)
    torch.testing.assert_close(BCELoss()(logits, target), theirs)


@pytest.mark.parametrize("loss", [TverskyLoss(), DiceLoss(), BCELoss(), BCEDiceLoss()], ids=repr)
def test_an_empty_truth_pushes_predictions_down(loss):
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    loss(logits, torch.zeros(1, 1, 8, 8)).backward()
    assert (logits.grad > 0).all()


@pytest.mark.parametrize("loss", [TverskyLoss(), BCEDiceLoss()], ids=repr)
def test_a_batch_is_the_mean_of_its_pictures(loss):
    logits, target = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(2)), soft_target(3, 1, 8, 8)
    target[1] = 0
    alone = torch.stack([loss(logits[i : i + 1], target[i : i + 1]) for i in range(3)]).mean()
    torch.testing.assert_close(loss(logits, target), alone)


@pytest.mark.parametrize("loss", [TverskyLoss(), BCELoss(), BCEDiceLoss()], ids=repr)
def test_extreme_and_half_precision_logits_stay_finite(loss):
    logits = torch.tensor([[[[1e4, -1e4], [60.0, -60.0]]]], dtype=torch.bfloat16, requires_grad=True)
    value = loss(logits, torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]]))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("TverskyLoss", {"mode": "multiclass"}),
        ("TverskyLoss", {"from_logits": False}),
        ("TverskyLoss", {"alpha": -1}),
        ("TverskyLoss", {"alpha": "much"}),
        ("DiceLoss", {"smooth": -1}),
        ("BCELoss", {"pos_weight": 0}),
        ("BCELoss", {"weight": 1}),
        ("BCEDiceLoss", {"bce_weight": 2}),
    ],
)
def test_wrong_arguments_are_named(name, args):
    with pytest.raises(BadInput, match=r"criterion\.args") as caught:
        build_loss(CriterionConfig(name=name, args=args))
    assert ("\n" not in str(caught.value) and next(iter(args)) in str(caught.value)) or "str" in str(caught.value)


def test_every_registered_loss_can_be_built_without_arguments():
    for name in LOSSES:
        build_loss(CriterionConfig(name=name))
