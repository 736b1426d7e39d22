"""Memory that runs out for real: the address space of a process is limited in the middle of a run."""

import json
import subprocess
import sys

import pytest
import torch

from pipeseg.errors import RunFailed
from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory
from pipeseg.training.memory import describe_memory, is_out_of_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of a process")

# trains the run in argv[1]; from the moment that the network is built there are argv[2] MiB more to be had
PROGRAM = """
import resource, sys
from pathlib import Path
import psutil, torch
from pipeseg.config import load_config
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings
from pipeseg.errors import RunFailed
from pipeseg.training.loop import train

torch.set_num_threads(1)
directory = RunDirectory(Path(sys.argv[1]))

def limit(event):
    if "parameters" in event.get("text", ""):
        now = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (now + (int(sys.argv[2]) << 20),) * 2)

try:
    train(Run(load_config(directory.config_file)[0], Settings.load(), directory, [limit]))
except RunFailed as error:
    sys.exit(f"RunFailed: {error}")
"""
SIZE = {"image_size": [256, 256], "epochs": 1, "steps_per_epoch": 2, "precision": "float32"}


def limited(tiny, mebibytes, **changes) -> tuple[subprocess.CompletedProcess, RunDirectory]:
    directory = tiny.run(**{**SIZE, **changes}).directory
    return tiny.call([sys.executable, "-c", PROGRAM, str(directory.path), str(mebibytes)]), directory


@pytest.mark.slow
def test_without_leave_to_shrink_the_run_ends_with_the_numbers(tiny):
    done, _ = limited(tiny, 1200, batch_size=64)
    assert done.returncode == 1, done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert "with 64 at once" in sentence and "GiB free" in sentence and "micro_batch: auto" in sentence


@pytest.mark.slow
def test_smaller_parts_of_the_same_batch(tiny):
    done, directory = limited(tiny, 1200, batch_size=64, micro_batch="auto")
    assert done.returncode == 0, done.stderr
    warnings = [e["text"] for e in read_events(directory.events_file) if e["kind"] == "warning"]
    assert warnings and "with 64 at once" in warnings[0] and "goes on with 32" in warnings[0]
    # the same two steps over the same pictures, and a validation that fits as well
    assert json.loads((directory.results / "summary.json").read_text())["total_steps"] == 2


@pytest.mark.slow
def test_one_picture_that_does_not_fit_is_the_end(tiny):
    done, _ = limited(tiny, 300, batch_size="auto", image_size=[1536, 1536])
    assert done.returncode == 1, done.stderr
    assert "lower image_size" in done.stderr.strip().splitlines()[-1]


def test_what_is_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory")) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ")) and not is_out_of_memory(ValueError("out of memory"))
    # a sentence that was made of such an error already
    assert not is_out_of_memory(RunFailed("out of memory on cpu"))
    assert "GiB free" in describe_memory(torch.device("cpu"))
