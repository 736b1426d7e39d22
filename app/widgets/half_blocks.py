"""Pixels as half blocks: a cell shows two pixels, the upper one as the colour of `▀`, the lower as what is behind it.

A cell is twice as high as wide, so the pixels are square. Pure functions over plain bytes: no picture library in here.

They pass SSH and tmux unasked; `app.widgets.kitty` is what terminals with graphics get. textual-image, which has more,
needs Python 3.12, is LGPL, and questions the terminal before the app starts (0.6 s to import).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

UPPER = "▀"
# dark to bright, for terminals without any colour
SHADES = " .:-=+*#%@"
RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Label:
    """A word that covers the picture, on a patch of its colour; column and row count cells."""

    column: int
    row: int
    text: str
    colour: RGB


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character over one cell: where colour may not carry meaning, boxes are drawn with these."""

    column: int
    row: int
    character: str


def strips(
    pixels: bytes,
    width: int,
    height: int,
    *,
    labels: Iterable[Label] = (),
    glyphs: Iterable[Glyph] = (),
    shaded: bool = False,
) -> list[Strip]:
    """Return the picture as lines of the terminal.

    Args:
        pixels: RGB, `width * height * 3` bytes, row by row.
        height: in pixels; an odd one gets a black row at the end.
        labels, glyphs: drawn over the picture, in this order; what lies outside is cut off.
        shaded: brightness as characters, without colour.

    Raises:
        ValueError: the number of bytes does not fit.
    """
    if len(pixels) != width * height * 3:
        raise ValueError(f"{len(pixels)} bytes are not {width} x {height} RGB pixels")
    rows = [_row(pixels, width, height, row, shaded) for row in range((height + 1) // 2)]
    for glyph in glyphs:
        if 0 <= glyph.row < len(rows) and 0 <= glyph.column < width:
            rows[glyph.row][glyph.column] = (glyph.character, _PLAIN if shaded else _GLYPH)
    return joined(rows, labels, shaded=shaded)


_PLAIN = Style()
_REVERSE = Style(reverse=True, bold=True)
_GLYPH = Style(color=Color.from_rgb(255, 255, 255), bgcolor=Color.from_rgb(0, 0, 0), bold=True)

# what one cell shows, and how
Row = list[tuple[str, Style]]


def joined(rows: list[Row], labels: Iterable[Label], *, shaded: bool = False) -> list[Strip]:
    """Write labels over the cells, in this order, and make lines of them; what lies outside is cut off."""
    for label in labels:
        if 0 <= label.row < len(rows):
            row, style = rows[label.row], _REVERSE if shaded else label_style(label.colour)
            for column, character in enumerate(label.text, label.column):
                if 0 <= column < len(row):
                    row[column] = (character, style)
    return [_join(row) for row in rows]


def _row(pixels: bytes, width: int, height: int, row: int, shaded: bool) -> Row:
    stride = width * 3
    upper = pixels[2 * row * stride : (2 * row + 1) * stride]
    # a missing last row is black
    lower = pixels[(2 * row + 1) * stride : (2 * row + 2) * stride] or bytes(stride)
    if shaded:
        return [(_shade(upper[at : at + 3], lower[at : at + 3]), _PLAIN) for at in range(0, stride, 3)]
    return [(UPPER, cell_style(upper[at : at + 3], lower[at : at + 3])) for at in range(0, stride, 3)]


@lru_cache(maxsize=1 << 15)
def cell_style(upper: bytes, lower: bytes) -> Style:
    """Return the style of one cell; remembered, for to make one takes longer than all else."""
    return Style.from_color(_colour(upper), _colour(lower))


@lru_cache(maxsize=1 << 13)
def _colour(pixel: bytes) -> Color:
    return Color.from_rgb(*pixel)


@lru_cache(maxsize=256)
def label_style(colour: RGB) -> Style:
    """Return bold black or white, whichever is read more easily on `colour`."""
    on = Color.from_rgb(0, 0, 0) if luminance(colour) > 110 else Color.from_rgb(255, 255, 255)
    return Style(color=on, bgcolor=Color.from_rgb(*colour), bold=True)


def luminance(colour: Sequence[int]) -> float:
    """Return the brightness of a colour, 0..255 (ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _shade(upper: bytes, lower: bytes) -> str:
    return SHADES[int((luminance(upper) + luminance(lower)) / 512 * len(SHADES))]


def _join(row: Row) -> Strip:
    """Make a line of a row: neighbours of one style become one segment."""
    segments: list[Segment] = []
    text, style = "", _PLAIN
    for character, own in row:
        if own is not style and own != style:
            if text:
                segments.append(Segment(text, style))
            text, style = "", own
        text += character
    segments.append(Segment(text, style))
    return Strip(segments, len(row))


def outline(left: int, top: int, right: int, bottom: int) -> list[Glyph]:
    """Return a box of line characters; the corners are inclusive cells."""
    found = [Glyph(column, row, "─") for row in (top, bottom) for column in range(left + 1, right)]
    found += [Glyph(column, row, "│") for column in (left, right) for row in range(top + 1, bottom)]
    corners = ((left, top, "┌"), (right, top, "┐"), (left, bottom, "└"), (right, bottom, "┘"))
    return found + [Glyph(*corner) for corner in corners]
