"""One test picture four times: alone, with its truth, and with what baseline and final predict. Pillow, in a thread."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from app.language import _
from app.overlays import tint
from app.painting import HALF_BLOCK, Cell, Frame, Look, Window, best_columns, cut, place_of, to_bytes
from app.picture_store import Decoded
from app.widgets.half_blocks import RGB, Label

if TYPE_CHECKING:
    from PIL.Image import Image

    from experiments.picture_archives import PairPictures, Pictured

# Okabe and Ito (2008); the final lighter than there, for dark pictures
TRUTH_COLOUR: RGB = (215, 255, 62)
BASELINE_COLOUR: RGB = (230, 159, 0)
FINAL_COLOUR: RGB = (86, 180, 233)
_PICTURE_COLOUR: RGB = (200, 200, 200)
_GROUND: RGB = (18, 18, 18)
KEPT = 24


class PairPainter:
    """Paints what two runs see in the same picture; used by one thread at a time."""

    def __init__(self, pictures: "PairPictures") -> None:
        self.pictures = pictures
        self._read: OrderedDict[str, Pictured] = OrderedDict()

    def paint(self, name: str, columns: int, rows: int, window: Window, look: Look, cell: Cell = HALF_BLOCK) -> Frame:
        """Paint the panels into `columns` x `rows` cells; every panel shows the same part of the picture.

        `look.mask` lays truth and predictions over it; without, the panels show the bare picture.
        """
        from PIL import Image

        try:
            found = self._picture(name)
        except ValueError as error:
            return Frame(b"", 0, 0, problem=str(error))
        panels = _panels(found)
        across = best_columns(len(panels), columns, 2 * rows)
        down = -(-len(panels) // across)
        width, tile_rows = columns // across, rows // down
        whole = Image.new("RGB", cell.room(columns, rows), _GROUND)
        labels = []
        for number, (word, colour, masks) in enumerate(panels):
            left, top = number % across * width, number // across * tile_rows
            labels.append(Label(left, top, f" {word} "[: max(0, width - 1)], colour))
            room = cell.room(max(1, width - 1), max(1, tile_rows - 1))
            image = _panel(found, masks if look.mask else (), room, window, look, cell)
            whole.paste(image, (round(left * cell.width), round((top + 1) * cell.height)))
        height, native = found.truth.shape
        return Frame(to_bytes(whole), *whole.size, tuple(labels), facts=f"{native}×{height}")

    def prefetch(self, name: str, columns: int, rows: int, cell: Cell = HALF_BLOCK) -> None:
        """Read a picture that may be asked for next; what is wrong with it is told when it is."""
        try:
            self._picture(name)
        except ValueError:
            return

    def _picture(self, name: str) -> "Pictured":
        if name not in self._read:
            self._read[name] = self.pictures.read(name)
        self._read.move_to_end(name)
        while len(self._read) > KEPT:
            self._read.popitem(last=False)
        return self._read[name]


def _panels(found: "Pictured") -> list[tuple[str, RGB, tuple]]:
    """Return (word, its colour, masks: (mask, colour, solid)) of every panel."""
    truth = (found.truth, TRUTH_COLOUR, True)
    panels: list[tuple[str, RGB, tuple]] = [(_("picture"), _PICTURE_COLOUR, ()), (_("truth"), TRUTH_COLOUR, (truth,))]
    for word, colour, mask in (
        (_("baseline"), BASELINE_COLOUR, found.baseline),
        (_("final"), FINAL_COLOUR, found.final),
    ):
        if mask is not None:
            panels.append((word, colour, ((mask, colour, False),)))
    return panels


def _panel(found: "Pictured", masks: tuple, room: tuple[int, int], window: Window, look: Look, cell: Cell) -> "Image":
    from PIL import Image

    height, width = found.truth.shape
    decoded = Decoded(Image.fromarray(found.thumbnail), width, height)
    place = place_of(decoded, *room, window)
    image = cut(decoded, place)
    if look.colours != "full":
        image = image.convert("L").convert("RGB")
    for mask, colour, solid in masks:
        drawn = cut(Decoded(Image.fromarray(mask).convert("L"), width, height), place)
        image = tint(image, drawn, colour, look.colours, solid=solid, line=cell.line)
    return image
