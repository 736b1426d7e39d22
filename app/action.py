"""What an action of the dashboard is: one thing with a key, as data.

No Textual at import, so that `python -m app --keys` answers at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CLI = "python -m experiments"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do with one key.

    Attributes:
        name: Textual action, as in `Dashboard.action_<name>`; also the id by which a keymap can move the key.
        keys: Textual key names; the first is the one that is shown.
        label: a word or two for the footer.
        tooltip: one sentence for palette and help.
        headless: the command that does the same without a screen.
        panes: where the footer offers it first.
        only: whether its key works on those panes alone, so that another pane may give the key to something else.
        everywhere: whether the footer also offers it elsewhere, where there is room.
        asks: whether it asks before it acts.
        changes: whether it changes something that outlasts the dashboard: refused with `--read-only`.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    tooltip: str
    group: str
    headless: str = ""
    panes: tuple[str, ...] = ()
    only: bool = False
    asks: bool = False
    everywhere: bool = False
    builtin: bool = False
    changes: bool = False

    def works_on(self, pane: str) -> bool:
        return not self.only or pane in self.panes

    @property
    def key_label(self) -> str:
        return " ".join(readable_key(key) for key in self.keys)


_READABLE = {
    "question_mark": "?",
    "escape": "Esc",
    "enter": "Enter",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "exclamation_mark": "!",
    "space": "Space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


# a keyboard that is set to Russian types these letters with the same keys
_LATIN, _CYRILLIC = "qwertyuiopasdfghjklzxcvbnm", "йцукенгшщзфывапролдячсмить"
_TO_CYRILLIC = str.maketrans(_LATIN + _LATIN.upper(), _CYRILLIC + _CYRILLIC.upper())
_TO_LATIN = str.maketrans(_CYRILLIC + _CYRILLIC.upper(), _LATIN + _LATIN.upper())


def latin(character: str) -> str:
    """Return the letter that the same key types on an English keyboard."""
    return character.translate(_TO_LATIN)


def typed_keys(keys: Iterable[str]) -> list[str]:
    """Return the keys, and after them what those of one letter type on a Russian keyboard."""
    keys = list(keys)
    twins = [key.translate(_TO_CYRILLIC) for key in keys if len(key) == 1 and key.isascii() and key.isalpha()]
    return keys + twins


def readable_key(key: str) -> str:
    """Return a key as a person reads it: `question_mark` -> `?`, `ctrl+s` -> `Ctrl+S`, `f5` -> `F5`."""
    if len(key) == 1:
        return key
    return _READABLE.get(key) or "+".join(
        part.upper() if len(part) <= 2 else part.capitalize() for part in key.split("+")
    )


def bindings(actions: Iterable[Action]) -> list[Any]:
    """Return the actions as Textual bindings; each has an id, so that a keymap can move it."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(typed_keys(action.keys)),
            action.name,
            action.label,
            tooltip=action.tooltip,
            id=binding_id(action),
            show=False,
        )
        for action in actions
        if not action.builtin
    ]


def binding_id(action: Action) -> str:
    return "".join(letter if letter.isalnum() else "." for letter in action.name).strip(".").replace("..", ".")


def key_table(actions: Iterable[Action]) -> str:
    """Return the key table of the README, in Markdown."""
    rows = ["| key | action | without a screen |", "|---|---|---|"]
    for action in actions:
        keys = " ".join(f"`{readable_key(key)}`" for key in action.keys)
        # a bar inside a cell would begin the next one
        headless = f"`{action.headless}`".replace("|", r"\|") if action.headless else ""
        rows.append(f"| {keys} | {action.tooltip}{' (asks first)' if action.asks else ''} | {headless} |")
    return "\n".join(rows)
