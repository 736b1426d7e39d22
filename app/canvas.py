"""From a painted picture to the terminal: as half blocks, or by kitty's protocol with every pixel.

`paint` runs in a thread. Only `send` and `close` write, in the thread of the app: there no frame is half written.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.style import Style

from app import graphics
from app.painting import HALF_BLOCK, Cell, Frame, Look, Window
from app.terminal import protocol
from app.widgets.half_blocks import strips
from app.widgets.kitty import MOST_CELLS, delete, placeholders, transmit
from app.widgets.picture_view import centred

if TYPE_CHECKING:
    from textual.strip import Strip

# pictures that the terminal keeps at a time: what is shown, and a few for going back
HELD = 6


class Paints(Protocol):
    """Paints pictures by their names; used by one thread at a time. One that is asked for copies has `paint_group`."""

    def paint(
        self, name: str, columns: int, rows: int, window: Window, look: Look, cell: Cell = HALF_BLOCK
    ) -> Frame: ...

    def prefetch(self, name: str, columns: int, rows: int, cell: Cell = HALF_BLOCK) -> None: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be seen: one picture, or all of `copies`, in the middle of `columns` x `rows` cells."""

    name: str
    copies: tuple[str, ...]
    columns: int
    rows: int
    window: Window
    look: Look
    style: Style


@dataclass(frozen=True, slots=True)
class Shown:
    """What answers a wish.

    Attributes:
        sent: what has to reach the terminal before its cells do.
        number: under which the terminal holds it; 0 if it does not.
    """

    lines: "list[Strip]"
    facts: str = ""
    problem: str | None = None
    sent: str = ""
    number: int = 0


class Blocks:
    """Half blocks: nothing but cells.

    Attributes:
        most_cells: across or down.
        spare_columns: at the end of a line, not to be used.
        bears_tint: a dialog may dim the cells around it.
    """

    most_cells = 1 << 16
    spare_columns = 0
    bears_tint = True

    def __init__(self, console: Console) -> None:
        self.console = console

    def cell(self, columns: int, rows: int) -> Cell:
        """Return how many pixels are painted for a cell."""
        return HALF_BLOCK

    def known(self, wish: Wish) -> Shown | None:
        """Return what the terminal still has."""
        return None

    def paint(self, painter: Paints, wish: Wish) -> Shown:
        frame, _ = self._frame(painter, wish)
        if frame.problem:
            return Shown([], problem=frame.problem)
        size, shaded = (frame.width, frame.height), wish.look.colours == "none"
        lines = strips(frame.pixels, *size, labels=frame.labels, glyphs=frame.glyphs, shaded=shaded)
        return Shown(centred(lines, wish.columns, wish.rows, wish.style, self.console), frame.facts)

    def _frame(self, painter: Paints, wish: Wish) -> tuple[Frame, Cell]:
        columns = max(1, min(wish.columns - self.spare_columns, self.most_cells))
        rows = min(wish.rows, self.most_cells)
        cell = self.cell(columns, rows)
        if wish.copies:
            group = painter.paint_group(wish.copies, columns, rows, wish.look, cell)  # type: ignore[attr-defined]
            return group, cell
        return painter.paint(wish.name, columns, rows, wish.window, wish.look, cell), cell

    def send(self, wish: Wish, shown: Shown) -> None:
        """Make the terminal ready for the cells."""

    def forget(self) -> None:
        """The terminal has lost what it had."""

    def close(self) -> None:
        """Leave nothing behind."""


class Graphics(Blocks):
    """kitty's protocol: a few pictures lie in the terminal, what is new there is written once.

    Args:
        write: puts a string between two frames.
        tmux: whether tmux has to hand it on.
        most: bytes of base64 for one picture.
    """

    most_cells = MOST_CELLS
    bears_tint = False  # the colour of a cell says which picture it shows

    def __init__(self, console: Console, write: Callable[[str], None], *, tmux: bool, most: int) -> None:
        super().__init__(console)
        self._write, self._tmux, self._most = write, tmux, most
        # tmux 3.3 gives the marks of the last cell of a line to the one before
        self.spare_columns = 1 if tmux else 0
        # two dashboards in one tmux share a terminal
        self._base = (os.getpid() & 0xFFFF) << 8
        self._held: OrderedDict[Wish, Shown] = OrderedDict()

    def cell(self, columns: int, rows: int) -> Cell:
        return graphics.held_down(graphics.cell_size(), columns, rows)

    def known(self, wish: Wish) -> Shown | None:
        if wish in self._held:
            self._held.move_to_end(wish)
        return self._held.get(wish)

    def paint(self, painter: Paints, wish: Wish) -> Shown:
        frame, cell = self._frame(painter, wish)
        if frame.problem:
            return Shown([], problem=frame.problem)
        columns, rows = cell.covered(frame.width, frame.height)
        # rounding may make it a pixel more than there is room for
        number, columns, rows = self._free(), min(columns, wish.columns), min(rows, wish.rows)
        png = graphics.packed(frame, self._most * 3 // 4)
        lines = placeholders(number, columns, rows, wish.style, labels=frame.labels)
        sent = transmit(number, png, columns, rows, tmux=self._tmux)
        return Shown(centred(lines, wish.columns, wish.rows, wish.style, self.console), frame.facts, None, sent, number)

    def _free(self) -> int:
        """Return a number that is free, or that of the picture which was not shown for longest."""
        used = [shown.number for shown in self._held.values()]
        numbers = range(self._base + 1, self._base + HELD + 1)
        return next((number for number in numbers if number not in used), used[0] if used else self._base + 1)

    def send(self, wish: Wish, shown: Shown) -> None:
        if not shown.number or wish in self._held:
            return
        for other in [wish for wish, old in self._held.items() if old.number == shown.number]:
            self._write(delete(self._held.pop(other).number, tmux=self._tmux))
        self._write(shown.sent)
        # its bytes are not needed again
        self._held[wish] = Shown(shown.lines, shown.facts, None, "", shown.number)

    def forget(self) -> None:
        self._held.clear()

    def close(self) -> None:
        while self._held:
            self._write(delete(self._held.popitem()[1].number, tmux=self._tmux))


def canvas(choice: str, console: Console, write: Callable[[str], None], *, in_browser: bool) -> Blocks:
    """Return what suits the terminal; a console with fewer colours than 2^24 could not say which picture is meant.

    Raises:
        BadInput: no such choice.
    """
    if protocol(choice, os.environ) == "blocks" or in_browser or console.color_system != "truecolor":
        return Blocks(console)
    return Graphics(console, write, tmux="TMUX" in os.environ, most=graphics.most_bytes(os.environ))
