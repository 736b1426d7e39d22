"""`python -m app` as a process: imports, options, a real terminal, being killed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pseudo_terminal import Terminal
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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_killed_dashboard_leaves_its_run_going(workshop: Settings, number: int) -> None:
    terminal = Terminal()
    terminal.wait_for("nested/inner")
    terminal.wait_for("no run yet")
    terminal.type("l")
    terminal.wait_for("start now")
    terminal.type("\r")
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
