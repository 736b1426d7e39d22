"""Work on files, on all cores: decoding, hashing and compressing let go of the interpreter, so threads are enough."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded(function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`; a few per core are under way, so memory stays flat."""
    workers = workers or os.cpu_count() or 1
    under_way: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) >= 4 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        # nobody wants what is left when one fails or the reader goes away
        pool.shutdown(cancel_futures=True)
