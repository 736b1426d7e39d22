"""The end of every run of this machine is told: in the dashboard, by the bell, on the desktop."""

import os
import signal
import sys
from collections.abc import Callable

import pytest
from driving import opened, until
from pseudo_terminal import Terminal
from textual.pilot import Pilot

from app.desktop_notes import kind_of, note
from app.layers.ending import told
from experiments.processes import started_at, this_host
from experiments.runs import view
from pipeseg.errors import BadInput
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

AddRun = Callable[..., RunDirectory]


def working(directory: RunDirectory) -> RunDirectory:
    directory.update(status="running", pid=os.getpid(), pid_started=started_at(os.getpid()), host=this_host())
    return directory


def end(directory: RunDirectory, status: str, code: int) -> None:
    append_event(directory.events_file, "status", status=status)
    directory.write_exit(code)


def notes(pilot: Pilot) -> list[tuple[str, str]]:
    return [(str(each.title), str(each.message)) for each in pilot.app._notifications]


@pytest.mark.slow
async def test_ends_of_one_moment_are_told_together(workshop: Settings, add_run: AddRun) -> None:
    first, second, third = (working(add_run("toy", ended=False)) for _ in range(3))
    async with opened() as pilot:
        await until(pilot, lambda: len(pilot.app._working) == 3)
        end(first, "finished", 0)
        end(second, "failed", 1)
        await until(pilot, lambda: notes(pilot))
        ((title, text),) = notes(pilot)
        assert title == "2 runs have ended"
        assert f"✓ {first.run_id}: finished · test IoU 0.625" in text and f"✗ {second.run_id}: failed" in text
        # one that ends later is told by itself, and each only once
        end(third, "stopped", 130)
        await until(pilot, lambda: len(notes(pilot)) == 2)
        assert notes(pilot)[-1] == ("toy", f"■ {third.run_id}: stopped · test IoU 0.625")
        pilot.app.read_list()
        await until(pilot, lambda: not pilot.app.ended and not pilot.app._working)
        assert len(notes(pilot)) == 2


@pytest.mark.slow
async def test_what_ended_before_or_elsewhere_is_not_told(workshop: Settings, add_run: AddRun) -> None:
    add_run("toy")
    elsewhere = add_run("toy", ended=False)
    elsewhere.update(host="another", status="running")
    here = working(add_run("toy", ended=False))
    async with opened() as pilot:
        await until(pilot, lambda: len(pilot.app._working) == 2)
        end(elsewhere, "finished", 0)
        end(here, "finished", 0)
        await until(pilot, lambda: notes(pilot))
        await until(pilot, lambda: not pilot.app._working)
        assert [text for _, text in notes(pilot)] == [f"✓ {here.run_id}: finished · test IoU 0.625"]


def test_many_ends_are_told_in_a_few_lines(workshop: Settings, add_run: AddRun) -> None:
    title, text = told([view(add_run("toy")) for _ in range(9)])
    assert title == "9 runs have ended" and len(text.splitlines()) == 5 and text.endswith("and 5 more")


@pytest.mark.parametrize(
    ("choice", "environment", "kind"),
    [
        ("auto", {"TERM": "xterm-256color"}, "osc9"),
        ("auto", {"TERM": "xterm-kitty"}, "osc9"),
        ("auto", {"TERM": "foot"}, "osc777"),
        ("auto", {"TERM": "rxvt-unicode-256color"}, "osc777"),
        ("auto", {"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "osc777"),
        ("auto", {"TERM": "linux"}, "bell"),
        ("auto", {"TERM": "screen", "STY": "1.x"}, "bell"),
        ("osc777", {"TERM": "linux"}, "osc777"),
        ("off", {"TERM": "foot"}, "off"),
    ],
)
def test_which_note_a_terminal_gets(choice: str, environment: dict[str, str], kind: str) -> None:
    assert kind_of(choice, environment) == kind


def test_a_choice_that_is_none_is_named() -> None:
    with pytest.raises(BadInput, match="PIPESEG_NOTIFICATIONS: 'loud' is not one of auto, osc9"):
        kind_of("loud", {})


def test_notes_cannot_be_broken_out_of() -> None:
    assert note("toy", "✓ a: finished", "osc9", {}) == "\x1b]9;toy: ✓ a: finished\x07"
    assert note("to;y", "a\x07b\x1b]\nc", "osc777", {}) == "\x1b]777;notify;to,y;a b ] c\x07"
    assert note("toy", "text", "osc9", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]9;toy: text\x07\x1b\\"
    assert note("toy", "text", "bell", {}) == note("toy", "text", "off", {}) == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_terminal_gets_the_note_and_the_bell(workshop: Settings) -> None:
    terminal = Terminal(TERM="foot")
    terminal.wait_for("nested/inner")
    terminal.wait_for("no run yet")
    terminal.type("\x1b[15~")  # F5
    terminal.wait_for("\x1b]777;notify;")
    terminal.wait_for("finished · test IoU 0.500\x07")
    terminal.end(signal.SIGKILL)
