"""A picture of a dataset with its mask, boxes and hand polygons, as pixels for the terminal, by Pillow, in a thread.

Everything is drawn after scaling, so that a line is equally thin on the screen however large the picture is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.overlays import rectangle, tint
from app.picture_store import Decoded, PictureStore, Unreadable
from app.widgets.half_blocks import RGB, Glyph, Label, outline

if TYPE_CHECKING:
    from PIL.Image import Image

    from experiments.pictures import PictureFacts, Pictures

# told apart by people who do not see red and green alike (Okabe and Ito 2008)
CLASS_COLOURS: tuple[RGB, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 190, 140),
    (240, 228, 66),
    (225, 105, 45),
    (215, 140, 190),
    (110, 140, 255),
)
MASK_COLOUR: RGB = (0, 214, 230)
WHITE: RGB = (255, 255, 255)
CAPTION_COLOUR: RGB = (52, 52, 52)
# colour steps of the screen: what is finer costs bytes over SSH and is not seen
_STEPS = 0xFC
MOST_ZOOM = 64.0
MOST_TILES = 12


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a picture is shown: `zoom` 1 shows all of it, (x, y) is the centre, each in [0, 1]."""

    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def zoomed(self, factor: float) -> "Window":
        return replace(self, zoom=min(MOST_ZOOM, max(1.0, self.zoom * factor))).held()

    def moved(self, across: float, down: float) -> "Window":
        """Move by parts of what is shown."""
        return replace(self, x=self.x + across / self.zoom, y=self.y + down / self.zoom).held()

    def held(self) -> "Window":
        """The nearest window that lies inside the picture."""
        margin = 0.5 / self.zoom
        return replace(self, x=min(max(self.x, margin), 1 - margin), y=min(max(self.y, margin), 1 - margin))


@dataclass(frozen=True, slots=True)
class Look:
    """What is drawn over the picture, and with what: `colours` is `full`, `grey` (NO_COLOR) or `none` (no colour)."""

    mask: bool = True
    boxes: bool = True
    hand: bool = True
    colours: str = "full"


@dataclass(frozen=True, slots=True)
class Cell:
    """How many pixels are painted for one cell of the terminal: a half block shows two, one above the other."""

    width: float = 1.0
    height: float = 2.0

    @property
    def line(self) -> int:
        """How many pixels wide a line is."""
        return max(1, round(self.width / 5))

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Column and row in which a pixel lies."""
        return math.floor(x / self.width), math.floor(y / self.height)

    def covered(self, width: int, height: int) -> tuple[int, int]:
        """How many columns and rows as many pixels need."""
        return math.ceil(width / self.width), math.ceil(height / self.height)

    def room(self, columns: int, rows: int) -> tuple[int, int]:
        """How many pixels fit into as many cells."""
        return max(1, round(columns * self.width)), max(1, round(rows * self.height))


HALF_BLOCK = Cell()


@dataclass(frozen=True, slots=True)
class Frame:
    """One painted screen.

    Attributes:
        pixels: RGB, `width * height * 3` bytes.
        facts: a few words about the picture: its size, what is not there.
    """

    pixels: bytes
    width: int
    height: int
    labels: tuple[Label, ...] = ()
    glyphs: tuple[Glyph, ...] = ()
    facts: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the picture lies on the screen: `left, top, right, bottom` of the part in its pixels."""

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int

    def x(self, value: float) -> float:
        return (value - self.left) / (self.right - self.left) * self.width

    def y(self, value: float) -> float:
        return (value - self.top) / (self.bottom - self.top) * self.height


class Painter:
    """Paints the pictures of one dataset; used by one thread at a time."""

    def __init__(self, pictures: "Pictures") -> None:
        self.pictures = pictures
        self.store = PictureStore()

    def paint(self, name: str, columns: int, rows: int, window: Window, look: Look, cell: Cell = HALF_BLOCK) -> Frame:
        """Paint one picture into `columns` x `rows` cells."""
        facts = self.pictures.facts(name)
        try:
            image, labels, glyphs, words = self._compose(facts, *cell.room(columns, rows), window, look, cell)
        except Unreadable as error:
            return Frame(b"", 0, 0, problem=str(error))
        return Frame(to_bytes(image), *image.size, tuple(labels), tuple(glyphs), words)

    def paint_group(self, names: Sequence[str], columns: int, rows: int, look: Look, cell: Cell = HALF_BLOCK) -> Frame:
        """Paint several pictures side by side, each under its name."""
        from PIL import Image

        shown = list(names)[:MOST_TILES]
        across = best_columns(len(shown), columns, 2 * rows)
        down = -(-len(shown) // across)
        width, tile_rows = columns // across, rows // down
        canvas = Image.new("RGB", cell.room(columns, rows), (18, 18, 18))
        labels: list[Label] = []
        glyphs: list[Glyph] = []
        for number, name in enumerate(shown):
            left, top = number % across * width, number // across * tile_rows
            caption = name if number < MOST_TILES - 1 or len(names) <= MOST_TILES else f"… {len(names)} in all"
            labels.append(Label(left, top, f" {caption} "[: width - 1], CAPTION_COLOUR))
            room = cell.room(max(1, width - 1), max(1, tile_rows - 1))
            facts = self.pictures.facts(name)
            try:
                image, own_labels, own_glyphs, _ = self._compose(facts, *room, Window(), look, cell)
            except Unreadable as error:
                labels.append(Label(left, top + 1, f" {error} "[: width - 1], CAPTION_COLOUR))
                continue
            canvas.paste(image, (round(left * cell.width), round((top + 1) * cell.height)))
            labels += [replace(label, column=label.column + left, row=label.row + top + 1) for label in own_labels]
            glyphs += [replace(glyph, column=glyph.column + left, row=glyph.row + top + 1) for glyph in own_glyphs]
        return Frame(to_bytes(canvas), *canvas.size, tuple(labels), tuple(glyphs))

    def prefetch(self, name: str, columns: int, rows: int, cell: Cell = HALF_BLOCK) -> None:
        """Decode a picture that may be asked for next; what is wrong with it is told when it is."""
        facts, side = self.pictures.facts(name), _side(*cell.room(columns, rows))
        try:
            self.store.read(facts.image, "RGB", side)
            if facts.mask:
                self.store.read(facts.mask, "L", side)
        except Unreadable:
            return

    def _compose(
        self, facts: "PictureFacts", width: int, height: int, window: Window, look: Look, cell: Cell
    ) -> "tuple[Image, list[Label], list[Glyph], str]":
        side = None if window.zoom > 1 else _side(width, height)
        decoded = self.store.read(facts.image, "RGB", side)
        place = place_of(decoded, width, height, window)
        image = cut(decoded, place)
        words = f"{decoded.width}×{decoded.height}"
        if look.colours != "full":
            image = image.convert("L").convert("RGB")
        if look.mask and facts.mask:
            try:
                mask = self.store.read(facts.mask, "L", side)
            except Unreadable as error:
                words += f" · {error}"
            else:
                if (mask.width, mask.height) == (decoded.width, decoded.height):
                    own = self._colour_of(facts.mask_class)
                    filled, colour = cut(mask, place), own or MASK_COLOUR
                    image = tint(image, filled, colour, look.colours, solid=False, line=cell.line)
                else:
                    words += f" · its mask is {mask.width}×{mask.height}: not drawn"
        labels: list[Label] = []
        glyphs: list[Glyph] = []
        if look.hand:
            image = self._draw_hand(image, facts, place, look, cell, labels)
        if look.boxes:
            self._draw_boxes(image, facts, place, look, cell, labels, glyphs)
        return image, labels, glyphs, words

    def _colour_of(self, key: str | None) -> RGB | None:
        if key not in self.pictures.classes:
            return None
        return CLASS_COLOURS[self.pictures.classes.index(key) % len(CLASS_COLOURS)]

    def _draw_hand(
        self, image: "Image", facts: "PictureFacts", place: Place, look: Look, cell: Cell, labels: list[Label]
    ) -> "Image":
        from PIL import Image, ImageDraw

        by_class: dict[str, list[list[tuple[float, float]]]] = {}
        for defect_class, points in facts.regions:
            corners = [(place.x(x), place.y(y)) for x, y in points]
            by_class.setdefault(defect_class or "", []).append(corners)
        for defect_class, polygons in by_class.items():
            filled = Image.new("L", image.size)
            draw = ImageDraw.Draw(filled)
            for corners in polygons:
                draw.polygon(corners, fill=255)
                draw.line([*corners, corners[0]], fill=255)
                if look.colours != "full":
                    x, y = min(corners, key=lambda corner: corner[1])
                    short = self.pictures.short(defect_class).lower()
                    labels.append(Label(*cell.at(x, y), short, WHITE))
            colour = self._colour_of(defect_class) or MASK_COLOUR
            image = tint(image, filled, colour, look.colours, solid=True, line=cell.line)
        return image

    def _draw_boxes(
        self,
        image: "Image",
        facts: "PictureFacts",
        place: Place,
        look: Look,
        cell: Cell,
        labels: list[Label],
        glyphs: list[Glyph],
    ) -> None:
        from PIL import ImageDraw

        draw = ImageDraw.Draw(image)
        for defect_class, box, is_suspect in facts.drawn_boxes:
            left, top = round(place.x(box[0])), round(place.y(box[1]))
            right, bottom = round(place.x(box[2])) - 1, round(place.y(box[3])) - 1
            if right < 0 or bottom < 0 or left >= place.width or top >= place.height:
                continue
            right, bottom = max(left, right), max(top, bottom)
            colour = (self._colour_of(defect_class) if look.colours == "full" else None) or WHITE
            (column, row), (last_column, last_row) = cell.at(left, top), cell.at(right, bottom)
            if look.colours == "full":
                rectangle(draw, (left, top, right, bottom), colour, dashed=is_suspect, line=cell.line)
            else:
                glyphs += outline(column, row, last_column, last_row)
            text = self.pictures.short(defect_class)
            if len(defect_class) + 2 <= last_column - column + 1:
                text = defect_class
            text = f"!{text}" if is_suspect else text
            labels.append(Label(max(0, column), row - 1 if row > 0 else 0, text, colour))


def _side(width: int, height: int) -> int:
    """Return how long the longer side of a decoded picture has to be: twice what is shown, where that is little."""
    longer = max(width, height)
    return min(2 * longer, max(longer, 1024))


def place_of(decoded: Decoded, width: int, height: int, window: Window) -> Place:
    """Return the part of the picture that is shown, and how large: as large as the screen allows, never distorted."""
    scale = min(width / decoded.width, height / decoded.height) * window.zoom
    part_width, part_height = min(decoded.width, width / scale), min(decoded.height, height / scale)
    left = min(max(0.0, window.x * decoded.width - part_width / 2), decoded.width - part_width)
    top = min(max(0.0, window.y * decoded.height - part_height / 2), decoded.height - part_height)
    size = max(1, round(part_width * scale)), max(1, round(part_height * scale))
    return Place(left, top, left + part_width, top + part_height, *size)


def cut(decoded: Decoded, place: Place) -> "Image":
    """Cut out and scale: by averaging when the picture shrinks, in square pixels when it grows much."""
    from PIL.Image import Resampling

    across, down = decoded.image.width / decoded.width, decoded.image.height / decoded.height
    box = (place.left * across, place.top * down, place.right * across, place.bottom * down)
    grows = place.width / max(1e-9, box[2] - box[0])
    how = Resampling.NEAREST if grows >= 3 else Resampling.BICUBIC if grows > 1 else Resampling.LANCZOS
    if decoded.image.mode == "L" and grows <= 1:
        how = Resampling.BOX  # a mask must not ring
    return decoded.image.resize((place.width, place.height), how, box=box, reducing_gap=3.0)


def best_columns(count: int, width: int, height: int) -> int:
    """Return in how many columns `count` tiles are largest, taking pictures to be about 4:3."""
    return max(range(1, count + 1), key=lambda across: min(width / across / 4, height / -(-count // across) / 3))


def to_bytes(image: "Image") -> bytes:
    return image.point(lambda value: value & _STEPS).tobytes()
