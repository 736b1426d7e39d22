"""What a process that works for hours does when it is told to end."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def asked_to_end(ask: Callable[[int], None]) -> Iterator[None]:
    """Call `ask(signal number)` on Ctrl-C and SIGTERM instead of ending, and outlive a terminal that hangs up."""

    def handle(number: int, frame: Any) -> None:
        ask(number)

    handlers: dict[int, Any] = {signal.SIGINT: handle, signal.SIGTERM: handle}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = signal.SIG_IGN
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
