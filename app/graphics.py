"""How many pixels a picture may have on this terminal, and how it is packed for the way there."""

import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.painting import Cell, Frame

if TYPE_CHECKING:
    from PIL.Image import Image

# pixels of the longer side; more is seen only on the largest screens and takes longer to pack than to look at
MOST_SIDE = 1600
# bytes of base64 for one picture: what half blocks need for a large screen when a network is between, more without
MOST_BYTES, MOST_BYTES_SSH = 1_500_000, 400_000
# where the terminal does not tell the size of its cells
_USUAL = Cell(10.0, 20.0)


def most_bytes(environment: Mapping[str, str]) -> int:
    """Return how many bytes of base64 one picture may take."""
    is_remote = "SSH_CONNECTION" in environment or "SSH_TTY" in environment
    return MOST_BYTES_SSH if is_remote else MOST_BYTES


def cell_size() -> Cell:
    """Return the pixels of a cell as the terminal's line knows them, or a usual size."""
    try:
        import fcntl
        import struct
        import termios
    except ImportError:  # Windows
        return _USUAL
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        try:
            answer = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8))  # type: ignore[union-attr]
        except (OSError, ValueError, AttributeError):
            continue  # closed, or not a terminal
        rows, columns, width, height = struct.unpack("HHHH", answer)
        return cell_of(columns, rows, width, height)
    return _USUAL


def cell_of(columns: int, rows: int, width: int, height: int) -> Cell:
    """Return the size of one of `columns` x `rows` cells on `width` x `height` pixels; 0 pixels means unknown."""
    if not (columns and rows and width >= columns and height >= rows):
        return _USUAL
    return Cell(width / columns, height / rows)


def held_down(cell: Cell, columns: int, rows: int) -> Cell:
    """Return a smaller cell where a picture over all of them had more pixels than are sent."""
    factor = min(1.0, MOST_SIDE / max(columns * cell.width, rows * cell.height, 1))
    return Cell(cell.width * factor, cell.height * factor)


def packed(frame: Frame, most: int) -> bytes:
    """Return a frame as PNG of at most `most` bytes; for that it is scaled down, never its cells.

    Raises:
        ValueError: nothing is that small.
    """
    from PIL import Image

    image = Image.frombytes("RGB", (frame.width, frame.height), frame.pixels)
    factor = math.sqrt(most / _estimate(image))
    while True:
        if factor < 1:
            size = max(1, int(frame.width * factor)), max(1, int(frame.height * factor))
            data = _png(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0).point(lambda value: value & 0xFC))
        else:
            size, data = (frame.width, frame.height), _png(image)
        if len(data) <= most:
            return data
        if size == (1, 1):
            raise ValueError(f"no picture fits into {most} bytes")
        factor = min(1.0, factor) * 0.9 * math.sqrt(most / len(data))


def _estimate(image: "Image") -> float:
    """Return how large the PNG will be, from one in eight of its rows: to pack all of it twice takes long."""
    from PIL import Image

    height, across = 16, image.width
    tops = range(0, image.height - height + 1, 8 * height)
    if len(tops) < 2:
        return 1.0
    sample = Image.new("RGB", (across, height * len(tops)))
    for number, top in enumerate(tops):
        sample.paste(image.crop((0, top, across, top + height)), (0, number * height))
    return len(_png(sample)) * image.height / sample.height


def _png(image: "Image") -> bytes:
    from io import BytesIO

    file = BytesIO()
    image.save(file, "PNG", compress_level=1)  # more takes four times as long for a tenth less
    return file.getvalue()
