"""Reading and writing pictures and masks. Pillow, because it refuses truncated files that cv2 fills with grey."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

# imported by name: Pillow loads its readers on first use, and two threads that do so trip over each other
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from pipeseg.errors import BadInput

# Four bytes a pixel while it is decoded: 256 MB. A small file can claim any size, so its header is asked first.
MAX_PIXELS = 64_000_000
# what Pillow may try, whatever the suffix says: its other readers start programs or are rarely tested
_FORMATS = tuple(
    reader.format
    for reader in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
    )
)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# JPEG makes grey a little coloured
_GREY_TOLERANCE = 8

# Pillow comments on damaged files, and on large ones that we refuse: one sentence of ours is enough
warnings.filterwarnings("ignore", module=r"PIL\.")


def read_image(path: Path) -> np.ndarray:
    """Return the picture as a person sees it, turned by its EXIF orientation: uint8 RGB, shape (H, W, 3).

    Raises:
        BadInput: missing, truncated, no picture, more than 8 bits a channel, or more than MAX_PIXELS.
    """
    with _opened(path) as picture:
        turn = _turn(picture)
        # transparency is dropped, not blended: what lies below it was photographed as well
        picture = _without_palette(picture)
        if picture.mode != "RGB":  # which would be copied
            picture = picture.convert("RGB")
        return np.asarray(picture.transpose(turn) if turn is not None else picture)


def read_mask(path: Path) -> np.ndarray:
    """Return the mask as uint8, shape (H, W): 0 background, 255 defect, between = soft.

    Raises:
        BadInput: as `read_image`, and for a mask of colours or with transparency, whose brightness means nothing.
    """
    with _opened(path) as picture:
        turn = _turn(picture)
        picture = _without_palette(picture)
        if picture.mode not in ("L", "1"):
            _check_grey(picture, path)
        picture = picture.convert("L")
        return np.asarray(picture.transpose(turn) if turn is not None else picture)


def read_levels(path: Path) -> tuple[np.ndarray, bool]:
    """Return a mask of classes as (levels int32 (H, W), lossy).

    A level is the palette index, the grey value, or red << 16 | green << 8 | blue of a mask of colours.
    `lossy` tells that the file is a JPEG, whose levels are smeared at every edge.

    Raises:
        BadInput: as `read_image`.
    """
    with _opened(path) as picture:
        lossy, turn = picture.format in ("JPEG", "MPO"), _turn(picture)
        if turn is not None:
            picture = picture.transpose(turn)
        if picture.mode in ("L", "P"):
            return np.asarray(picture).astype(np.int32), lossy
        if picture.mode == "1":
            return np.asarray(picture.convert("L")).astype(np.int32), lossy
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.int32), 2, 0)
        grey = (red == green).all() and (green == blue).all()
        return (red if grey else red << 16 | green << 8 | blue), lossy


def picture_size(path: Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would give it, from the header alone.

    Raises:
        BadInput: missing, no picture, more than 8 bits a channel, or more than MAX_PIXELS.
    """
    with _opened(path) as picture:
        width, height = picture.size
        turned = _turn(picture) in (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8])
        return (width, height) if turned else (height, width)


def is_turned(path: Path) -> bool:
    """Return whether EXIF turns or mirrors the picture; see `picture_size` for what it raises."""
    with _opened(path) as picture:
        return _turn(picture) is not None


def check_picture(path: Path) -> None:
    """Decode the whole file, at the smallest size that its format offers, and forget the result.

    Raises:
        BadInput: as `read_image`.
    """
    with _opened(path) as picture:
        # a JPEG is still read to its last byte, but its blocks are not drawn, which is up to half of the work
        picture.draft("RGB", (1, 1))
        picture.load()


def write_png(path: Path, array: np.ndarray) -> None:
    """Write uint8 (H, W) or RGB (H, W, 3) as PNG."""
    Image.fromarray(array).save(path, format="PNG")


def encode_mask(mask: np.ndarray, *, quickly: bool) -> bytes:
    """Return uint8 (H, W) as the bytes of a PNG file.

    Args:
        quickly: in half of the time or less, a fifth larger, and without the interpreter, which other threads may want.
    """
    if quickly:
        import cv2  # not above: most that read and write pictures can do without

        return cv2.imencode(".png", mask)[1].tobytes()
    file = io.BytesIO()
    Image.fromarray(mask).save(file, format="PNG")
    return file.getvalue()


def read_grey(path: Path, least: int) -> np.ndarray:
    """Return the picture as a person sees it, uint8 (H, W) grey, where the format allows at a fraction of its size.

    Args:
        least: pixels that both sides keep.

    Raises:
        BadInput: as `read_image`.
    """
    with _opened(path) as picture:
        way = _turn(picture)
        if picture.mode in ("L", "RGB"):
            picture.draft("L", (least, least))
        if picture.mode != "L":
            picture = picture.convert("RGB").convert("L")
        return np.asarray(picture.transpose(way) if way is not None else picture)


def read_thumbnail(path: Path, side: int) -> np.ndarray:
    """Return the picture as a person sees it, uint8 RGB (H, W, 3), scaled down until no side is longer than `side`.

    Raises:
        BadInput: as `read_image`.
    """
    with _opened(path) as picture:
        way = _turn(picture)
        if picture.mode in ("L", "RGB"):
            picture.draft("RGB", (side, side))
        picture = _without_palette(picture).convert("RGB")
        picture.thumbnail((side, side))
        return np.asarray(picture.transpose(way) if way is not None else picture)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise BadInput(_too_large(path, f"{width}x{height} pixels"))
            # Pillow would cut a 16-bit grey value at 255, and drop the low byte of a 16-bit colour
            if picture.mode[0] in "IF" or any(";16" in repr(tile.args) for tile in picture.tile):
                raise BadInput(f"{path}: holds more than 8 bits per pixel ({picture.mode}); save it as 8-bit")
            yield picture
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; put it back or remove its pair") from None
    except BadInput:
        raise
    except Image.DecompressionBombError:
        raise BadInput(_too_large(path, "far too many pixels")) from None
    # Pillow's readers answer broken bytes with nearly every built-in exception
    except Exception as error:
        raise BadInput(f"{path}: cannot be read as a picture ({error}); replace or remove it") from None


def _too_large(path: Path, size: str) -> str:
    return f"{path}: {size}, the limit is {MAX_PIXELS // 1_000_000} megapixels; scale it down or remove it"


def _turn(picture: Image.Image) -> Image.Transpose | None:
    if picture.format == "TIFF":  # Pillow turns these itself
        return None
    if picture.format == "PNG":
        # getexif() would decode the picture first, in case the chunk comes last
        exif = Image.Exif()
        exif.load(picture.info.get("exif") or b"")
    else:
        exif = picture.getexif()
    return _TURNS.get(exif.get(_ORIENTATION, 1))


def _without_palette(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("P", "PA"):
        return picture
    return picture.convert("RGBA" if "transparency" in picture.info or picture.mode == "PA" else "RGB")


def _check_grey(picture: Image.Image, path: Path) -> None:
    bands = np.asarray(picture.convert("RGBA")).astype(np.int16)
    colour = bands[..., :3]
    if (colour.max(2) - colour.min(2) > _GREY_TOLERANCE).any():
        raise BadInput(f"{path}: a mask of colours; import_dataset.py turns class masks into datasets")
    if (bands[..., 3] != 255).any():
        raise BadInput(f"{path}: a mask with transparency; save it as grey without an alpha channel")
