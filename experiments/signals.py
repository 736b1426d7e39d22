"""What a process that works for hours does when it is told to end."""

import _thread
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


def tell(say: Callable[[], None]) -> None:
    """Say something from within a signal's handler: in a thread of its own, which nobody waits for.

    The handler interrupts the main thread anywhere: in the middle of a write, where another one raises, or where it
    holds one lock of rich's display whose own thread holds the next and waits for the first.
    """

    def quietly() -> None:
        with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
            say()

    # threading.Thread would take a lock as well
    _thread.start_new_thread(quietly, ())
