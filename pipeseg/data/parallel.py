"""Work on files, on all cores: decoding, hashing and compressing let go of the interpreter, so threads are enough."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    *,
    pool: ThreadPoolExecutor | None = None,
    ahead: int = 0,
) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`; a few per core are under way, so memory stays flat.

    Args:
        workers: threads; default: one per core.
        pool: threads that are there already, and may have other work as well.
        ahead: so many more items may be under way, for a reader that takes them in batches.
    """
    workers = workers or os.cpu_count() or 1
    under_way: deque[Future[Result]] = deque()
    threads = pool or ThreadPoolExecutor(workers)
    try:
        for item in items:
            under_way.append(threads.submit(function, item))
            if len(under_way) >= 4 * workers + ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        # nobody wants what is left when one fails or the reader goes away
        if pool is None:
            threads.shutdown(cancel_futures=True)
        else:
            wait([future for future in under_way if not future.cancel()])


@contextmanager
def opencv_in_one_thread() -> Iterator[None]:
    """Keep OpenCV to the threads that call it: its own would fight them."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
