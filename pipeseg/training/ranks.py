"""The other ranks of a training, as rank 0 holds them: it is the run's own process, they are its children.

Rank 0 alone writes journal, checkpoints and results, answers requests, scores and reports; the others learn, see
`pipeseg.training.rank`. It begins every step with a byte to each of them. So they wait at a pipe, not in a collective:
through validations and pauses of any length, and when rank 0 dies, however it does, the pipe closes and they end.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType

import torch
from torch import nn

from pipeseg.errors import BadInput, RunFailed, StopRequested
from pipeseg.run import Run
from pipeseg.run_directory import read_json
from pipeseg.schema import TrainConfig
from pipeseg.settings import ROOT
from pipeseg.training.device import Hardware
from pipeseg.training.distributed import Exchange, RankLost, seed_step
from pipeseg.training.rank import END, FOLDER, STEP

POLL_SECONDS = 0.05
# a connection breaks at once when a process ends; that it has ended is known a moment later
NOTICE_SECONDS = 10.0
ENDING_SECONDS = 5.0


class Ranks:
    """Starts the other ranks, watches them, and ends them with the block that it is the context of.

    A rank that ends before its time ends the run: the block raises `RunFailed` with a sentence that names it, or
    `BadInput` with what it found wrong.
    """

    def __init__(self, run: Run, hardware: Hardware):
        assert isinstance(run.config, TrainConfig)
        self.run, self.hardware, self.config = run, hardware, run.config
        self.count = run.config.devices
        self._folder = run.directory.path / FOLDER
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._exchange: Exchange | None = None
        self._failure: Exception | None = None
        self._noticed, self._closing = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._attend, daemon=True)

    def __enter__(self) -> "Ranks":
        # what an attempt left behind that was killed
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        try:
            with open(self.run.directory.log_file, "ab") as log:
                for rank in range(1, self.count):
                    self._processes[rank] = self._start(rank, log)
        except OSError:
            self.close()
            raise
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, RankLost):
            self._noticed.wait(NOTICE_SECONDS)
        self.close()
        if isinstance(error, RankLost) and self._failure is None:
            raise RunFailed(str(error)) from error
        # whatever broke here broke because of it, except for what a person has to mend or has asked for
        told = isinstance(error, BadInput | StopRequested) or error is self._failure
        if isinstance(error, Exception) and not told and self._failure:
            raise self._failure from error

    def _start(self, rank: int, log: object) -> "subprocess.Popen[bytes]":
        device, dtype = self._device(rank), str(self.hardware.dtype).removeprefix("torch.")
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONIOENCODING": "utf-8",
            "DATASETS_DIR": str(self.run.settings.datasets_dir),
        }
        if self.hardware.device.type == "cpu":
            environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        # a session of its own: Ctrl-C at the terminal is for rank 0, which ends the others when all is saved
        own = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}
        return subprocess.Popen(
            [sys.executable, "-m", "pipeseg.training.rank", str(self.run.directory.path), str(rank), device, dtype],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            bufsize=0,
            **own,
        )

    def _device(self, rank: int) -> str:
        return f"cuda:{rank}" if self.hardware.device.type == "cuda" else "cpu"

    def exchange(self, model: nn.Module) -> Exchange:
        """Return what makes one step of all ranks' parts; of use after `connect`."""
        self._exchange = Exchange(model, self.count, self.hardware.device)
        return self._exchange

    def connect(self) -> None:
        """Wait until every rank has read its pictures, and give it the weights as they are now.

        Raises:
            StopRequested: a person did not want to wait.
        """
        assert self._exchange is not None
        # not before: what is wrong with the data is told by rank 0, which reads them too
        self.run.watch = self.check
        while not all((self._folder / f"ready-{rank}").exists() for rank in self._processes):
            self.run.obey(lambda: None)
            time.sleep(POLL_SECONDS)
        joined: Future[None] = Future()
        # in a thread: nothing else would bring us back from waiting for a rank that ends just now
        threading.Thread(target=_join, args=(self._exchange, self._folder / "store", joined), daemon=True).start()
        while not joined.done():
            self.check()
            time.sleep(POLL_SECONDS)
        joined.result()
        self._exchange.hand_out()

    def begin(self, step: int) -> None:
        """Let every rank do step `step` (counted from 0), this one too."""
        self.check()
        for rank, process in self._processes.items():
            assert process.stdin is not None
            try:
                process.stdin.write(STEP)
            except OSError as error:
                raise RankLost(f"rank {rank} does not listen") from error
        seed_step(self.config.seed, step, 0)

    def settle(self) -> None:
        """Wait for the device and see that all ranks were there: what half of them learned must not be saved."""
        if self.hardware.device.type == "cuda":
            torch.cuda.synchronize(self.hardware.device)
        self.check()

    def check(self) -> None:
        """Raise what ended a rank before its time; costs nothing."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End the other ranks: their devices are free from now on."""
        self._closing.set()
        if self._watcher.ident is not None:
            self._watcher.join()
        self.run.watch = lambda: None
        for process in self._processes.values():
            assert process.stdin is not None
            # to close it is not enough: our loader processes hold it too
            with contextlib.suppress(OSError):
                process.stdin.write(END)
            process.stdin.close()
        deadline = time.monotonic() + ENDING_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            _kill(process)
            process.wait()
        self._processes.clear()
        if self._exchange:
            self._exchange.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _attend(self) -> None:
        """Notice the first rank that ends, say why, and end the others: they would wait for it."""
        while not self._closing.wait(POLL_SECONDS):
            for rank, process in self._processes.items():
                if process.poll() is None:
                    continue
                self._failure = self._why(rank, process.returncode)
                for each in self._processes.values():
                    _kill(each)
                self._noticed.set()
                if self._exchange:
                    self._exchange.break_off()
                return

    def _why(self, rank: int, code: int) -> Exception:
        name = f"rank {rank} of {self.count} ({self._device(rank)})"
        told = read_json(self._folder / f"rank-{rank}.json")
        if told.get("bad_input"):
            return BadInput(told["error"])
        if told:
            return RunFailed(f"{name}: {told['error']}")
        if code < 0:
            known = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = " (the machine may have run out of memory)" if known == "SIGKILL" else ""
            return RunFailed(f"{name} was killed by {known}{hint}")
        return RunFailed(f"{name} ended with code {code}; see {self.run.directory.log_file}")


def _join(exchange: Exchange, store: Path, joined: "Future[None]") -> None:
    try:
        joined.set_result(exchange.join(store, 0))
    except Exception as error:
        joined.set_exception(error)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a rank at once, with its loader processes."""
    if os.name != "nt":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
