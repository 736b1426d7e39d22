"""A 64-bit hash of a picture, from the signs of its lowest DCT frequencies, and how flips and turns change it.

Own code, because the hashes of `imagehash` and of OpenCV know nothing of the eight transforms, and both hash the border
as firmly as the middle: here a sine window fades it out, which is where crops, zooms and captions change most.
"""

import cv2
import numpy as np

from pipeseg.data.duplicates.dihedral import turn_frequencies

SIDE = 32
# Cut off each side for the second framing: halfway to a crop or a zoom of 3 %, so neither is further than 1.5 % away.
TRIM = 0.015
# The lowest frequencies but the mean, whole diagonals; the middle of the last one is left out to make them 64. Ordered
# so that each third of the bits, a band of the index, holds low and high ones alike.
_LOWEST = sorted(
    ((v, h) for v in range(11) for h in range(11) if 1 <= v + h <= 10 and (v, h) != (5, 5)),
    key=lambda pair: (sum(pair), pair),
)
FREQUENCIES = [pair for third in range(3) for pair in _LOWEST[third::3]]
ORDER, SIGN = turn_frequencies(FREQUENCIES)

_BASIS = np.cos(np.pi * np.arange(11)[:, None] * (2 * np.arange(SIDE) + 1) / (2 * SIDE)).astype(np.float32)
_WINDOW = np.outer(*[np.sin(np.pi * (np.arange(SIDE) + 0.5) / SIDE)] * 2).astype(np.float32)
_VERTICAL, _HORIZONTAL = np.array(FREQUENCIES).T
# high frequencies are weak but tell pictures apart
_WEIGHT = np.hypot(_VERTICAL, _HORIZONTAL).astype(np.float32)


def features(thumbnail: np.ndarray) -> np.ndarray:
    """Return weighted DCT coefficients of unit length: float16 (2, 64), of the whole picture and trimmed by TRIM.

    Args:
        thumbnail: uint8 (S, S), S >= 32.
    """
    side = thumbnail.shape[0]
    blurred = cv2.blur(thumbnail.astype(np.float32), (side // SIDE, side // SIDE))
    found = []
    for trim in (0.0, TRIM):
        scale = (1 - 2 * trim) * side / SIDE
        offset = trim * side + scale / 2 - 0.5
        # a blur of even size lies half a pixel off
        offset += 0.5 if side // SIDE % 2 == 0 else 0.0
        warp = np.array([[scale, 0, offset], [0, scale, offset]])
        small = cv2.warpAffine(
            blurred, warp, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
        )
        small = (small - (small * _WINDOW).sum() / _WINDOW.sum()) * _WINDOW
        values = (_BASIS @ small @ _BASIS.T)[_VERTICAL, _HORIZONTAL] * _WEIGHT
        found.append(values / max(float(np.linalg.norm(values)), 1e-6))
    return np.array(found, np.float16)


def hashes(values: np.ndarray) -> np.ndarray:
    """Return the signs of float (..., 64) as uint64 (...)."""
    packed = np.packbits(values > 0, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8")[..., 0].astype(np.uint64)


def turned(values: np.ndarray) -> np.ndarray:
    """Return the features (..., 64) of the eight transforms of each picture: (..., 8, 64)."""
    return values[..., ORDER] * SIGN.astype(values.dtype)
