"""torch.compile: the same step, the same names in a checkpoint, and one sentence where there is no compiler."""

import shutil
import sys

import pytest
import torch
from batches import drawn_batch

from pipeseg.losses import BCELoss
from pipeseg.settings import ROOT
from pipeseg.training.device import Hardware
from pipeseg.training.step import Learner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs a C++ compiler"),
]

PROGRAM = """
import sys, torch
from pathlib import Path
sys.path.append(sys.argv[2])
from batches import drawn_batch
from pipeseg.config import load_config
from pipeseg.errors import RunFailed
from pipeseg.losses import BCELoss
from pipeseg.training.device import Hardware
from pipeseg.training.step import Learner

config, _ = load_config(Path(sys.argv[1]))
model = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1), torch.nn.Softplus())
learner = Learner(config, Hardware.choose("cpu", "float32"), model, BCELoss(), print)
try:
    learner.learn(drawn_batch(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 1, 8, 8)), rate=0.1)
except RunFailed as error:
    sys.exit(f"RunFailed: {error}")
"""


def test_a_compiled_network_learns_the_same(tiny):
    weights = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1))
        config = tiny.run(compile=compiled, learning_rate=0.01, optimizer={"name": "SGD"}).config
        learner = Learner(config, Hardware.choose("cpu", "float32"), model, BCELoss(), print)
        images = torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
        for _ in range(3):
            learner.learn(drawn_batch(images, (images[:, :1] > 127).float()), rate=0.01)
        weights.append(learner.scored_model.state_dict())
    assert list(weights[0]) == list(weights[1])
    for name, value in weights[0].items():
        assert torch.allclose(value, weights[1][name], atol=1e-5), name


def test_without_a_compiler_it_is_one_sentence(tiny, tmp_path):
    config = tiny.run(compile=True).directory.config_file
    # another cache: code that an earlier test left there needs no compiler
    environment = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = tiny.call([sys.executable, "-c", PROGRAM, str(config), str(ROOT / "tests")], env=environment)
    assert done.returncode == 1, done.stderr
    assert "compile: false" in done.stderr.strip().splitlines()[-1]
