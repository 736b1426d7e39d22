"""What a process that works for hours does when it is told to end."""

import signal
import threading

import pytest
from waiting import wait_until

from experiments.signals import asked_to_end, tell


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_told_although_the_one_it_interrupts_holds_the_terminal(number: int) -> None:
    terminal, asked, told = threading.Lock(), [], []

    def say() -> None:
        with terminal:
            told.append("stopping")

    def ask(number: int) -> None:
        asked.append(number)
        tell(say)

    with asked_to_end(ask), terminal:
        signal.raise_signal(number)
        assert (asked, told) == ([number], [])
    wait_until(lambda: told == ["stopping"])


def test_a_terminal_that_is_gone_is_no_failure(capfd: pytest.CaptureFixture[str]) -> None:
    tried = threading.Event()

    def say() -> None:
        tried.set()
        raise BrokenPipeError

    tell(say)
    assert tried.wait(10) and capfd.readouterr().err == ""
