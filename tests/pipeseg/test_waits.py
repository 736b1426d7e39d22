"""How much of a loop's time goes into waiting, on a clock that the test moves."""

from collections.abc import Iterator

import pytest

from pipeseg.training import waits
from pipeseg.training.waits import WINDOW, Waits


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(waits.time, "monotonic", lambda: self.now)

    def loader(self, seconds: list[float]) -> Iterator[int]:
        for index, each in enumerate(seconds):
            self.now += each
            yield index


def test_the_share_is_of_the_whole_time_and_leaves_the_start_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, measured, shares = Clock(monkeypatch), Waits(), []
    for _ in measured.over(clock.loader([9.0, 1.0, 1.0, 3.0])):
        shares.append(measured.share)
        clock.now += 3.0
    # 1 of 4 seconds, 2 of 8, 5 of 14
    assert shares == [None, 0.25, 0.25, 0.357]


def test_a_loader_that_becomes_slow_is_seen_within_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, measured = Clock(monkeypatch), Waits()
    for _ in measured.over(clock.loader([0.0] * 200 + [1.0] * WINDOW)):
        clock.now += 1.0
    assert measured.share == 0.5


def test_nothing_to_wait_for() -> None:
    measured = Waits()
    assert list(measured.over(())) == [] and measured.share is None
