"""A training that was broken off and goes on: the same weights and the same journal as without the break."""

import json
import os
import signal
import sys

import pytest
import torch

from pipeseg.errors import BadInput, StopRequested
from pipeseg.events import read_events, send_command
from pipeseg.run import Run
from pipeseg.training.checkpoint import load_training, read_header
from pipeseg.training.loop import Trainer, train

LONG = {"epochs": 3, "steps_per_epoch": 4, "scoring_per_epoch": 2}


def points(run):
    """Return every recorded value as (metric, step, epoch, value), in order of the journal."""
    return [
        (name, event["step"], event["epoch"], value)
        for event in read_events(run.directory.events_file)
        if event["kind"] == "metrics"
        for name, value in event["values"].items()
    ]


def tensors(run, name):
    from safetensors.torch import load_file

    return load_file(run.directory.checkpoints / f"{name}.safetensors")


def again(run):
    """The same run directory, opened by the next process."""
    run.directory.reopen()
    return Run(run.config, run.settings, run.directory)


def stop_at(run, step):
    return lambda event: (
        event["kind"] == "metrics" and event["step"] == step and send_command(run.directory.control_file, "stop")
    )


def same(ours, theirs):
    assert json.dumps(points(ours)) == json.dumps(points(theirs))
    for name in ("best", "last"):
        a, b = tensors(ours, name), tensors(theirs, name)
        assert a.keys() == b.keys()
        assert [key for key in a if not torch.equal(a[key], b[key])] == []
    results = [(run.directory.results / "per_image.csv").read_text() for run in (ours, theirs)]
    assert results[0] == results[1]


@pytest.fixture(scope="module")
def whole(tiny_session):
    """The run that nothing broke."""
    return tiny_session.train(**LONG)


KILL = """
import os, signal, sys
from pathlib import Path
from pipeseg.config import load_config
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings
from pipeseg.training.loop import Trainer, train

kind, number = sys.argv[2], int(sys.argv[3])
directory = RunDirectory(Path(sys.argv[1]))
seen = 0

def die(event):
    global seen
    seen += event["kind"] == kind
    if seen == number:
        os.kill(os.getpid(), signal.SIGKILL)

train(Run(load_config(directory.config_file)[0], Settings.load(), directory, [die]))
"""


def kill_at(tiny, run, kind, number):
    """Train in a process of its own and kill it when it has written its `number`-th event of a kind."""
    command = [sys.executable, "-c", KILL, str(run.directory.path), kind, str(number)]
    ended = tiny.call(command)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize(
    ("kind", "number"),
    # before the first checkpoint; after a point; between `last` and `best`; after both; on the way to the next
    [
        pytest.param("metrics", 1, marks=pytest.mark.slow),
        pytest.param("checkpoint", 1, marks=pytest.mark.slow),
        ("metrics", 4),
        pytest.param("checkpoint", 4, marks=pytest.mark.slow),
        pytest.param("metrics", 11, marks=pytest.mark.slow),
    ],
)
def test_killed_anywhere_it_becomes_the_same_run(tiny, whole, kind, number):
    run = tiny.run(**LONG)
    kill_at(tiny, run, kind, number)
    train(again(run))
    same(run, whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_twice_and_stopped_once(tiny, whole):
    run = tiny.run(**LONG)
    kill_at(tiny, run, "metrics", 4)
    kill_at(tiny, run, "checkpoint", 2)
    third = again(run)
    third.observers.append(stop_at(run, 9))
    with pytest.raises(StopRequested):
        train(third)
    assert read_header(run.directory.last_checkpoint).step < 12
    train(again(run))
    same(run, whole)


@pytest.mark.slow
def test_stopped_in_the_middle_of_a_validation(tiny, whole, monkeypatch):
    run = tiny.run(**LONG)
    validate = Trainer._validate

    def stop_inside(self):
        if self.step == 6:
            self.run.stop_asked = True
        validate(self)

    with monkeypatch.context() as patch, pytest.raises(StopRequested):
        patch.setattr(Trainer, "_validate", stop_inside)
        train(run)
    assert read_header(run.directory.last_checkpoint).step == 6
    assert ("val/iou", 6) not in [point[:2] for point in points(run)]
    train(again(run))
    same(run, whole)


@pytest.mark.slow
def test_average_schedule_and_early_stop_go_on_as_well(tiny):
    changes = {
        **LONG,
        "optimizer": {"name": "SGD", "args": {"momentum": 0.9}},
        "schedule": "cosine",
        "warmup_steps": 3,
        "clip_norm": 1.0,
        "ema_decay": 0.9,
        "micro_batch": 2,
        "early_stop": 3,
    }
    unbroken, run = tiny.train(**changes), tiny.run(**changes)
    run.observers.append(stop_at(run, 5))
    with pytest.raises(StopRequested):
        train(run)
    train(again(run))
    same(run, unbroken)


@pytest.mark.slow
def test_loader_processes_change_nothing(tiny, whole):
    run = tiny.run(**LONG, num_workers=2)
    run.observers.append(stop_at(run, 5))
    with pytest.raises(StopRequested):
        train(run)
    train(again(run))
    same(run, whole)


@pytest.mark.slow
def test_a_run_that_was_killed_while_it_reported(tiny, whole, monkeypatch):
    run = tiny.run(**LONG)

    def full_disk(self):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr("pipeseg.training.loop.report", full_disk)
        train(run)
    train(again(run))
    same(run, whole)


@pytest.mark.slow
def test_an_old_request_is_not_obeyed_again(tiny):
    run = tiny.run(**LONG)
    send_command(run.directory.control_file, "stop")
    with pytest.raises(StopRequested):
        train(run)
    train(again(run))
    assert (run.directory.results / "summary.json").exists()


@pytest.mark.slow
def test_a_changed_dataset_is_refused(own_tiny):
    for name, indices in (("BASELINE", range(9)), ("BASELINE_VAL", range(20, 24)), ("EVAL", range(40, 45))):
        own_tiny.add_dataset(f"tiny_deposition_{name}", indices)
    run = own_tiny.run(**LONG)
    run.observers.append(stop_at(run, 5))
    with pytest.raises(StopRequested):
        train(run)
    folder = own_tiny.settings.datasets_dir / "tiny_deposition_BASELINE"
    (folder / "images" / "p000.png").unlink()
    (folder / "masks" / "p000.png").unlink()
    with pytest.raises(BadInput, match="tiny_deposition_BASELINE: has changed since"):
        train(again(run))


def test_weights_alone_are_no_training(trained):
    model = torch.nn.Linear(1, 1)
    with pytest.raises(BadInput, match="weights only"):
        load_training(model, trained.directory.best_checkpoint)


def test_the_state_of_any_optimizer_comes_back(tmp_path):
    from pipeseg.training.checkpoint import Checkpoint, save_checkpoint

    header = Checkpoint({"name": "x", "args": {}}, (32, 32), 0.5, 1, 1, None, "iou", None, "run")
    for optimizer in (torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop):
        model = torch.nn.Linear(3, 2)
        made = optimizer(model.parameters(), lr=0.1)
        model(torch.ones(1, 3)).sum().backward()
        made.step()
        state = {"optimizer": made.state_dict(), "nothing": None, "nan": float("nan"), "places": [1, (2, "x"), True]}
        save_checkpoint(tmp_path / "last.safetensors", model, header, state)
        other = torch.nn.Linear(3, 2)
        back = load_training(other, tmp_path / "last.safetensors")
        assert torch.equal(other.weight, model.weight) and back["places"] == [1, (2, "x"), True]
        assert back["nan"] != back["nan"] and back["nothing"] is None
        fresh = optimizer(other.parameters(), lr=0.5)
        fresh.load_state_dict(back["optimizer"])
        # another step of both lands on the same weights, to the bit
        other.weight.grad, other.bias.grad = model.weight.grad, model.bias.grad
        made.step(), fresh.step()
        assert torch.equal(other.weight, model.weight) and torch.equal(other.bias, model.bias)
