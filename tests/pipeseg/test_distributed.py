"""One training on several devices, by real processes on the CPU: the same steps, one end for all, exact resumption."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import psutil
import pytest
import torch
from ranks import others
from safetensors.torch import load_file

from pipeseg.config import ConfigError, check_config
from pipeseg.data.loading import DrawOrder
from pipeseg.errors import BadInput, RunFailed, StopRequested
from pipeseg.events import read_events, send_command
from pipeseg.run import Run
from pipeseg.settings import ROOT
from pipeseg.training.device import Hardware
from pipeseg.training.distributed import Exchange, RankLost
from pipeseg.training.loop import train

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
with_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs a C++ compiler")

# neither BatchNorm nor dropout: what is learned does not depend on which pictures are together on a device
PLAIN = {
    "name": "UNet",
    "args": {
        "encoder_name": "tu-test_convnext",
        "encoder_weights": None,
        "decoder_use_norm": False,
        "decoder_channels": [16, 16, 8, 8, 8],
    },
}
EXACT = {
    "model": PLAIN,
    "optimizer": {"name": "SGD", "args": {"momentum": 0.9}},
    "learning_rate": 0.1,
    "precision": "float32",
}
LONG = {"epochs": 3, "steps_per_epoch": 4, "scoring_per_epoch": 2, "devices": 2}
NAMES = {f"{key}_dataset": key for key in ("train", "validation", "evaluation")}


def points(run):
    return [
        (name, event["step"], value)
        for event in read_events(run.directory.events_file)
        if event["kind"] == "metrics"
        for name, value in event["values"].items()
    ]


def losses(run):
    return [value for name, _, value in points(run) if name == "train/loss"]


def tensors(run, name="last"):
    return load_file(run.directory.checkpoints / f"{name}.safetensors")


def same(ours, theirs):
    assert json.dumps(points(ours)) == json.dumps(points(theirs))
    for name in ("best", "last"):
        a, b = tensors(ours, name), tensors(theirs, name)
        assert a.keys() == b.keys() and [key for key in a if not torch.equal(a[key], b[key])] == []


def close(ours, theirs):
    assert losses(ours) == pytest.approx(losses(theirs), rel=1e-3)
    a, b = tensors(ours), tensors(theirs)
    # without the generators, which a rank does not need
    learned = [key for key in a if not key.startswith("state/generators")]
    assert len(learned) > 50
    for key in learned:
        assert torch.allclose(a[key], b[key], rtol=1e-3, atol=1e-5), key


def again(run):
    """The same run directory, opened by the next process."""
    run.directory.reopen()
    return Run(run.config, run.settings, run.directory)


def at(run, step, act):
    """Do something when the training loss of `step` is told."""
    run.observers.append(
        lambda event: act() if event.get("step") == step and "train/loss" in event.get("values", {}) else None
    )


@pytest.fixture(scope="module")
def whole(tiny_session):
    """The run on two devices that nothing broke; its network has BatchNorm and dropout."""
    return tiny_session.train(**LONG)


@pytest.mark.slow
def test_two_devices_take_the_steps_of_one(tiny):
    close(tiny.train(**EXACT, devices=2), tiny.train(**EXACT))


@pytest.mark.slow
def test_parts_of_parts_clipped_and_averaged_take_the_steps_of_one(tiny):
    changes = {**EXACT, "epochs": 3, "micro_batch": 1, "clip_norm": 0.3, "ema_decay": 0.5, "schedule": "cosine"}
    close(tiny.train(**changes, devices=4), tiny.train(**changes))


@pytest.mark.slow
def test_hand_and_box_masks_are_dealt_out_alike(own_tiny, box_weights):
    """Weights of pixels, boxes, and a teacher that is the average of the network itself."""
    changes = {
        **EXACT,
        "ema_decay": 0.5,
        "boxes": {"hand_share": 0.25, "mean_teacher": 0.5, "ramp_up": 0.01, "strong_views": False},
    }
    close(own_tiny.train(**changes, devices=2), own_tiny.train(**changes))


@pytest.fixture
def box_weights(own_tiny):
    """Make the train set a hybrid one: of every second picture, boxes around the mask and weights of all pixels."""
    import numpy as np
    from PIL import Image

    folder = own_tiny.add_dataset("tiny_deposition_BASELINE", range(9))
    own_tiny.add_dataset("tiny_deposition_BASELINE_VAL", range(20, 24))
    own_tiny.add_dataset("tiny_deposition_EVAL", range(40, 45))
    for part in ("boxes", "weights"):
        (folder / part).mkdir()
    for mask in sorted((folder / "masks").iterdir())[::2]:
        values = np.asarray(Image.open(mask))
        boxes = np.zeros_like(values)
        if values.any():
            rows, columns = np.nonzero(values)
            boxes[max(0, rows.min() - 3) : rows.max() + 3, max(0, columns.min() - 3) : columns.max() + 3] = 255
        Image.fromarray(boxes).save(folder / "boxes" / mask.name)
        Image.fromarray(np.where(boxes > 0, 128, 255).astype(np.uint8)).save(folder / "weights" / mask.name)


def test_the_parts_of_a_batch_are_the_batch():
    pools = [(range(10), 2), (range(10, 40), 6)]
    batches = list(DrawOrder(pools, 20, seed=3))
    parts = [list(DrawOrder(pools, 20, seed=3, rank=rank, ranks=2)) for rank in range(2)]
    for batch, first, second in zip(batches, *parts, strict=True):
        assert sorted(first + second) == sorted(batch) and len(first) == len(second) == 4
        # each device has of both pools
        assert [sum(index < 10 for index, _ in part) for part in (first, second)] == [1, 1]
    later = DrawOrder(pools, 20, seed=3, start=13, rank=1, ranks=2)
    assert list(later) == parts[1][13:]


# rank argv[1] of 2 takes two steps and writes down where it stands; the second step is spoiled on rank 1 alone
PROGRAM = """
import sys, torch
from pathlib import Path
sys.path.append(sys.argv[4])
from batches import drawn_batch
from pipeseg.config import load_config
from pipeseg.losses import BCELoss
from pipeseg.training.device import Hardware
from pipeseg.training.distributed import Exchange
from pipeseg.training.step import Learner

rank, store, out = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
config, _ = load_config(out / "config.yaml")
torch.manual_seed(rank)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 1, 1))
model[1].weight.data.uniform_()
hardware = Hardware(torch.device("cpu"), torch.float32)
exchange = Exchange(model, 2, hardware.device)
exchange.join(store, rank)
exchange.hand_out()
learner = Learner(config, hardware, model, BCELoss(), print, exchange)
learner.scaler = torch.amp.GradScaler("cpu")
images = torch.randint(0, 255, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(rank))
own = model[0](hardware.to_input(images)).mean((0, 2, 3)).detach()
states = [own, {key: value.clone() for key, value in model.state_dict().items()}]
for spoiled in (False, True):
    target = torch.full((2, 1, 6, 6), float("nan") if spoiled and rank else 0.5)
    learner.learn(drawn_batch(images, target), rate=0.1)
    states.append({key: value.clone() for key, value in model.state_dict().items()})
torch.save([*states, learner.take_loss(), learner.scaler.get_scale()], out / f"{rank}.pt")
exchange.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=[pytest.mark.slow, with_compiler])])
def test_all_ranks_stand_at_the_same_place(tiny, tmp_path, compiled):
    directory = tiny.run(optimizer={"name": "SGD"}, compile=compiled).directory.path
    tests = str(ROOT / "tests")
    command = [sys.executable, "-c", PROGRAM]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store"), str(directory), tests], env=tiny.environment)
        for rank in range(2)
    ]
    assert [rank.wait(60) for rank in ranks] == [0, 0]
    ours, theirs = (torch.load(directory / f"{rank}.pt") for rank in range(2))
    first, learned, spoiled = ours[1:4]
    for mine, its in zip(ours[1:4], theirs[1:4], strict=True):
        assert [key for key in mine if not torch.equal(mine[key], its[key])] == []
    assert not torch.equal(first["0.weight"], learned["0.weight"])
    # what BatchNorm keeps for scoring is of all pictures, though each rank normalises by its own
    assert torch.allclose(learned["1.running_mean"], 0.1 * (ours[0] + theirs[0]) / 2, atol=1e-6)
    # a gradient that is no number on one rank is none anywhere: nobody takes the step, all lower the scale
    assert torch.equal(learned["0.weight"], spoiled["0.weight"])
    assert ours[4] != ours[4] and theirs[4] != theirs[4]
    assert ours[5] == theirs[5] == 2.0**15


@pytest.mark.slow
def test_a_run_on_one_device_loads_nothing_of_it(tiny):
    program = (
        "import sys; from pathlib import Path; from pipeseg.config import load_config; from pipeseg.run import Run;"
        "from pipeseg.run_directory import RunDirectory; from pipeseg.settings import Settings;"
        "from pipeseg.training.loop import train; directory = RunDirectory(Path(sys.argv[1]));"
        "train(Run(load_config(directory.config_file)[0], Settings.load(), directory));"
        "print(*(name for name in sys.modules if name.startswith('pipeseg.training')))"
    )
    run = tiny.run(epochs=1)
    ended = tiny.call([sys.executable, "-c", program, str(run.directory.path)])
    assert ended.returncode == 0, ended.stderr
    loaded = {name.rpartition(".")[2] for name in ended.stdout.split()}
    assert "loop" in loaded and not loaded & {"distributed", "ranks", "rank"}
    assert not (run.directory.path / ".ranks").exists()


# -- what a config may ask for -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"devices": 0}, "devices"),
        ({"devices": 2, "device": "cuda:3"}, "not cuda:3; set device: cuda"),
        ({"devices": 2, "device": "mps"}, "not mps"),
        ({"devices": 2, "batch_size": 5}, "set it to 4 or 6"),
        ({"devices": 4, "batch_size": 2}, "2 pictures cannot be dealt out evenly to 4 devices; set it to 4, or"),
        ({"devices": 3, "batch_size": "auto"}, "8 pictures cannot be dealt out evenly to 3 devices"),
    ],
)
def test_what_cannot_be_dealt_out_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        check_config({**NAMES, **changes})
    assert "\n" not in str(caught.value)


def test_the_parts_of_a_config():
    config, _ = check_config({**NAMES, "batch_size": "auto", "devices": 4})
    assert (config.pictures_per_step, config.pictures_per_device, config.first_micro_batch) == (8, 2, 2)
    config, _ = check_config({**NAMES, "batch_size": 8, "devices": 2, "micro_batch": 3})
    assert (config.pictures_per_device, config.first_micro_batch) == (4, 3)


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_fewer_devices_than_asked_for(device):
    count = torch.cuda.device_count()
    with pytest.raises(BadInput, match=rf"devices: {count + 2} are not there \({count} CUDA devices\)"):
        Hardware.choose(device, "auto", count + 2)


# -- going on ------------------------------------------------------------------------------------------------------

KILL = """
import os, signal, sys
from pathlib import Path
from pipeseg.config import load_config
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings
from pipeseg.training.loop import train

directory = RunDirectory(Path(sys.argv[1]))

def die(event):
    if event.get("step") == 7 and event["kind"] == "metrics":
        os.kill(os.getpid(), signal.SIGKILL)

train(Run(load_config(directory.config_file)[0], Settings.load(), directory, [die]))
"""


@posix_only
@pytest.mark.slow
def test_killed_it_leaves_nobody_behind_and_becomes_the_same_run(tiny, whole):
    run = tiny.run(**LONG)
    ended = tiny.call([sys.executable, "-c", KILL, str(run.directory.path)])
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    tiny.wait_until(lambda: not others(run.directory))
    train(again(run))
    same(run, whole)
    # a rank that is not the first has nothing to say, also of the connection that broke
    assert "Traceback" not in run.directory.log_file.read_text()


@pytest.mark.slow
def test_stopped_and_paused_it_becomes_the_same_run(tiny, whole):
    run = tiny.run(**LONG)
    at(run, 5, lambda: send_command(run.directory.control_file, "stop"))
    with pytest.raises(StopRequested):
        train(run)
    assert not others(run.directory) and losses(run) == losses(whole)[:5]
    second, seen = again(run), []

    def person():
        for command in ("checkpoint", "pause", "resume"):
            send_command(run.directory.control_file, command)

    at(second, 9, person)
    second.observers.append(lambda event: seen.append(event.get("status")))
    train(second)
    assert [status for status in seen if status] == ["paused", "running"]
    same(run, whole)


@pytest.mark.slow
def test_average_and_strong_views_go_on_as_well(own_tiny, box_weights):
    """What is drawn in a step differs from rank to rank, and does not depend on a break."""
    changes = {**LONG, "ema_decay": 0.5, "boxes": {"mean_teacher": 0.5}, "micro_batch": 1, "clip_norm": 1.0}
    unbroken, run = own_tiny.train(**changes), own_tiny.run(**changes)
    at(run, 5, lambda: send_command(run.directory.control_file, "stop"))
    with pytest.raises(StopRequested):
        train(run)
    train(again(run))
    same(run, unbroken)


# -- how it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("when", ["learning", pytest.param("paused", marks=pytest.mark.slow)])
def test_a_rank_that_is_killed_ends_the_run_and_last_is_kept(tiny, when):
    run = tiny.run(**{**LONG, "epochs": 1000})

    def kill():
        [other] = others(run.directory)
        other.send_signal(signal.SIGKILL)

    if when == "paused":
        at(run, 7, lambda: send_command(run.directory.control_file, "pause"))
        run.observers.append(lambda event: kill() if event.get("status") == "paused" else None)
    else:
        at(run, 7, kill)
    with pytest.raises(RunFailed, match=r"^rank 1 of 2 \(cpu\) was killed by SIGKILL") as caught:
        train(run)
    assert "\n" not in str(caught.value)
    assert not others(run.directory) and not (run.directory.path / ".ranks").exists()
    # `last` is whole: one device goes on with what two have learned
    shorter = again(run)
    shorter.config = run.config.model_copy(update={"epochs": 2, "devices": 1})
    train(shorter)
    assert len(losses(run)) == 8


@posix_only
@pytest.mark.slow
@pytest.mark.parametrize("ready", [False, True])
def test_a_rank_that_is_killed_while_it_is_waited_for(tiny, ready):
    run = tiny.run(devices=2)

    def kill():
        [other] = others(run.directory)
        if not ready:
            other.kill()
            return
        # it has said that it is ready, and does nothing of what comes then
        tiny.wait_until((run.directory.path / ".ranks" / "ready-1").exists)
        other.suspend()
        threading.Thread(target=kill_later, args=(other,)).start()

    def kill_later(other):
        # rank 0 has come to where it waits for nothing but the other
        tiny.wait_until((run.directory.path / ".ranks" / "store").exists)
        other.kill()

    run.observers.append(lambda event: kill() if "parameters" in event.get("text", "") else None)
    with pytest.raises(RunFailed, match=r"^rank 1 of 2 \(cpu\) was killed by SIGKILL"):
        train(run)
    assert not others(run.directory) and not run.directory.last_checkpoint.exists()


@posix_only
@pytest.mark.slow
def test_an_unexpected_error_of_a_rank_is_in_the_log(tiny):
    """A loader process is killed, as the system does when memory runs out."""
    run = tiny.run(**{**LONG, "epochs": 1000, "num_workers": 1})

    def kill():
        rank, loader = others(run.directory)
        assert psutil.Process(loader.pid).ppid() == rank.pid
        loader.send_signal(signal.SIGKILL)

    at(run, 5, kill)
    # as torch tells it, or, where a batch was just being handed over, the system
    causes = r"(RuntimeError: DataLoader worker|ConnectionResetError|EOFError)"
    with pytest.raises(RunFailed, match=rf"^rank 1 of 2 \(cpu\): unexpected {causes}") as caught:
        train(run)
    assert "\n" not in str(caught.value) and str(run.directory.log_file) in str(caught.value)
    log = run.directory.log_file.read_text()
    assert "Traceback (most recent call last)" in log and re.search(causes, log)
    assert not others(run.directory)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_all_ranks(tiny):
    run = tiny.run(learning_rate=10, weight_decay=1e30, epochs=20, devices=2)
    with pytest.raises(RunFailed, match="lower learning_rate"):
        train(run)
    assert not others(run.directory)


@pytest.mark.slow
def test_early_stop_ends_all_ranks(tiny):
    run = tiny.train(learning_rate=1e-12, epochs=50, early_stop=2, save_by_metric="specificity", devices=2)
    assert json.loads((run.directory.results / "summary.json").read_text())["total_steps"] < 20
    assert not others(run.directory)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of another process")
@pytest.mark.parametrize("micro", ["auto", None])
def test_memory_that_runs_out_on_one_rank(tiny, micro):
    changes = {"image_size": [256, 256], "epochs": 1, "steps_per_epoch": 4, "batch_size": 64, "micro_batch": micro}
    run = tiny.run(**changes, precision="float32", devices=2, augment=False)

    def limit():
        [other] = others(run.directory)
        other.rlimit(psutil.RLIMIT_AS, (other.memory_info().vms + (500 << 20),) * 2)

    at(run, 1, limit)
    if micro is None:
        with pytest.raises(RunFailed, match=r"^rank 1 of 2 \(cpu\): out of memory on cpu, float32 with 32 at once"):
            train(run)
        return
    train(run)
    warnings = [event["text"] for event in read_events(run.directory.events_file) if event["kind"] == "warning"]
    assert warnings[0].startswith("no memory on another rank; goes on with 16 at once, gradients are added up")
    assert "out of memory on cpu, float32 with 32 at once" in run.directory.log_file.read_text()
    # the same steps over the same pictures
    assert json.loads((run.directory.results / "summary.json").read_text())["total_steps"] == 4
    assert not others(run.directory)


def test_a_loader_that_dies_in_the_middle_of_an_exchange_is_not_taken_for_a_rank():
    exchange = Exchange(torch.nn.Linear(1, 1), 1, torch.device("cpu"))
    exchange._host = SimpleNamespace(allreduce=raising(RuntimeError("DataLoader worker (pid 1) is killed: Killed.")))
    with pytest.raises(RuntimeError, match=r"^DataLoader worker") as caught:
        exchange.smallest(1)
    assert not isinstance(caught.value, RankLost)
    exchange._host = SimpleNamespace(allreduce=raising(RuntimeError("Connection closed by peer")))
    with pytest.raises(RankLost, match="Connection closed"):
        exchange.smallest(1)


def raising(error):
    def work(*_):
        raise error

    return work
