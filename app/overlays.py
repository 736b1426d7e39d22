"""What is laid over a scaled picture: tints with an edge, boxes whole or dashed. Pillow, imported inside."""

from typing import TYPE_CHECKING

from app.widgets.half_blocks import RGB

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_TINT, _EDGE_OF_MASK, _EDGE_OF_HAND = 0.38, 0.55, 0.9
_WHITE: RGB = (255, 255, 255)
_DASH = 2


def tint(image: "Image", mask: "Image", colour: RGB, colours: str, *, solid: bool, line: int = 1) -> "Image":
    """Lay a colour over the picture where the mask is, stronger at its edge; without colour only the edge is drawn.

    Args:
        mask: L, 0..255, of the picture's size; a soft one tints softly.
        colours: `full`, or anything else for no colour.
        solid: a whole line as edge, not a faint or dotted one: a hand polygon is told from a mask also in grey.
        line: width of the edge in pixels.
    """
    from PIL import Image, ImageChops, ImageFilter

    inside = mask.point(lambda value: 255 if value >= 128 else 0)
    # where a blurred mask is not full; exact, and many times faster than a filter of minima
    edge = ImageChops.subtract(inside, inside.filter(ImageFilter.BoxBlur(line)).point(lambda value: value // 255 * 255))
    if colours == "full":
        paint = Image.new("RGB", image.size, colour)
        tinted = Image.composite(paint, image, mask.point(lambda value: value * _TINT))
        return Image.composite(
            paint, tinted, edge.point(lambda value: value * (_EDGE_OF_HAND if solid else _EDGE_OF_MASK))
        )
    if not solid:
        edge = ImageChops.multiply(edge, _dots(image.width, image.height))
    return Image.composite(Image.new("RGB", image.size, _WHITE), image, edge)


def rectangle(
    draw: "ImageDraw", corners: tuple[int, int, int, int], colour: RGB, *, dashed: bool, line: int = 1
) -> None:
    """Draw a box with lines of `line` pixels; the corners (left, top, right, bottom) belong to it."""
    if not dashed:
        draw.rectangle(corners, outline=colour, width=line)
        return
    left, top, right, bottom = corners
    dash, inner = _DASH * line, line - 1
    for x in range(left, right + 1, 2 * dash):
        end = min(right, x + dash - 1)
        draw.rectangle((x, top, end, min(bottom, top + inner)), fill=colour)
        draw.rectangle((x, max(top, bottom - inner), end, bottom), fill=colour)
    for y in range(top, bottom + 1, 2 * dash):
        end = min(bottom, y + dash - 1)
        draw.rectangle((left, y, min(right, left + inner), end), fill=colour)
        draw.rectangle((max(left, right - inner), y, right, end), fill=colour)


def _dots(width: int, height: int) -> "Image":
    """A chessboard of single pixels."""
    from PIL import Image

    even = (b"\xff\x00" * (width // 2 + 1))[:width]
    odd = (b"\x00\xff" * (width // 2 + 1))[:width]
    return Image.frombytes("L", (width, height), ((even + odd) * (height // 2 + 1))[: width * height])
