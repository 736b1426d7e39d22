"""A second Ctrl-C is never lost, whenever it comes."""

import os

import pytest

from experiments.attendant import Attendant

pty = pytest.importorskip("pty")


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """A terminal at which nobody presses a key."""
    master, slave = pty.openpty()
    with open(slave) as keyboard:
        monkeypatch.setattr("sys.stdin", keyboard)
        yield
    os.close(master)


def test_a_ctrl_c_while_the_pause_begins_asks_for_the_stop(capsys):
    person = Attendant()
    assert not person.interrupt()
    assert person.requests(paused=False) == ["pause"]
    # the run saves its checkpoint now; the menu is not open yet
    assert not person.interrupt()
    assert person.requests(paused=True) == ["stop"]
    assert "[s] stop" in capsys.readouterr().err


def test_a_ctrl_c_in_the_open_menu_is_the_second_one(capsys):
    person = Attendant()
    person.interrupt()
    person.requests(paused=False)
    assert person.requests(paused=True) == []
    assert person.interrupt()


def test_a_pause_from_elsewhere_opens_the_menu_too(capsys):
    person = Attendant()
    assert person.requests(paused=True) == [] and "[c] continue" in capsys.readouterr().err
    assert person.requests(paused=False) == []
    assert not person.interrupt()  # the menu is closed again: this is a first one
    person.close()
