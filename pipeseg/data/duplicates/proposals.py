"""Which pictures are worth comparing: those whose hashes are near in one of the eight orientations."""

import numpy as np

from pipeseg.data.duplicates.dihedral import inverse
from pipeseg.data.duplicates.hashing import ORDER, SIGN, hashes, turned
from pipeseg.data.duplicates.index import near_blocks

# bits in which the hashes of a copy may differ
RADIUS = 8
# Of the 64 coefficients. Copies have 0.94 and more; most of what the hash proposes wrongly has less.
LEAST_COSINE = 0.9
# Hits of one query, and pictures that one is compared with, the nearest ones: a standing camera makes thousands.
HITS = 64
NEAREST = 16
# framings x orientations of a picture that are looked up
_VARIANTS = 16
_ROWS_AT_ONCE = 1 << 14
_QUERIES_AT_ONCE = 1 << 16
_INVERSE = np.array([inverse(transform) for transform in range(8)])


def propose(features: np.ndarray, *, workers: int | None = None) -> np.ndarray:
    """Return (first, second, transform), int64 (M, 3): what to compare, first < second, the likeliest transform first.

    Args:
        features: float16 (N, 2, 64), see `hashing.features`; may lie in a file.
    """
    indexed = np.empty(len(features), np.uint64)
    queries = np.empty((len(features), _VARIANTS), np.uint64)
    for start in range(0, len(features), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        piece = np.asarray(features[rows])
        indexed[rows] = hashes(piece[:, 0])
        queries[rows] = hashes(turned(piece)).reshape(-1, _VARIANTS)
    found = [np.empty((0, 3), np.int64)]
    cosines = [np.empty(0, np.float32)]
    for hits in near_blocks(indexed, queries.reshape(-1), RADIUS, block=_QUERIES_AT_ONCE, most=HITS, workers=workers):
        proposed, cosine = _scored(features, hits)
        nearest = _nearest(proposed[:, 0], cosine)
        found.append(proposed[nearest])
        cosines.append(cosine[nearest])
    proposed, cosine = np.concatenate(found), np.concatenate(cosines)
    # each pair may have been found from both its sides
    backwards = proposed[:, 0] > proposed[:, 1]
    proposed[backwards] = np.stack(
        [proposed[backwards, 1], proposed[backwards, 0], _INVERSE[proposed[backwards, 2]]], 1
    )
    first_of_each = np.unique(proposed, axis=0, return_index=True)[1]
    order = np.lexsort((proposed[:, 2], -cosine, proposed[:, 1], proposed[:, 0]))
    return proposed[order[np.isin(order, first_of_each)]]


def _scored(features: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (picture, its copy, transform) of the hits that are alike enough, and how alike they are."""
    number, variant = np.divmod(hits[:, 1], _VARIANTS)
    framing, transform = np.divmod(variant, 8)
    proposed = np.stack([number, hits[:, 0], transform], 1)
    other = proposed[:, 0] != proposed[:, 1]
    proposed, framing = proposed[other], framing[other]
    cosine = np.empty(len(proposed), np.float32)
    for start in range(0, len(proposed), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        first, second, way = proposed[rows].T
        moved = _turned(features[first, framing[rows]], way)
        cosine[rows] = np.einsum("nk,nk->n", moved, features[second, 0].astype(np.float32))
    alike = cosine >= LEAST_COSINE
    return proposed[alike], cosine[alike]


def _turned(values: np.ndarray, transform: np.ndarray) -> np.ndarray:
    order, sign = ORDER[transform], SIGN[transform]
    return np.take_along_axis(values, order, 1).astype(np.float32) * sign


def _nearest(number: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Return the places of the NEAREST largest cosines of each number."""
    order = np.lexsort((-cosine, number))
    starts = np.flatnonzero(np.r_[True, np.diff(number[order]) > 0])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return order[rank < NEAREST]
