"""The two lines that frame the screen: where we are, and which keys there are."""

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widgets import Static

from app.action import Action, readable_key
from app.actions import ACTIONS, PANES, footer_actions
from app.language import _
from app.text import escape
from app.widgets.markup import parsed

# no word is cut to fewer letters: below that the numbers say as much
LEAST_LETTERS = 3
_VOWELS = "aeiouyаеёиоуыэюяй"
_PLACES = {action.name: action for action in ACTIONS}


class TitleBar(Static):
    """The panes with their keys, and what is selected.

    Attributes:
        spots: first cell and width of each pane's entry, by pane.
    """

    spots: dict[str, tuple[int, int]] = {}  # noqa: RUF012  replaced as a whole with every `show`
    _shown: object = None

    def show(self, pane: str, facts: Sequence[str], room: int, *, read_only: bool = False) -> None:
        """Show the panes, and right of them as much as fits.

        Args:
            facts: of what is selected, the least important first.
            room: width in cells; facts are dropped first, then letters of the other panes, then their words.
        """
        if (shown := (pane, tuple(facts), room, read_only)) == self._shown:
            return  # a line that is as it was need not go to the terminal again
        self._shown = shown
        mark = _("read-only") if room >= 140 else _("RO")
        mark_cells = len(mark) + 4 if read_only else 0
        words = fitting(pane, {name: _(_PLACES[f"show('{name}')"].label) for name in PANES}, room - mark_cells)
        tabs, self.spots, at = Content(""), {}, 0
        for name in PANES:
            entry = _entry(readable_key(_PLACES[f"show('{name}')"].keys[0]), words[name])
            style = "reverse bold" if name == pane else "$foreground 70%"
            entry += " " if name == pane else ""
            tabs = Content.assemble(tabs, parsed(f"[{style}][@click=app.show('{name}')]{entry}[/][/]"))
            self.spots[name] = (at, len(entry))
            at += len(entry)
        right = self._right(facts, f"[reverse $warning] ⊘ {mark} [/]" if read_only else "", room - at)
        self.update(Content.assemble(tabs, " " * (room - at - right.cell_length), right), layout=False)

    @staticmethod
    def _right(facts: Sequence[str], mark: str, room: int) -> Content:
        """As many facts as there is room for, the last first, before the mark."""
        for first in range(len(facts) + 1):
            told = " · ".join(facts[first:])
            texts = [f"[$foreground 60%]{escape(told)}[/] "] if told else []
            right = Content.from_markup(" ".join([*texts, *([mark] if mark else [])]))
            if right.cell_length + 2 <= room:
                return right
        return Content.from_markup(mark) if mark else Content("")


def _entry(key: str, word: str) -> str:
    return f" {key} {word}" if word else f" {key}"


def fitting(pane: str, words: dict[str, str], room: int) -> dict[str, str]:
    """Cut the words of the other panes, as little as must be; the word of `pane` stays whole."""

    def cut(letters: int) -> dict[str, str]:
        return {name: word if name == pane else _short(word, letters) for name, word in words.items()}

    def width(shown: dict[str, str]) -> int:
        return 1 + sum(len(_entry("1", word)) for word in shown.values())

    longest = max(map(len, words.values()))
    for letters in range(longest, LEAST_LETTERS - 1, -1):
        shown = cut(letters)
        if width(shown) <= room:
            return shown
    return {name: word if name == pane else "" for name, word in words.items()}


def _short(word: str, letters: int) -> str:
    """An abbreviation of at most so many letters; it ends in a consonant where that leaves enough of it."""
    if len(word) <= letters:
        return word
    cut = word[:letters]
    return cut[:-1] if len(cut) > LEAST_LETTERS and cut[-1] in _VOWELS else cut


class KeyBar(Static):
    """As many keys as fit, the most particular first; help always."""

    _shown: object = None

    def show(
        self, pane: str, room: int, *, waits: bool = False, offers: Callable[[Action], bool] = lambda action: True
    ) -> None:
        """Args: waits: whether the key that pauses goes on. offers: which actions can be done at all."""
        offered = [action for action in footer_actions(pane) if action.name != "help" and offers(action)]
        if (shown := ([action.name for action in offered], room, waits)) == self._shown:
            return
        self._shown = shown
        help_entry = self._entry("?", "help", _("Help"))
        line, space = Content(""), room - help_entry.cell_length
        for action in offered:
            label = _("Resume") if action.name == "pause" and waits else _(action.label)
            entry = self._entry(readable_key(action.keys[0]), action.name, label)
            if line.cell_length + entry.cell_length > space:
                break
            line = Content.assemble(line, entry)
        self.update(Content.assemble(line, help_entry), layout=False)

    @staticmethod
    def _entry(key: str, action: str, label: str) -> Content:
        shown = f"[b $primary]{escape(key)}[/] [$foreground 75%]{escape(label)}[/]"
        return parsed(f"[@click=app.{action}] {shown} [/]")
