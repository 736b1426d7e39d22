"""What the terminal can do, as terminfo says."""

import sys
from collections.abc import Mapping


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
