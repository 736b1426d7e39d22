"""How much of its time a loop spends waiting for what it works on."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# long enough to level out single steps, short enough to follow a disk that becomes slow
WINDOW = 50


class Waits:
    """Measures an iteration; costs two readings of the clock an item.

    On a GPU the loop runs ahead of the device: what it waits for is the loader only as far as the device is not busy.
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float]] = deque(maxlen=WINDOW)

    @property
    def share(self) -> float | None:
        """Share of the last `WINDOW` items' time that was spent waiting for them, in [0, 1]; None before the second.

        The first item is not counted: loader processes start up for it.
        """
        whole = sum(seconds for _, seconds in self._steps)
        return round(sum(waited for waited, _ in self._steps) / whole, 3) if whole > 0 else None

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, measuring how long each is waited for and how long until the next is asked for."""
        began = None
        for item, waited, now in _timed(items):
            if began is not None:
                self._steps.append((waited, now - began))
            began = now
            yield item


def _timed(items: Iterable[Item]) -> Iterator[tuple[Item, float, float]]:
    iterator = iter(items)
    while True:
        asked = time.monotonic()
        try:
            item = next(iterator)
        except StopIteration:
            return
        now = time.monotonic()
        yield item, now - asked, now
