"""Run lengths of COCO: a mask as alternating counts of empty and full pixels, column by column, plain or compressed.

Forty lines instead of pycocotools (which the tests compare with): its `decode` hands out uninitialised memory when the
counts end early, so a stranger's file would have to be unpacked and summed up here in any case.
"""

from collections.abc import Sequence

import numpy as np

# six bits a character, of which one says that more follow; 48 is "0"
_BITS, _MORE, _SIGN, _ZERO = 5, 0x20, 0x10, 48


def decode(counts: Sequence[int] | str, height: int, width: int) -> np.ndarray:
    """Return the mask, bool (height, width).

    Raises:
        ValueError: the counts do not make up the picture; the text is part of a sentence.
    """
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not all(isinstance(run, int) and not isinstance(run, bool) and run >= 0 for run in runs):
        raise ValueError("run lengths that are no counts")
    if (total := sum(runs)) != height * width:
        raise ValueError(f"run lengths of {total} pixels for {width}x{height}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def encode(mask: np.ndarray) -> str:
    """Return the compressed counts of a mask (H, W); what is not zero is full."""
    flat = np.concatenate([[False], mask.T.reshape(-1) != 0])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    return compress(np.diff(np.concatenate([[0], edges, [mask.size]])).tolist())


def compress(runs: Sequence[int]) -> str:
    """Return plain counts, empty ones first, in COCO's compressed form."""
    letters = []
    for index, run in enumerate(runs):
        # differences to the run of the same kind before are smaller numbers
        value = run - runs[index - 2] if index > 2 else run
        while True:
            bits, value = value & (_MORE - 1), value >> _BITS
            more = value != (-1 if bits & _SIGN else 0)
            letters.append(chr((bits | (_MORE if more else 0)) + _ZERO))
            if not more:
                break
    return "".join(letters)


def _unpacked(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - _ZERO
        if not 0 <= bits < 2 * _MORE or shift > 60:
            raise ValueError("run lengths that are not compressed as COCO does")
        value |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if not bits & _MORE:
            if bits & _SIGN:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    if shift:
        raise ValueError("run lengths that end in the middle of a number")
    return runs
