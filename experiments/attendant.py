"""The person in front of a training: Ctrl-C opens a menu, the final model is chosen from a list.

Nothing here waits for the person without a limit: a night's run in a terminal must end with nobody at it.
"""

import contextlib
import sys
import time
from collections.abc import Iterator

# short enough for 80 columns
MENU = "saved and paused.  [c] continue  [k] save again  [s] stop  (Ctrl-C: stop)"
COMMANDS = {"c": "resume", "k": "checkpoint", "s": "stop"}
CHOICE_SECONDS = 60.0
LOOK_SECONDS = 0.05


def at_terminal() -> bool:
    """Tell whether a person can be asked: keys come in and what is written is seen."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


class Attendant:
    """Turns keys into the requests that `control.jsonl` knows.

    Attributes:
        interrupted: Ctrl-C was pressed and has not been answered yet.
        paused: the menu is open.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self.paused = False
        self._asked_to_save = False
        self._keys = contextlib.ExitStack()

    def interrupt(self) -> bool:
        """Take a Ctrl-C; return whether it was the second, which asks for a stop."""
        second = self.interrupted or self.paused
        self.interrupted = not second
        return second

    def requests(self, paused: bool) -> list[str]:
        """Return what the person asks now; called at every step and, in a pause, ten times a second.

        Args:
            paused: the run stands still, for this person or for one elsewhere.
        """
        if self.interrupted and not paused:
            self.interrupted = False
            return ["pause"]
        if paused and not self.paused:
            # before the menu is seen: whoever answers it with Ctrl-C wants the stop
            self.paused = True
            self._keys.enter_context(_single_keys())
            _say(MENU)
        elif self._asked_to_save:
            # whatever was asked has been done before anybody asks again
            _say("checkpoint saved")
        asked = [COMMANDS[key] for key in iter(_key, None) if key in COMMANDS] if paused else []
        if paused and self.interrupted:  # pressed while the run was being paused
            self.interrupted = False
            asked.append("stop")
        self._asked_to_save = "checkpoint" in asked
        # closed as soon as it is answered: a Ctrl-C that follows at once opens it again
        self.paused = paused and "resume" not in asked
        if not self.paused:
            self._keys.close()
        return asked

    def close(self) -> None:
        """Give the terminal back as it was."""
        self._keys.close()

    def choose(self, title: str, options: list[str], seconds: float = CHOICE_SECONDS) -> int | None:
        """Let the person choose one of `options`; return its index, None where nobody chose in time.

        Enter takes the first. At most nine can be told apart by one key.
        """
        _say(title)
        for number, option in enumerate(options, 1):
            _say(f"  [{number}] {option}")
        _say(f"key 1 to {len(options)}, Enter for 1; without an answer in {seconds:.0f} s the first one is taken")
        deadline = time.monotonic() + seconds
        with _single_keys():
            while time.monotonic() < deadline and at_terminal():
                match _key():
                    case "\r" | "\n":
                        return 0
                    case str(key) if key.isdecimal() and 1 <= int(key) <= len(options):
                        return int(key) - 1
                    case None:
                        time.sleep(LOOK_SECONDS)
        return None


def _say(text: str) -> None:
    # through rich's redirected stderr: above the bar, not into it
    with contextlib.suppress(OSError):  # the terminal may be gone; the run is not
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Make keys arrive without Enter and unseen; Ctrl-C stays a signal."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: msvcrt reads single keys as it is
        yield
        return
    try:
        before = termios.tcgetattr(sys.stdin)
    except termios.error:  # the terminal has hung up
        yield
        return
    tty.setcbreak(sys.stdin, termios.TCSANOW)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _key() -> str | None:
    """Return the next key that was pressed, None where none was."""
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.getwch() if msvcrt.kbhit() else None
    import os
    import select

    try:
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        # below Python's buffer, which would hide keys from select
        return os.read(sys.stdin.fileno(), 1).decode("latin-1") or None if ready else None
    except OSError:  # hung up
        return None
