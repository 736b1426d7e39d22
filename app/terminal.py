"""What the terminal can do, as terminfo and the environment say, without asking it.

An answer of the terminal would arrive late over SSH, and among the keys.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeseg.errors import BadInput

CHOICES = ("auto", "blocks", "kitty")
_TERMINALS = ("xterm-kitty", "xterm-ghostty")
_FIRST_KITTY = 0, 28


def has_colours(environment: Mapping[str, str]) -> bool:
    """Whether the terminal of TERM has colours; one that terminfo does not know is taken to have them."""
    term = environment.get("TERM", "")
    if sys.platform == "win32" or not term:
        return True
    if term == "dumb":
        return False
    import curses

    try:
        curses.setupterm(term, 1)
    except curses.error:
        return True
    return curses.tigetnum("colors") > 0


def protocol(choice: str, environment: Mapping[str, str]) -> str:
    """Return `blocks` or `kitty`.

    Args:
        choice: what PIPESEG_PICTURES says; `auto` takes `kitty` only where nothing stands between.

    Raises:
        BadInput: there is no such choice.
    """
    if choice not in CHOICES:
        raise BadInput(f"PIPESEG_PICTURES: {choice!r} is not one of {', '.join(CHOICES)}")
    if environment.get("NO_COLOR") or choice == "blocks":
        return "blocks"
    return "kitty" if choice == "kitty" or _has_placeholders(environment) else "blocks"


def _has_placeholders(environment: Mapping[str, str]) -> bool:
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return False
    if _is_old_kitty(environment.get("KITTY_INSTALLATION_DIR")):
        return False
    if term in _TERMINALS or program == "ghostty":
        return True
    # a terminal that was started from kitty has inherited this, and most say who they are
    others = ("KONSOLE_VERSION", "VTE_VERSION", "WT_SESSION", "ALACRITTY_WINDOW_ID")
    return "KITTY_WINDOW_ID" in environment and not program and not any(name in environment for name in others)


def _is_old_kitty(folder: str | None) -> bool:
    """Whether the kitty of this machine, which names its folder, is older than placeholders: it shows empty boxes."""
    try:
        text = Path(folder, "kitty", "constants.py").read_text(encoding="utf-8") if folder else ""
    except OSError:
        return False  # not told: a kitty without sources
    version = re.search(r"\bVersion\((\d+), *(\d+)", text)
    return version is not None and (int(version[1]), int(version[2])) < _FIRST_KITTY
