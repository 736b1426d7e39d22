"""What is laid over a scaled picture: tints with an edge, boxes whole or dashed. Pillow, imported inside."""

from typing import TYPE_CHECKING

from app.widgets.half_blocks import RGB

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_TINT, _EDGE_OF_MASK, _EDGE_OF_HAND = 0.38, 0.55, 0.9
_WHITE: RGB = (255, 255, 255)
_DASH = 2


def tint(image: "Image", mask: "Image", colour: RGB, colours: str, *, solid: bool) -> "Image":
    """Lay a colour over the picture where the mask is, stronger at its edge; without colour only the edge is drawn.

    Args:
        mask: L, 0..255, of the picture's size; a soft one tints softly.
        colours: `full`, or anything else for no colour.
        solid: a whole line as edge, not a faint or dotted one: a hand polygon is told from a mask also in grey.
    """
    from PIL import Image, ImageChops, ImageFilter

    inside = mask.point(lambda value: 255 if value >= 128 else 0)
    edge = ImageChops.subtract(inside, inside.filter(ImageFilter.MinFilter(3)))
    if colours == "full":
        paint = Image.new("RGB", image.size, colour)
        tinted = Image.composite(paint, image, mask.point(lambda value: value * _TINT))
        return Image.composite(
            paint, tinted, edge.point(lambda value: value * (_EDGE_OF_HAND if solid else _EDGE_OF_MASK))
        )
    if not solid:
        edge = ImageChops.multiply(edge, _dots(image.width, image.height))
    return Image.composite(Image.new("RGB", image.size, _WHITE), image, edge)


def rectangle(draw: "ImageDraw", corners: tuple[int, int, int, int], colour: RGB, *, dashed: bool) -> None:
    """Draw a box one pixel wide; the corners (left, top, right, bottom) belong to it."""
    if not dashed:
        draw.rectangle(corners, outline=colour)
        return
    left, top, right, bottom = corners
    across = [(x, y) for y in (top, bottom) for x in range(left, right + 1) if (x - left) // _DASH % 2 == 0]
    down = [(x, y) for x in (left, right) for y in range(top, bottom + 1) if (y - top) // _DASH % 2 == 0]
    draw.point(across + down, fill=colour)


def _dots(width: int, height: int) -> "Image":
    """A chessboard of single pixels."""
    from PIL import Image

    even = (b"\xff\x00" * (width // 2 + 1))[:width]
    odd = (b"\x00\xff" * (width // 2 + 1))[:width]
    return Image.frombytes("L", (width, height), ((even + odd) * (height // 2 + 1))[: width * height])
