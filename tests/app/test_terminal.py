"""`python -m app` as a process: imports, options, a real terminal, being killed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until

from experiments.runs import list_runs
from pipeseg.settings import ROOT, Settings


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    heavy = "torch mlflow numpy cv2 pandas pydantic ruamel PIL"
    program = f"import sys, app.dashboard; print([name for name in {heavy.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "[]", done.stderr


def run_app(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60
    )


def test_without_a_terminal_it_says_what_to_use_instead() -> None:
    done = run_app()
    assert done.returncode == 2
    assert done.stderr == "app: needs a terminal; for scripts use python -m experiments\n"
    assert done.stdout == ""


def test_options_that_print() -> None:
    assert "`?` `F1`" in run_app("--keys").stdout
    assert "--keys" in run_app("--help").stdout
    assert run_app("--nonsense").returncode == 2


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


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_killed_dashboard_leaves_its_run_going(workshop: Settings, number: int) -> None:
    terminal = Terminal()
    terminal.wait_for("nested/inner")
    terminal.wait_for("no run yet")
    terminal.type("l")
    terminal.wait_for("running")
    terminal.end(number)
    wait_until(lambda: not list_runs(workshop)[0].is_active)
    run = list_runs(workshop)[0]
    assert (run.status, run.step, run.test) == ("finished", 30, {"iou": 0.5})


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_no_color_is_without_colour_and_still_told_apart(workshop: Settings, add_run: object, tmp_path: Path) -> None:
    add_run("toy")  # type: ignore[operator]
    terminal = Terminal(NO_COLOR="1")
    terminal.wait_for("finished")
    colours = {
        (int(red), int(green), int(blue))
        for red, green, blue in re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.output)
    }
    assert all(max(colour) - min(colour) <= 2 for colour in colours)
    assert "✓".encode() in terminal.output
    terminal.end(signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_without_colours_shows_the_cursor_in_reverse(workshop: Settings, add_run: object) -> None:
    add_run("toy")  # type: ignore[operator]
    terminal = Terminal(TERM="vt100")
    terminal.wait_for("finished")
    codes = {code for group in re.findall(rb"\x1b\[([\d;]*)m", terminal.output) for code in group.split(b";")}
    assert b"7" in codes and b"1" in codes
    assert not codes & {b"38", b"48", *(str(number).encode() for number in (*range(30, 38), *range(40, 48)))}
    terminal.end(signal.SIGKILL)


def test_a_browser_is_served_without_a_terminal(workshop: Settings) -> None:
    """As textual-serve starts it: by pipes, and told so by a variable."""
    environment = {**os.environ, "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}
    environment |= {"COLUMNS": "80", "ROWS": "24"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app"], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    try:
        assert process.stdout.read(13) == b"__GANGLION__\n"
    finally:
        process.kill()
        process.communicate()
