"""Reading and writing pictures and masks. Pillow, because it refuses truncated files that cv2 fills with grey."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeseg.errors import BadInput

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


def read_image(path: Path) -> np.ndarray:
    """Return the picture as uint8 RGB, shape (H, W, 3).

    Raises:
        BadInput: missing, truncated or no picture.
    """
    return _read(path, "RGB")


def read_mask(path: Path) -> np.ndarray:
    """Return the mask as uint8, shape (H, W): 0 background, 255 defect, between = soft.

    Raises:
        BadInput: missing, truncated or no picture.
    """
    return _read(path, "L")


def _read(path: Path, mode: str) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            if picture.mode[0] in "IF":
                # Pillow would cut every value at 255: a 16-bit mask would turn white
                raise BadInput(f"{path}: holds more than 8 bits per pixel ({picture.mode}); save it as 8-bit")
            return np.asarray(picture.convert(mode))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; put it back or remove its pair") from None
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path}: cannot be read as a picture ({error}); replace or remove it") from None


def write_png(path: Path, array: np.ndarray) -> None:
    """Write uint8 (H, W) or RGB (H, W, 3) as PNG."""
    Image.fromarray(array).save(path, format="PNG")
