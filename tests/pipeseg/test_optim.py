"""How weights move: rates over the steps, averages, micro-batches, early stop."""

import json
import math

import pytest
import torch
from batches import drawn_batch
from torch import nn

from pipeseg.config import ConfigError, check_config
from pipeseg.errors import BadInput
from pipeseg.events import read_events
from pipeseg.training.optim import AveragedWeights, build_optimizer, learning_rate

NAMES = {f"{key}_dataset": key for key in ("train", "validation", "evaluation")}


def config(**changes):
    return check_config({**NAMES, "learning_rate": 0.1, **changes})[0]


def rates(total=10, **changes):
    return [learning_rate(config(**changes), step, total) for step in range(total)]


def test_rates_over_the_steps():
    assert rates() == [0.1] * 10
    assert rates(schedule="linear") == pytest.approx([0.1 * (1 - step / 10) for step in range(10)])
    assert rates(schedule="cosine") == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 10)) for step in range(10)])
    assert rates(schedule="poly")[5] == pytest.approx(0.1 * 0.5**0.9)
    warm = rates(schedule="linear", warmup_steps=4)
    assert warm[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1]) and warm[9] == pytest.approx(0.1 / 6)
    # a warm-up that is longer than the run still reaches the peak
    assert rates(warmup_steps=99)[-1] == 0.1


def test_rates_are_those_of_torch():
    """Cosine and linear against torch's own schedulers."""
    for name, scheduler in (
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10)),
        ("linear", lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 1e-12, 10)),
    ):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        theirs, schedule = [], scheduler(optimizer)
        for _ in range(10):
            theirs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        assert rates(schedule=name) == pytest.approx(theirs, abs=1e-9)


def test_the_average_is_the_formula():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = AveragedWeights(model, 0.9)
    expected = model[0].weight.detach().clone()
    for step in range(1, 200):
        with torch.no_grad():
            model[0].weight += 0.1
            model[1].num_batches_tracked += 1
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model[0].weight.detach()
    assert torch.allclose(average.model[0].weight, expected, atol=1e-4)
    assert average.model[1].num_batches_tracked == 199 and not average.model.training
    # a constant lag of decay / (1 - decay) steps behind a straight line
    assert torch.allclose(model[0].weight - average.model[0].weight, torch.tensor(0.9), atol=1e-3)


def test_biases_and_norms_are_not_decayed():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    optimizer = build_optimizer(config(weight_decay=0.5), model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert (model[0].weight < 1).all()
    assert all((p == 1).all() for p in (model[0].bias, model[1].weight, model[1].bias))


def test_frozen_weights_stay():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    groups = build_optimizer(config(), model).param_groups
    assert [p for group in groups for p in group["params"]] == [model.bias]


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ({"name": "SGD", "args": {"betas": [0.9, 0.99]}}, "optimizer.args: SGD"),
        ({"name": "AdamW", "args": {"betas": [2, 2]}}, "optimizer.args: AdamW"),
    ],
)
def test_a_wrong_argument_is_named(optimizer, text):
    with pytest.raises(BadInput, match=text) as caught:
        build_optimizer(config(optimizer=optimizer), nn.Linear(1, 1))
    assert "\n" not in str(caught.value)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ConfigError, match=r"optimizer\.name"):
        config(optimizer={"name": "Adamw"})


def test_micro_batches_give_the_gradient_of_the_batch(tiny):
    """Without batch norm and dropout, the whole batch at once and in parts are the same step."""
    from pipeseg.training.device import Hardware
    from pipeseg.training.loop import build_loss
    from pipeseg.training.step import Learner

    weights = []
    # 3 does not divide 4: the last part is smaller
    for micro in (None, 2, 3):
        run = tiny.run(micro_batch=micro, optimizer={"name": "SGD"}, learning_rate=0.5)
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))
        hardware, criterion = Hardware.choose("cpu", "float32"), build_loss(run.config.criterion)
        learner = Learner(run.config, hardware, model, criterion, run.warn)
        images = torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        learner.learn(drawn_batch(images, (images[:, :1] > 127).float()), rate=0.5)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.allclose(weights[0], weights[1], atol=1e-6) and torch.allclose(weights[0], weights[2], atol=1e-6)


@pytest.mark.slow
def test_early_stop(tiny):
    # nothing can become better after the first validation of a net that does not learn
    run = tiny.train(learning_rate=1e-12, epochs=10, early_stop=2, save_by_metric="specificity")
    events = read_events(run.directory.events_file)
    scored = [event["step"] for event in events if event["kind"] == "metrics" and "val/iou" in event["values"]]
    assert len(scored) < 10 and any("early stop" in event.get("text", "") for event in events)
    assert json.loads((run.directory.results / "summary.json").read_text())["total_steps"] == scored[-1]


@pytest.mark.slow
def test_the_averaged_weights_are_scored_and_kept(tiny):
    from pipeseg.training.checkpoint import load_model

    run = tiny.train(ema_decay=0.9)
    best, last = (load_model(run.directory.checkpoints / f"{name}.safetensors")[0] for name in ("best", "last"))
    ours, theirs = best.state_dict(), last.state_dict()
    assert all(not torch.equal(ours[name], theirs[name]) for name, p in best.named_parameters() if p.ndim > 1)
