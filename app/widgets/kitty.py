"""kitty's graphics protocol with Unicode placeholders: a picture in all its pixels that is made of ordinary cells.

The pixels are sent once, under a number. The cells that show them hold a placeholder each, with its row and column as
diacritics and the number as its colour: scrolling, dialogs and tmux treat them as text. Pure functions; the source is
https://sw.kovidgoyal.net/kitty/graphics-protocol/ (kitty from 0.28 on, Ghostty). WezTerm and Konsole lack placeholders.
"""

import base64
from collections.abc import Iterable

from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from app.tmux import through_tmux
from app.widgets.half_blocks import Label, Row, joined

PLACEHOLDER = "\U0010eeee"
# base64 bytes in one command, from the specification
CHUNK = 4096
# numbers of rows and columns: Unicode 6.0's marks above a letter that nothing composes with; hexadecimal, with ranges
_MARKS = """
305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 5ab-5ac
5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d 73f-741 743 745
747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 953-954 f82-f83 f86-f87 135d-135f 17dd 193a 1a17
1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb 1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1
20d4-20d7 20db-20dc 20e1 20e7 20e9 20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3
aab7-aab8 aabe-aabf aac1 fe20-fe26 10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244
"""


def _marks() -> tuple[str, ...]:
    found: list[str] = []
    for entry in _MARKS.split():
        first, _, last = entry.partition("-")
        found += map(chr, range(int(first, 16), int(last or first, 16) + 1))
    return tuple(found)


DIACRITICS = _marks()
# rows and columns that can be numbered
MOST_CELLS = len(DIACRITICS)


def transmit(number: int, png: bytes, columns: int, rows: int, *, tmux: bool = False) -> str:
    """Return the commands that hand a picture to the terminal, to be shown by `placeholders` of the same number.

    The terminal scales it into `columns` x `rows` cells and does not answer.

    Args:
        number: 1 to 2^24 - 1; a picture that had it before is gone.
        tmux: wrapped so that tmux hands it on.
    """
    data = base64.b64encode(png).decode("ascii")
    keys = f"a=T,U=1,f=100,t=d,q=2,i={number},c={columns},r={rows},"
    commands = []
    for at in range(0, len(data), CHUNK):
        more = at + CHUNK < len(data)
        commands.append(_command(f"{keys}m={more:d}", data[at : at + CHUNK], tmux))
        keys = "q=2,"  # the first says all
    return "".join(commands)


def delete(number: int, *, tmux: bool = False) -> str:
    """Return the command that makes the terminal forget a picture and its pixels."""
    return _command(f"a=d,d=I,i={number},q=2", "", tmux)


def _command(keys: str, payload: str, tmux: bool) -> str:
    command = f"\x1b_G{keys};{payload}\x1b\\" if payload else f"\x1b_G{keys}\x1b\\"
    return through_tmux(command) if tmux else command


def placeholders(number: int, columns: int, rows: int, style: Style, *, labels: Iterable[Label] = ()) -> list[Strip]:
    """Return the cells that show a picture, as lines of the terminal.

    Every cell says its row and its column, so that it is right wherever a dialog cuts the line.

    Args:
        columns, rows: as in `transmit`, at most `MOST_CELLS`.
        style: of what is behind.
        labels: instead of the picture in their cells.
    """
    own = style + Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    cells: list[Row] = [
        [(f"{PLACEHOLDER}{row}{column}", own) for column in DIACRITICS[:columns]] for row in DIACRITICS[:rows]
    ]
    return joined(cells, labels)
