"""The dashboard as a process on a pseudo-terminal, its output as the terminal would get it."""

import contextlib
import os
import signal
import sys
import time

from pipeseg.settings import ROOT


class Terminal:
    """The dashboard on a pseudo-terminal of its own."""

    def __init__(self, rows: int = 24, columns: int = 80, **environment: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            # whoever runs the tests under nohup hands down that hang-ups are ignored
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.chdir(ROOT)
            os.execve(
                sys.executable, [sys.executable, "-m", "app"], {**os.environ, "TERM": "xterm-256color", **environment}
            )
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = b""

    def wait_for(self, text: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while text.encode() not in self.output:
            assert time.monotonic() < end, f"{text!r} did not appear in {self.output[-2000:]!r}"
            self.read(0.1)

    def read(self, seconds: float) -> None:
        """Take what the dashboard draws, as a terminal does: nobody's output may wait for ever."""
        import select

        if select.select([self.descriptor], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # the other end has closed
                self.output += os.read(self.descriptor, 1 << 16)

    def type(self, keys: str) -> None:
        self.output = b""
        os.write(self.descriptor, keys.encode())

    def end(self, number: int) -> None:
        os.kill(self.pid, number)
        end = time.monotonic() + 60
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < end, "the dashboard did not end"
            self.read(0.05)
        os.close(self.descriptor)
