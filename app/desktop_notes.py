"""Notes that the terminal shows on the desktop, also while another window is in front: OSC 9 and OSC 777.

OSC 9 is understood by iTerm2, kitty, WezTerm, Ghostty, Windows Terminal's kin; OSC 777 by foot, urxvt and VTE's
(GNOME Terminal, where the distribution has patched it). Others ignore both. Pure functions.
"""

from collections.abc import Mapping

from app.tmux import is_within_tmux, through_tmux
from pipeseg.errors import BadInput

CHOICES = ("auto", "osc9", "osc777", "bell", "off")
_BEL = "\x07"
# they print what they do not know, or have no desktop
_DUMB = ("dumb", "linux", "vt100", "ansi")
_SPEAK_777 = ("foot", "rxvt")


def kind_of(choice: str, environment: Mapping[str, str]) -> str:
    """Return `osc9`, `osc777`, `bell` (nothing but the bell) or `off`.

    Args:
        choice: what PIPESEG_NOTIFICATIONS says.

    Raises:
        BadInput: there is no such choice.
    """
    if choice not in CHOICES:
        raise BadInput(f"PIPESEG_NOTIFICATIONS: {choice!r} is not one of {', '.join(CHOICES)}")
    if choice != "auto":
        return choice
    term = environment.get("TERM", "")
    if term in _DUMB or "STY" in environment:  # GNU screen has no way through that is safe
        return "bell"
    return "osc777" if term.startswith(_SPEAK_777) or "VTE_VERSION" in environment else "osc9"


def note(title: str, text: str, kind: str, environment: Mapping[str, str]) -> str:
    """Return what makes the terminal show a note; empty where `kind` is neither `osc9` nor `osc777`."""
    title, text = _plain(title), _plain(text)
    if kind == "osc777":
        # the field of the title ends at the first semicolon
        command = f"\x1b]777;notify;{title.replace(';', ',')};{text}{_BEL}"
    elif kind == "osc9":
        # ConEmu and Windows Terminal read `9;4;...` as a progress bar: a note never begins with a digit
        command = f"\x1b]9;{title}: {text}{_BEL}"
    else:
        return ""
    return through_tmux(command) if is_within_tmux(environment) else command


def _plain(text: str) -> str:
    """Without control characters: nothing in the name of a run ends the sequence early."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
