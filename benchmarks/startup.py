"""How soon things start, each against a reference in the same run: `python benchmarks/startup.py [--json] [--quick]`.

| figure | reference |
|---|---|
| first paint of the dashboard on a pty, 80x24 | an empty Textual app on the same pty |
| memory of the dashboard, idle for two seconds | the same empty app |
| `python -m experiments --help` | `python -c "import rich.console, typer"` |

Needs a POSIX terminal (pty).
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures

EMPTY = """
from textual.app import App
from textual.widgets import Footer, Static

class Empty(App):
    def compose(self):
        yield Static("Experiments")
        yield Footer()

Empty().run()
"""
IDLE_SECONDS = 2.0


def paint(arguments: list[str], mark: str) -> tuple[float, float]:
    """Return seconds from start until `mark` is on the terminal, and MiB of memory after `IDLE_SECONDS`."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, *arguments])
    started = time.perf_counter()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen, painted = b"", None
    try:
        while painted is None or time.perf_counter() - started < painted + IDLE_SECONDS:
            if select.select([terminal], [], [], 0.01)[0]:
                seen += os.read(terminal, 1 << 16)
            if painted is None and mark.encode() in seen:
                painted = time.perf_counter() - started
        return painted, psutil.Process(child).memory_info().rss / 2**20
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measure(rounds: int) -> Figures:
    """Measure figure and reference in turn, and keep the best of each: noise only ever adds."""
    ours, empty, help_, imports = [], [], [], []
    for _ in range(rounds):
        ours.append(paint(["-m", "app"], "Experiments"))
        empty.append(paint(["-c", EMPTY], "Experiments"))
        help_.append(seconds(["-m", "experiments", "--help"]))
        imports.append(seconds(["-c", "import rich.console, typer"]))
    figures = Figures()
    figures.record("first paint", min(time for time, _ in ours), "s", min(time for time, _ in empty))
    figures.record("memory", min(memory for _, memory in ours), "MiB", min(memory for _, memory in empty))
    figures.record("experiments --help", min(help_), "s", min(imports))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="three rounds instead of ten")
    options = parser.parse_args()
    measure(3 if options.quick else 10).show(options.json)


if __name__ == "__main__":
    main()
