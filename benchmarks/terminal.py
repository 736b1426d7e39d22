"""A program on a pseudo-terminal, as over SSH: what it writes, how soon, and what it costs. POSIX only."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_])")
# what programs ask a terminal at start, and what xterm says; a terminal that says nothing would be waited for
_ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[>0q": b"\x1bP>|xterm(390)\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[?u": b"\x1b[?0u",
}


class NotSeen(RuntimeError):
    """What was waited for did not come."""


class Terminal:
    """A program that was started on a terminal of `columns` x `rows`; ended with the `with` block.

    Args:
        tell: given every piece that it writes.

    Attributes:
        started: `time.perf_counter()` at its start.
        count: bytes that it has written so far.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        tell: Callable[[bytes], None] | None = None,
    ):
        self.tell = tell
        self.count = 0
        self._raw = b""
        self.started = time.perf_counter()
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **(environment or {})})
            del os.environ["COLUMNS"], os.environ["LINES"]
            # bytecode is kept, as everywhere but in some containers: the first start of a round makes it
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            os.execvp(str(command[0]), [str(part) for part in command])
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = psutil.Process(self.pid)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for child in self.process.children(recursive=True):
                child.kill()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (psutil.NoSuchProcess, ProcessLookupError, ChildProcessError):
            pass  # it ended by itself
        finally:
            os.close(self.file)

    def read(self, seconds: float) -> bool:
        """Read what comes within so long, at most one piece; tell whether there was any."""
        if not select.select([self.file], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.file, 1 << 16)
        except OSError as error:
            raise NotSeen(f"the program has ended:\n{self.text.decode(errors='replace')[-2000:]}") from error
        self.count += len(piece)
        if self.tell:
            self.tell(piece)
        for question, answer in _ANSWERS.items():
            if question in piece:
                os.write(self.file, answer)
        self._raw = (self._raw + piece)[-(1 << 20) :]
        return True

    @property
    def text(self) -> bytes:
        """What was written since `forget`, without escape sequences: made only for who looks for something in it."""
        return _ESCAPE.sub(b"", self._raw)  # all of it: a sequence may arrive in two pieces

    def wait(self, *marks: str, seconds: float = 60) -> float:
        """Wait until one of `marks` is written; return when, by `time.perf_counter()`.

        Raises:
            NotSeen: it was not, within `seconds`.
        """
        wanted = [mark.encode() for mark in marks]
        end = time.perf_counter() + seconds
        while not any(map(self.text.__contains__, wanted)):
            if time.perf_counter() > end:
                raise NotSeen(f"{' or '.join(marks)} not seen:\n{self.text.decode(errors='replace')[-2000:]}")
            self.read(0.01)
        return time.perf_counter()

    def press(self, keys: str, *marks: str, seconds: float = 30) -> float:
        """Press keys and return the seconds until one of `marks` is written."""
        self.forget()
        pressed = time.perf_counter()
        os.write(self.file, keys.encode())
        return self.wait(*marks, seconds=seconds) - pressed if marks else 0.0

    def forget(self) -> None:
        """Take what is on its way, and look only at what comes after."""
        while self.read(0):
            pass
        self._raw = b""

    def watch(self, seconds: float, each: Callable[[], None] | None = None) -> None:
        """Read for so long, as a terminal does that somebody looks at."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(min(left, 0.05))
            if each:
                each()

    def memory(self) -> float:
        """Return MiB of resident memory of the program and what it started."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes) / 2**20

    def cpu(self) -> float:
        """Return the seconds of CPU that the program itself has used."""
        times = self.process.cpu_times()
        return times.user + times.system
