"""Threads that decode and make batches: order, errors, how far they run ahead, and that they end."""

import itertools
import threading
from collections.abc import Iterator

import pytest

from pipeseg.data.parallel import ahead, threaded


def counted(made: list[int], end: int | None = None) -> Iterator[int]:
    for number in itertools.count():
        if number == end:
            return
        made.append(number)
        yield number


def waits_for(event: threading.Event) -> bool:
    return event.wait(30)


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_what_is_made_ahead_comes_in_order_and_whole(count: int) -> None:
    made: list[int] = []
    assert list(ahead(counted(made, 5), count)) == [0, 1, 2, 3, 4] == made
    assert list(ahead([], count)) == []


def test_no_more_is_made_ahead_than_was_asked_for() -> None:
    made: list[int] = []
    items = ahead(counted(made), 2)
    for number in range(4):
        assert next(items) == number
    items.close()  # waits for what is under way
    assert 4 <= len(made) <= 6


def test_it_is_made_while_the_last_one_is_worked_with() -> None:
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    ones = ahead(items(), 1)
    assert next(ones) == 1 and waits_for(second)
    assert list(ones) == [2]


def test_an_error_comes_where_its_item_would_have_come_and_the_thread_ends() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    before = threading.active_count()
    ones = ahead(items(), 2)
    assert next(ones) == 1
    with pytest.raises(ValueError, match="no second one"):
        next(ones)
    assert threading.active_count() == before


def test_threads_keep_the_order_and_pass_errors_on() -> None:
    assert list(threaded(lambda number: number * number, range(50), workers=3)) == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(threaded(lambda number: 1 // number, [2, 1, 0, 1], workers=2))
