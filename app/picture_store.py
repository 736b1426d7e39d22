"""Pictures in memory as the viewer needs them: decoded once, small while the whole is shown, whole when zoomed into.

Pillow is imported by the first picture that is read, in a thread.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

# decoded small pictures that are kept, for going back and forth
KEPT = 24
KEPT_PIXELS = 32_000_000
# more pixels than a training reads, which would fill the memory: not shown
MOST_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded file, maybe smaller than it is.

    Attributes:
        image: RGB or, of a mask, L.
        width, height: of the file, in pixels.
    """

    image: "Image"
    width: int
    height: int

    @property
    def is_whole(self) -> bool:
        return self.image.size == (self.width, self.height)


class Unreadable(Exception):
    """The picture cannot be shown; the text is one sentence."""


class PictureStore:
    """Decodes and remembers; used by one thread at a time."""

    def __init__(self) -> None:
        self._small: OrderedDict[tuple[Path, str, int], Decoded] = OrderedDict()
        self._whole: dict[str, tuple[Path, Decoded]] = {}

    def read(self, path: Path, mode: str, side: int | None) -> Decoded:
        """Return a file as RGB or L.

        Args:
            side: the longer side may be as small as this (pixels); None for the whole.

        Raises:
            Unreadable: missing, damaged, or far too large.
        """
        known = self._whole.get(mode)
        if known and known[0] == path:
            return known[1]
        if side is None:
            decoded = _decode(path, mode, None)
            self._whole[mode] = path, decoded  # one of a kind: they are large
            return decoded
        # one size serves all windows up to it
        side = 1 << max(8, (side - 1).bit_length())
        key = path, mode, side
        if key not in self._small:
            self._small[key] = _decode(path, mode, side)
        self._small.move_to_end(key)
        while len(self._small) > KEPT or (len(self._small) > 2 and self._pixels() > KEPT_PIXELS):
            self._small.popitem(last=False)
        return self._small[key]

    def _pixels(self) -> int:
        return sum(decoded.image.width * decoded.image.height for decoded in self._small.values())


def _decode(path: Path, mode: str, side: int | None) -> Decoded:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = picture.size
            longer = max(width, height)
            if side and longer > side:
                # JPEG leaves out what a small picture does not need
                picture.draft(mode, (width * side // longer, height * side // longer))
            if picture.width * picture.height > MOST_PIXELS:
                raise Unreadable(f"{path.name}: {width} x {height} pixels are too many to show")
            # turned as a person sees it: boxes and masks are
            turned = ImageOps.exif_transpose(picture)
            if turned.size != picture.size:
                width, height = height, width
            image = _eight_bit(turned).convert(mode)
    except Image.DecompressionBombError:
        raise Unreadable(f"{path.name}: too many pixels to show") from None
    except FileNotFoundError:
        raise Unreadable(f"{path.name}: no such file") from None
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise Unreadable(f"{path.name}: cannot be read as a picture ({error})") from None
    if side and max(image.size) > side:
        factor = side / max(image.size)
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return Decoded(image, width, height)


def _eight_bit(picture: "Image") -> "Image":
    """Return a picture that Pillow converts as a person sees it: 16-bit grey would turn white."""
    if picture.mode[0] not in "IF":
        return picture
    low, high = picture.getextrema()
    scale = 255 / (high - low) if high > low else 1.0
    stretch: Callable[[float], float] = lambda value: value * scale - low * scale  # noqa: E731
    return picture.convert("F").point(stretch).convert("L")
