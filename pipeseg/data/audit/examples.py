"""What networks learn from: windows in numbers, each in a part of the dataset that some of them do not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOLDS = 6


@dataclass(frozen=True, slots=True)
class Examples:
    """Described windows.

    Attributes:
        numbers: float16 (N, V, D), each window as described with V margins; may lie in a file.
        places: float32 (N, 2, PLACES): as it is, and mirrored.
        labels: int64 (N,), 0..K-1 a class, K nothing.
        parts: int64 (N, V), the fold of a window's group, one division for each margin; -1: not learned from.
    """

    numbers: np.ndarray
    places: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
