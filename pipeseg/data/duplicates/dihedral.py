"""The eight flips and rotations of a picture: on pixels, and on the DCT coefficients of a square picture.

Transform `t` mirrors left-right when t >= 4, then turns counter-clockwise by t % 4 quarter turns.
"""

from collections.abc import Sequence

import numpy as np

NAMES = (
    "same",
    "rotated_90",
    "rotated_180",
    "rotated_270",
    "flipped",
    "flipped_rotated_90",
    "flipped_rotated_180",
    "flipped_rotated_270",
)


def turn(array: np.ndarray, transform: int) -> np.ndarray:
    """Return the picture (H, W, ...) under `transform`, a view."""
    return np.rot90(array[:, ::-1] if transform >= 4 else array, transform % 4)


def after(second: int, first: int) -> int:
    """Return the transform that does `first`, then `second`."""
    # a mirror turns the rotation before it the other way round
    turns = (second + (-first if second >= 4 else first)) % 4
    return turns + 4 * ((first >= 4) != (second >= 4))


def inverse(transform: int) -> int:
    """Return the transform that undoes `transform`."""
    return transform if transform >= 4 else -transform % 4


def turn_frequencies(frequencies: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return (order, sign), int64 (8, K): `sign[t] * values[order[t]]` are the DCT coefficients of the turned picture.

    Mirroring negates the odd frequencies of its axis, transposing swaps the axes.

    Args:
        frequencies: (vertical, horizontal) of each of K coefficients, closed under swapping.
    """
    place = {pair: index for index, pair in enumerate(frequencies)}
    vertical = np.array([pair[0] for pair in frequencies])
    horizontal = np.array([pair[1] for pair in frequencies])
    swapped = np.array([place[pair[::-1]] for pair in frequencies])
    orders, signs = [], []
    for transform in range(8):
        order = np.arange(len(frequencies))
        sign = (-1) ** horizontal if transform >= 4 else np.ones_like(horizontal)
        for _ in range(transform % 4):
            # a quarter turn: transpose, then upside down
            order, sign = order[swapped], sign[swapped] * (-1) ** vertical
        orders.append(order)
        signs.append(sign)
    return np.array(orders), np.array(signs)
