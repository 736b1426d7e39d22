"""Losses: smallest at the truth, soft or not, alive without any, weighed by pixel, and safe in every precision."""

import pytest
import segmentation_models_pytorch as smp
import torch

from pipeseg.config import ConfigError, check_config
from pipeseg.errors import BadInput
from pipeseg.losses import (
    BBoxAwareLoss,
    BCEDiceLoss,
    BCELoss,
    CombinedLoss,
    DiceLoss,
    FocalLoss,
    FocalTverskyLoss,
    JaccardLoss,
    LovaszLoss,
    TverskyLoss,
    WeightedCrossEntropyLoss,
)
from pipeseg.registry import LOSSES, LOSSES_HELP, build
from pipeseg.schema import CriterionConfig
from pipeseg.training.loop import build_loss

REGION = [TverskyLoss(0.3, 0.7), TverskyLoss(0.5, 0.5, smooth=0), DiceLoss(), JaccardLoss()]
# every loss as it comes, and some with arguments that could move the smallest value away from the truth
ALL = [build(LOSSES, name) for name in LOSSES] + [
    *REGION,
    FocalTverskyLoss(0.3, 0.7, gamma=2),
    BCELoss(pos_weight=3),
    FocalLoss(gamma=0),
    FocalLoss(gamma=0.5, alpha=0.25),
    BBoxAwareLoss(edge_weight=1),
    CombinedLoss([{"name": "FocalLoss", "weight": 2}, {"name": "JaccardLoss", "args": {"smooth": 0.5}}]),
]


def describe(loss):
    return type(loss).__name__


def soft_target(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.05


def some_logits(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


def test_every_loss_has_a_line_of_help():
    assert LOSSES.keys() == LOSSES_HELP.keys()


def test_only_the_lovasz_hinge_cuts_soft_truth():
    assert [name for name in LOSSES if not build(LOSSES, name).soft_targets] == ["LovaszLoss"]
    assert not CombinedLoss([{"name": "DiceLoss"}, {"name": "LovaszLoss"}]).soft_targets
    target = torch.tensor([[[[0.49, 0.51], [0.0, 1.0]]]])
    logits = some_logits(1, 1, 2, 2)
    assert torch.equal(LovaszLoss()(logits, target), LovaszLoss()(logits, (target > 0.5).float()))


SOFT = soft_target(1, 1, 4, 4)
NEARLY_HARD = (SOFT > 0.6).float() * 0.98 + 0.01


@pytest.mark.parametrize("loss", [loss for loss in ALL if loss.soft_targets], ids=describe)
@pytest.mark.parametrize("target", [SOFT, NEARLY_HARD, torch.full_like(SOFT, 0.3)], ids=["soft", "nearly hard", "even"])
@pytest.mark.parametrize("weight", [torch.ones_like(SOFT), soft_target(1, 1, 4, 4, seed=5)], ids=["even", "weighed"])
def test_the_smallest_loss_is_at_the_soft_truth(loss, target, weight):
    def losses(probability):
        many = [values.double().expand_as(probability) for values in (target, weight)]
        return loss.per_picture(torch.logit(probability), *many)

    target = target.double()
    best = losses(target)
    # one pixel at a time through everything that it could be
    grid = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    for row in range(4):
        for column in range(4):
            pictures = target.repeat(len(grid), 1, 1, 1)
            pictures[:, 0, row, column] = grid
            assert abs(grid[losses(pictures).argmin()] - target[0, 0, row, column]) <= 0.0051
    # all of them at once, from near to far
    generator = torch.Generator().manual_seed(7)
    for far in (0.02, 0.1, 0.5, 1.0):
        noise = torch.rand(200, 1, 4, 4, generator=generator, dtype=torch.float64) * 2 - 1
        assert (losses((target + far * noise).clamp(0.001, 0.999)) > best).all()


@pytest.mark.parametrize("loss", REGION, ids=describe)
def test_a_region_loss_is_zero_at_the_soft_truth_and_only_there(loss):
    target = soft_target(1, 1, 8, 8)
    assert loss(torch.logit(target), target).item() == pytest.approx(0, abs=1e-6)
    for shift in (-0.3, 0.3):
        assert loss(torch.logit(target) + shift, target) > 0.01


def test_hand_computed_values():
    # p = 0.5 everywhere, truth = two of four pixels
    logits, target = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    log2 = 0.693147
    for loss, value in (
        # TP = 1, FP = 1, FN = 1
        (TverskyLoss(0.25, 0.75, smooth=0), 1 - 1 / 2),
        (TverskyLoss(1, 3, smooth=1), 1 - 2 / 6),
        (DiceLoss(smooth=0), 0.5),
        (JaccardLoss(smooth=0), 1 - 1 / 3),
        (FocalTverskyLoss(0.5, 0.5, gamma=2, smooth=0), 0.5**0.5),
        (BCELoss(), log2),
        (BCELoss(pos_weight=3), log2 * 2),
        (WeightedCrossEntropyLoss(0.1, 1.0), log2 * 0.55),
        (FocalLoss(gamma=2), log2 / 4),
        (FocalLoss(gamma=2, alpha=0.25), log2 / 4 * 0.5),
        (BCEDiceLoss(0.25, smooth=0), 0.25 * log2 + 0.75 * 0.5),
        # every error is 1
        (LovaszLoss(), 1.0),
        (CombinedLoss([{"name": "BCELoss", "weight": 2}, {"name": "DiceLoss", "args": {"smooth": 0}}]), 2 * log2 + 0.5),
    ):
        assert loss(logits, target).item() == pytest.approx(value, abs=1e-5), loss


def test_hard_truth_gives_the_values_of_segmentation_models_pytorch():
    logits, target = some_logits(1, 1, 16, 16), (soft_target(1, 1, 16, 16) > 0.6).float()
    theirs = smp.losses
    for ours, reference in (
        (TverskyLoss(0.5, 0.5, 0.0), theirs.TverskyLoss("binary", alpha=0.5, beta=0.5, smooth=0.0)),
        (TverskyLoss(0.3, 0.7, 1.0), theirs.TverskyLoss("binary", alpha=0.3, beta=0.7, smooth=1.0)),
        (DiceLoss(smooth=0), theirs.DiceLoss("binary", smooth=0)),
        (JaccardLoss(smooth=0), theirs.JaccardLoss("binary", smooth=0)),
        (BCELoss(), theirs.SoftBCEWithLogitsLoss()),
        (FocalLoss(2.0), theirs.FocalLoss("binary", gamma=2.0)),
        (FocalLoss(1.5, alpha=0.3), theirs.FocalLoss("binary", gamma=1.5, alpha=0.3)),
    ):
        torch.testing.assert_close(ours(logits, target), reference(logits, target))
    logits, target = some_logits(3, 1, 16, 16), (soft_target(3, 1, 16, 16) > 0.6).float()
    torch.testing.assert_close(
        LovaszLoss()(logits, target), theirs.LovaszLoss("binary", per_image=True)(logits[:, 0], target[:, 0])
    )


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_an_empty_truth_pushes_every_prediction_down(loss):
    logits = some_logits(1, 1, 8, 8).clamp(-0.9).requires_grad_()
    loss(logits, torch.zeros(1, 1, 8, 8)).backward()
    assert (logits.grad > 0).all()


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_a_picture_without_defect_is_heard_beside_one_with_it(loss):
    # at a size where invented pixels of overlap would vanish
    logits = torch.zeros(2, 1, 256, 256, requires_grad=True)
    target = torch.zeros(2, 1, 256, 256)
    target[0, :, 100:130, 100:130] = 1
    loss(logits, target).backward()
    with_defect, without = logits.grad[0, 0, 0, 0], logits.grad[1, 0, 0, 0]
    assert without > 0.1 * with_defect


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_a_batch_is_the_mean_of_its_pictures(loss):
    logits, target = some_logits(3, 1, 8, 8, seed=2), soft_target(3, 1, 8, 8)
    target[1] = 0
    weight = soft_target(3, 1, 8, 8, seed=3)
    for weights in (None, weight):
        alone = torch.stack(
            [
                loss(logits[i : i + 1], target[i : i + 1], None if weights is None else weights[i : i + 1])
                for i in range(3)
            ]
        )
        assert alone[0].shape == ()
        torch.testing.assert_close(loss(logits, target, weights), alone.mean())


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_a_pixel_of_weight_zero_has_no_say(loss):
    logits, target = some_logits(2, 1, 8, 8), soft_target(2, 1, 8, 8).round(decimals=1)
    target[1] = 0
    weight = torch.ones_like(target)
    weight[..., 4:] = 0
    seen, other = loss(logits, target, weight), logits.clone()
    other[..., 4:] = -7
    torch.testing.assert_close(loss(other, target, weight), seen)
    other[..., 4:] = logits[..., 4:]
    other.requires_grad_()
    loss(other, target, weight).backward()
    assert not other.grad[..., 4:].any() and other.grad[..., :4].any()
    if not any(isinstance(part, BBoxAwareLoss) for part in loss.modules()):
        # the border of a mask is seen across the cut; everything else is as if the rest were not there
        torch.testing.assert_close(seen, loss(logits[..., :4], target[..., :4]))
    nothing = loss(logits.requires_grad_(), target, torch.zeros_like(target))
    nothing.backward()
    assert torch.isfinite(nothing) and not logits.grad.any()


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_a_weight_of_one_changes_nothing_and_a_heavier_pixel_counts_more(loss):
    logits, target = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    target[..., :2] = 1
    torch.testing.assert_close(loss(logits, target, torch.ones_like(target)), loss(logits, target))
    # one pixel is badly wrong: the more it weighs, the worse
    logits = torch.where(target > 0, 4.0, -4.0)
    logits[..., 0, 0] = -4.0
    light = torch.full_like(target, 0.5)
    heavy = light.clone()
    heavy[..., 0, 0] = 1.0
    assert loss(logits, target, heavy) > loss(logits, target, light)


@pytest.mark.parametrize("loss", ALL, ids=describe)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_finite_in_every_precision(loss, dtype):
    target = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]], [[[0.5, 1.0], [0.0, 1.0]]]])
    for extreme in (100.0, 1e4):
        logits = torch.tensor([[[[extreme, -extreme], [60.0, -60.0]]]], dtype=dtype).repeat(3, 1, 1, 1)
        for signed in (logits, -logits):
            signed = signed.clone().requires_grad_()
            value = loss(signed, target)
            value.backward()
            assert value.dtype == torch.float32
            assert torch.isfinite(value) and torch.isfinite(signed.grad).all()


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_half_precision_changes_the_logits_only(loss):
    logits, target = some_logits(2, 1, 64, 64).bfloat16(), soft_target(2, 1, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(loss(logits, target), loss(logits.float(), target))


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_gradients_are_those_of_the_values(loss):
    logits = some_logits(2, 1, 3, 3).double().requires_grad_()
    target, weight = soft_target(2, 1, 3, 3).double(), soft_target(2, 1, 3, 3, seed=4).double()
    target[1] = 0
    assert torch.autograd.gradcheck(lambda x: loss(x, target, weight), logits)


@pytest.mark.parametrize("loss", ALL, ids=describe)
def test_nothing_is_read_back_from_the_device(loss):
    # a tensor without values raises where a value is asked for: .item(), if, indexing by a mask
    shape = (2, 1, 16, 16)
    logits, target, weight = (torch.empty(shape, device="meta") for _ in range(3))
    assert loss(logits, target, weight).shape == ()


def test_the_border_of_a_box_weighs_less_and_a_fading_mask_keeps_its_weight():
    logits = torch.zeros(1, 1, 32, 32, requires_grad=True)
    box = torch.zeros(1, 1, 32, 32)
    box[..., 8:24, 8:24] = 1
    BBoxAwareLoss(edge_weight=0.1, kernel=5)(logits, box).backward()
    inside, border, outside = (logits.grad[0, 0, 16, x].abs().item() for x in (16, 8, 2))
    assert border == pytest.approx(0.1 * inside) and outside == pytest.approx(inside)
    # resized boxes have grey edges; they stay borders, and a mask in one batch does not decide for another
    grey = torch.nn.functional.avg_pool2d(box, 3, 1, 1)
    alone = BBoxAwareLoss()(logits, box)
    torch.testing.assert_close(BBoxAwareLoss()(logits.repeat(2, 1, 1, 1), torch.cat([box, box])), alone)
    logits.grad = None
    BBoxAwareLoss()(logits, grey).backward()
    assert logits.grad[0, 0, 16, 8].abs() < 0.2 * logits.grad[0, 0, 16, 16].abs()
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    torch.testing.assert_close(BBoxAwareLoss()(logits, ramp), BCELoss()(logits, ramp), rtol=0.15, atol=0)


@pytest.mark.parametrize(
    ("name", "args", "key"),
    [
        ("TverskyLoss", {"mode": "multiclass"}, "mode"),
        ("TverskyLoss", {"from_logits": False}, "from_logits"),
        ("TverskyLoss", {"from_logits": 1}, "from_logits"),
        ("TverskyLoss", {"alpha": -1}, "alpha"),
        ("TverskyLoss", {"beta": "much"}, "beta"),
        ("TverskyLoss", {"beta": True}, "beta"),
        ("TverskyLoss", {"smooth": float("nan")}, "smooth"),
        ("DiceLoss", {"smooth": -1}, "smooth"),
        ("JaccardLoss", {"smooth": None}, "smooth"),
        ("FocalTverskyLoss", {"gamma": 0.5}, "gamma"),
        ("LovaszLoss", {"mode": "multilabel"}, "mode"),
        ("BCELoss", {"pos_weight": 0}, "pos_weight"),
        ("BCELoss", {"reduction": "sum"}, "reduction"),
        ("WeightedCrossEntropyLoss", {"background_weight": 0}, "background_weight"),
        ("WeightedCrossEntropyLoss", {"object_weight": [1]}, "object_weight"),
        ("FocalLoss", {"gamma": float("inf")}, "gamma"),
        ("FocalLoss", {"alpha": 1}, "alpha"),
        ("BBoxAwareLoss", {"edge_weight": 1.5}, "edge_weight"),
        ("BBoxAwareLoss", {"kernel": 4}, "kernel"),
        ("BCEDiceLoss", {"bce_weight": 2}, "bce_weight"),
        (
            "CombinedLoss",
            {"losses": [{"name": "DiceLoss"}, {"name": "FocalLoss", "args": {"gamma": -1}}]},
            "losses.1.args.gamma",
        ),
    ],
)
def test_a_wrong_argument_is_named_by_its_key(name, args, key):
    with pytest.raises(BadInput) as caught:
        build_loss(CriterionConfig(name=name, args=args))
    assert str(caught.value).startswith(f"criterion.args.{key}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "args"),
    [("BCELoss", {"weight": 1}), ("CombinedLoss", {"losses": [{"name": "DiceLoss", "args": {"weight": 1}}]})],
)
def test_an_unknown_argument_is_named(name, args):
    with pytest.raises(BadInput, match=r"^criterion\.args.*'weight'"):
        build_loss(CriterionConfig(name=name, args=args))


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([], "args.losses: must be a list"),
        ("DiceLoss", "args.losses: must be a list"),
        (["DiceLoss"], "args.losses.0: must be {name, weight, args}"),
        ([{"weight": 1}], "args.losses.0: must be {name, weight, args}"),
        ([{"name": "DiceLos"}], "args.losses.0.name: unknown loss 'DiceLos'; did you mean 'DiceLoss'?"),
        ([{"name": "CombinedLoss"}], "args.losses.0.name: unknown loss 'CombinedLoss'"),
        ([{"name": ["DiceLoss"]}], "args.losses.0.name: unknown loss"),
        ([{"name": "DiceLoss", "wieght": 1}], "args.losses.0: unknown key 'wieght'; did you mean 'weight'?"),
        ([{"name": "DiceLoss"}, {"name": "BCELoss", "weight": 0}], "args.losses.1.weight: must be a number"),
        ([{"name": "DiceLoss", "weight": "half"}], "args.losses.0.weight: must be a number"),
        ([{"name": "DiceLoss", "weight": float("nan")}], "args.losses.0.weight: must be a number"),
        ([{"name": "DiceLoss", "args": [1]}], "args.losses.0.args: must be a mapping"),
    ],
)
def test_a_combination_is_checked_with_the_config(losses, words):
    sets = {"train_dataset": "a", "validation_dataset": "b", "evaluation_dataset": "c"}
    with pytest.raises(ConfigError) as caught:
        check_config({**sets, "criterion": {"name": "CombinedLoss", "args": {"losses": losses}}})
    [(key, text)] = caught.value.problems
    assert key == "criterion" and text.startswith(words)


def test_the_originals_spellings_are_understood():
    tversky = {"alpha": 0.5, "beta": 0.5, "smooth": 1, "mode": "binary", "from_logits": True}
    for name, args in (
        ("TverskyLoss", tversky),
        ("BCELoss", {}),
        ("WeightedCrossEntropyLoss", {"background_weight": 0.1, "object_weight": 1.0, "reduction": "mean"}),
        ("BBoxAwareLoss", {"reduction": "mean", "edge_weight": 0.1, "kernel": 5}),
    ):
        build_loss(CriterionConfig(name=name, args=args))
