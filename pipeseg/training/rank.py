"""A rank of a training that is not the first: `python -m pipeseg.training.rank RUN_DIR RANK DEVICE DTYPE`.

Rank 0 starts it (`pipeseg.training.ranks`) and begins its steps by bytes on stdin. It comes to the same weights as
rank 0, from the same config, pictures and checkpoint, and writes nothing but the reason when it fails.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pipeseg.errors import BadInput, RunFailed, first_line
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory, write_json

# of the run directory, while it trains: by its files the ranks find each other and say how they ended
FOLDER = ".ranks"
STEP, END = b"s", b"e"
# who breaks a connection by its end is named by rank 0, which ends us too; else we are the one to speak
SILENT_SECONDS = 20.0


class Quiet(Run):
    """A run that tells nothing and answers nobody: rank 0 does both."""

    def emit(self, kind: str, /, *, sync: bool = False, **fields: Any) -> None:
        pass

    def obey(self, *_: Any, **__: Any) -> None:
        pass


def main(arguments: list[str]) -> None:
    """Learn until rank 0 has enough."""
    # asked to end with its machine or terminal: rank 0 saves first, and ends the others
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    steps: SimpleQueue[None] = SimpleQueue()
    threading.Thread(target=_listen, args=(steps,), daemon=True).start()
    directory, rank, device, dtype = RunDirectory(Path(arguments[0])), int(arguments[1]), *arguments[2:]
    try:
        _learn(directory, rank, device, dtype, steps)
    except Exception as error:
        # a loader process that died raises an error at any line from now on, for as long as torch hears of it
        if hasattr(signal, "SIGCHLD"):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _tell(directory, rank, error)
        _leave(1)


def _listen(steps: "SimpleQueue[None]") -> None:
    # not by sys.stdin: a loader process that is forked meanwhile closes its copy, and would wait for our lock on it
    while (told := os.read(0, 4096)) and END not in told:
        for _ in told:
            steps.put(None)
    # done; or rank 0 is no more, and the pipe is closed
    _leave(0)


def _leave(code: int) -> None:
    """End at once: a collective may never return, and nothing here is worth waiting for."""
    for each in multiprocessing.active_children():
        each.kill()
    os._exit(code)


def _tell(directory: RunDirectory, rank: int, error: Exception) -> None:
    """Write down why: the traceback into the log, a sentence for rank 0."""
    from pipeseg.training.distributed import RankLost

    if isinstance(error, RankLost):
        threading.Event().wait(SILENT_SECONDS)
    told = str(error)
    if not isinstance(error, BadInput | RunFailed):
        traceback.print_exc()
        told = f"unexpected {type(error).__name__}: {first_line(error)}; the details are in {directory.log_file}"
    reason = {"error": told, "bad_input": isinstance(error, BadInput)}
    write_json(directory.path / FOLDER / f"rank-{rank}.json", reason)


def _learn(directory: RunDirectory, rank: int, device: str, dtype: str, steps: "SimpleQueue[None]") -> None:
    # after the thread that hears when to end has begun: it takes seconds
    import torch

    from pipeseg.config import load_config
    from pipeseg.schema import TrainConfig
    from pipeseg.settings import Settings
    from pipeseg.training.checkpoint import load_training
    from pipeseg.training.device import Hardware, seed_everything
    from pipeseg.training.distributed import Exchange, seed_step
    from pipeseg.training.networks import build_loss, build_model
    from pipeseg.training.optim import learning_rate
    from pipeseg.training.sets import load_part, open_folders, without_idle_boxes
    from pipeseg.training.step import Learner
    from pipeseg.training.steps import batches_from, count_steps

    config, _ = load_config(directory.config_file)
    assert isinstance(config, TrainConfig)
    run = Quiet(config, Settings.load(), directory)
    seed_everything(config.seed, deterministic=config.deterministic)
    # the number format that rank 0 chose: cards may differ
    hardware = Hardware(torch.device(device), getattr(torch, dtype))
    if hardware.device.type == "cuda":
        torch.cuda.set_device(hardware.device)
    train = load_part(run, config, "train", open_folders(run, config))
    config = without_idle_boxes(run, config, train)
    criterion = build_loss(config.criterion).to(hardware.device)
    model = build_model(config.model, run, len(config.classes), from_scratch=False).to(hardware.device)
    last = directory.last_checkpoint
    state = load_training(model, last) if last.exists() else None
    (directory.path / FOLDER / f"ready-{rank}").touch()
    exchange = Exchange(model, config.devices, hardware.device)
    exchange.join(directory.path / FOLDER / "store", rank)
    exchange.hand_out()
    learner = Learner(config, hardware, model, criterion, _warn, exchange)
    if state:
        learner.restore(state["learner"])
    first, total = state["step"] if state else 0, count_steps(config, train) * config.epochs
    model.train()
    for step, batch in enumerate(batches_from(first, total, config, train, hardware.device, rank), first):
        steps.get()
        seed_step(config.seed, step, rank)
        learner.learn(batch, learning_rate(config, step, total), step / total)
    # rank 0 says when it has scored the last step
    threading.Event().wait()


def _warn(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
