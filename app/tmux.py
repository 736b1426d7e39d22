"""Speaking to the terminal that tmux stands before; tmux hands it on where `allow-passthrough` is on, else drops it."""

from collections.abc import Mapping


def through_tmux(command: str) -> str:
    """Return an escape sequence wrapped so that tmux hands it on as it is."""
    doubled = command.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def is_within_tmux(environment: Mapping[str, str]) -> bool:
    return "TMUX" in environment or environment.get("TERM", "").startswith("tmux")
