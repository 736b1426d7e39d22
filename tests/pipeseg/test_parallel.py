"""Work in threads: in order, only so much of it at once, and nothing left behind when the reader goes away."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import cv2
import pytest

from pipeseg.data.parallel import opencv_in_one_thread, threaded


@pytest.mark.parametrize("ahead", [0, 5])
def test_results_come_in_order_and_few_items_are_taken_before(ahead):
    taken = []
    items = (taken.append(item) or item for item in range(40))
    with closing(threaded(lambda item: 2 * item, items, 1, ahead=ahead)) as results:
        assert next(results) == 0 and len(taken) == 4 + ahead
        assert list(results) == list(range(2, 80, 2))


def test_a_pool_serves_two_readers_and_stays():
    with ThreadPoolExecutor(1) as pool:
        inner = threaded(lambda item: item + 1, range(20), 1, pool=pool)
        assert list(threaded(lambda item: 2 * item, inner, 1, pool=pool, ahead=3)) == list(range(2, 42, 2))
        assert pool.submit(int, "7").result() == 7


def test_what_waits_is_dropped_and_what_runs_is_waited_for():
    started, go_on, ended = threading.Event(), threading.Event(), []

    def work(item):
        if item:
            started.set()
            assert go_on.wait(10)
        ended.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = threaded(work, range(20), 1, pool=pool)
        assert next(results) == 0 and started.wait(10)
        threading.Timer(0.05, go_on.set).start()
        results.close()
        assert ended == [0, 1]


def test_opencv_gets_its_threads_back():
    before = cv2.getNumThreads()
    with pytest.raises(KeyError), opencv_in_one_thread():
        assert cv2.getNumThreads() == 1
        raise KeyError
    assert cv2.getNumThreads() == before
