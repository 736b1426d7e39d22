"""A step hands work to the device and asks nothing back: a GPU would stand still for every answer."""

import pytest
import torch
from batches import drawn_batch
from torch.utils._python_dispatch import TorchDispatchMode

from pipeseg.registry import LOSSES, build
from pipeseg.training.device import Hardware
from pipeseg.training.step import Learner

# what reads a tensor's value, or needs one to know the size of its result
ASKS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select")


class Heard(TorchDispatchMode):
    """Collects the operators that ask the device something."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __torch_dispatch__(self, operator, types, arguments=(), options=None):
        name = operator.overloadpacket.__name__
        if name in ASKS:
            self.asked.append(name)
        return operator(*arguments, **(options or {}))


def make_learner(tiny, **changes):
    config = tiny.run(precision="float32", optimizer={"name": "SGD"}, **changes).config
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 1, 1))
    loss = build(LOSSES, config.criterion.name, **config.criterion.args)
    return Learner(config, Hardware.choose("cpu", "float32"), model, loss, print)


def batch():
    images = torch.randint(0, 255, (4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return drawn_batch(images, (images[:, :1] > 127).float())


@pytest.mark.parametrize("loss", LOSSES)
def test_no_step_waits_for_the_device(tiny, loss):
    learner = make_learner(tiny, criterion={"name": loss, "args": {}}, ema_decay=0.9, clip_norm=1.0, micro_batch=2)
    with Heard() as heard:
        learner.learn(batch(), rate=0.1)
    assert heard.asked == []
    with Heard() as heard:
        assert learner.take_loss() > 0
    assert heard.asked  # the probe hears the one question that is asked, and that is not asked in a step


def test_the_loss_since_the_last_point_is_a_mean_of_batches(tiny):
    learner = make_learner(tiny)
    assert learner.take_loss() is None
    losses = []
    for _ in range(3):
        learner.learn(batch(), rate=0.1)
        losses.append(learner.take_loss())
    again = make_learner(tiny)
    for _ in range(3):
        again.learn(batch(), rate=0.1)
    assert again.take_loss() == pytest.approx(sum(losses) / 3) and again.take_loss() is None
