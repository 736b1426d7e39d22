"""Garbage is looked for while no key is pressed: a look at everything takes as long as a frame."""

import gc
import time

from textual import on
from textual.events import Event, InputEvent

from app import messages
from app.layers.frame import Frame

TIDY_SECONDS = 0.25
# so long after a key its frame is there
QUIET_SECONDS = 0.1
# whoever holds a key down makes garbage all the while
LONGEST_SECONDS = 1.0
EVERYTHING_SECONDS = 60.0
# fewer new objects are not worth a look
FEW = 500


class Tidying(Frame):
    """Does by the clock what the interpreter would do by the number of objects: in the middle of a frame as a rule.

    Only where the start has turned the interpreter's own search off, see `app/__main__.py`.
    """

    _key_at = _tidied_at = _everything_at = 0.0

    @on(messages.Furnished)
    def begin_tidying(self) -> None:
        if not gc.isenabled():
            # what is there now stays: from here on only what comes later is looked through
            gc.freeze()
            self._everything_at = time.monotonic()
            self.set_interval(TIDY_SECONDS, self.tidy)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self._key_at = time.monotonic()
        await super().on_event(event)

    def tidy(self) -> None:
        """Look through what is new, now and then through everything that came since the start."""
        now = time.monotonic()
        if now - self._key_at < QUIET_SECONDS and now - self._tidied_at < LONGEST_SECONDS:
            return
        self._tidied_at = now
        if now - self._everything_at >= EVERYTHING_SECONDS:
            self._everything_at = now
            gc.collect()
        elif gc.get_count()[0] > FEW:
            gc.collect(1)
