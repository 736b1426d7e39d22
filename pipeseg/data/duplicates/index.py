"""Which 64-bit hashes differ in a few bits only, without comparing all with all.

Multi-index hashing (Norouzi, Punjani & Fleet 2012) with uneven thresholds: cut a hash into three bands; when two hashes
differ in at most r bits, at least one band differs in at most its own share t of them, where the shares sum to r - 2.
A band has 21 bits, so all its neighbours are looked up in a table directly. The number of look-ups per query does not
depend on the number of hashes, and up to some million of them a table place holds one or two: time grows linearly.
NumPy, because `faiss` is as large as the rest of the project and brings a second OpenMP beside torch's.
"""

from collections.abc import Iterator
from functools import partial
from itertools import combinations

import numpy as np

from pipeseg.data.parallel import threaded

BANDS = ((0, 22), (22, 21), (43, 21))  # first bit and width of each
LARGEST_RADIUS = 11
QUERIES_AT_ONCE = 1 << 19
# candidates under way in one thread: 16 MB in each of a few arrays
EXPANDED_AT_ONCE = 1 << 21


def near_pairs(hashes: np.ndarray, queries: np.ndarray, radius: int, *, workers: int | None = None) -> np.ndarray:
    """Return all (index of hash, index of query) that differ in at most `radius` bits: int64 (M, 2), sorted by query.

    Args:
        hashes: uint64 (N,).
        queries: uint64 (Q,).
        radius: 0 to LARGEST_RADIUS; the look-ups per query grow steeply with it (5: 67, 8: 718, 11: 4767).

    Raises:
        ValueError: a radius out of bounds.
    """
    found = list(near_blocks(hashes, queries, radius, workers=workers))
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def near_blocks(
    hashes: np.ndarray,
    queries: np.ndarray,
    radius: int,
    *,
    block: int = QUERIES_AT_ONCE,
    most: int | None = None,
    workers: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield the result of `near_pairs` for `block` queries after the other, so that the caller may thin it out.

    Args:
        most: hits of one query, about the nearest ones; crowds of hashes that are all alike cannot fill the memory.
    """
    if not 0 <= radius <= LARGEST_RADIUS:
        raise ValueError(f"radius {radius} is not within 0 to {LARGEST_RADIUS}")
    if not len(hashes):
        return
    bands = [_Band(hashes, start, width, share) for (start, width), share in zip(BANDS, _shares(radius), strict=True)]
    starts = range(0, len(queries), block)
    yield from threaded(partial(_search, bands, queries, radius, block, most), starts, workers)


def _shares(radius: int) -> list[int]:
    """The bits that each band may differ in; -1 leaves a band out."""
    total = radius - len(BANDS) + 1
    # the widest band is the dearest: it gets what is left over last
    return [(total + place) // len(BANDS) for place in range(len(BANDS))]


class _Band:
    """The hashes sorted by one band, with a table from its value to their places."""

    def __init__(self, hashes: np.ndarray, start: int, width: int, share: int):
        self.start, self.width = np.uint64(start), width
        # every pattern of up to `share` bits
        self.patterns = [
            np.uint32(sum(1 << bit for bit in bits))
            for count in range(share + 1)
            for bits in combinations(range(width), count)
        ]
        keys = self.keys(hashes)
        self.order = np.argsort(keys, kind="stable")
        self.hashes = hashes[self.order]
        counts = np.bincount(keys, minlength=1 << width)
        self.occupied = counts > 0
        self.places = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64 if len(hashes) >> 31 else np.int32)

    def keys(self, hashes: np.ndarray) -> np.ndarray:
        return ((hashes >> self.start) & np.uint64((1 << self.width) - 1)).astype(np.uint32)


def _search(
    bands: list[_Band], queries: np.ndarray, radius: int, block: int, most: int | None, start: int
) -> np.ndarray:
    chosen = queries[start : start + block]
    left = np.full(len(chosen), most if most is not None else np.iinfo(np.int64).max)
    found = [np.empty((0, 2), np.int64)]
    for band in bands:
        if not band.patterns:
            continue
        keys = band.keys(chosen)
        # neighbours in the table one after the other: several times as fast as at random
        order = np.argsort(keys, kind="stable")
        keys, ordered = keys[order], chosen[order]
        for pattern in band.patterns:  # fewest bits first
            wanted = keys ^ pattern
            hits = np.flatnonzero(band.occupied[wanted])
            if most is not None:
                hits = hits[left[order[hits]] > 0]
            for query, place in _expanded(band, wanted, hits):
                near = np.bitwise_count(band.hashes[place] ^ ordered[query]) <= radius
                if near.any():
                    query, place = order[query[near]], band.order[place[near]]
                    kept = _first_of_each(query, left)
                    found.append(np.stack([place[kept], query[kept] + start], 1))
    pairs = np.concatenate(found)
    # the bands find the nearest pairs more than once
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    return pairs[np.r_[True, (pairs[1:] != pairs[:-1]).any(1)]] if len(pairs) else pairs


def _first_of_each(query: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return which hits are among the first `left[query]` of their query, and take them off `left`.

    Args:
        query: int (M,), equal ones together.
    """
    starts = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    counts = np.diff(np.r_[starts, len(query)])
    rank = np.arange(len(query)) - np.repeat(starts, counts)
    kept = rank < left[query]
    left[query[starts]] -= np.minimum(counts, left[query[starts]])
    return kept


def _expanded(band: _Band, wanted: np.ndarray, hits: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (index of query, place in the band) of all hashes that a look-up hits, a bounded number at once."""
    first = band.places[wanted[hits]]
    counts = band.places[wanted[hits] + np.uint32(1)] - first
    yield hits, first
    # most places hold one hash: the rest is the slow part
    more = counts > 1
    hits, first, counts = hits[more], first[more] + 1, counts[more] - 1
    ends = np.cumsum(counts, dtype=np.int64)
    begin = 0
    while begin < len(hits):
        done = ends[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, done + EXPANDED_AT_ONCE, side="right")))
        piece = counts[begin:stop]
        steps = np.arange(piece.sum(), dtype=np.int64) - np.repeat(ends[begin:stop] - piece - done, piece)
        yield np.repeat(hits[begin:stop], piece), np.repeat(first[begin:stop], piece) + steps
        begin = stop
