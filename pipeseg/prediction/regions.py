"""Connected regions of a predicted mask: where each lies, how large it is, how sure the network is of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeseg.data.rle import compress


@dataclass(frozen=True, slots=True)
class Found:
    """One 8-connected region.

    Attributes:
        box: x, y, width, height in pixels.
        area: pixels.
        score: mean probability of its pixels.
        counts: COCO's compressed run lengths over the whole picture.
    """

    box: tuple[int, int, int, int]
    area: int
    score: float
    counts: str


def find_regions(probability: np.ndarray, mask: np.ndarray, least_area: int = 1) -> list[Found]:
    """Return the regions of a mask, from left to right, those smaller than `least_area` pixels left out.

    Args:
        probability: float32 (H, W).
        mask: bool (H, W).
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return []
    sums = np.bincount(labels.reshape(-1), weights=probability.reshape(-1), minlength=count)
    # all regions in one pass over the picture, column by column as COCO counts: it may hold thousands
    columns = labels.T.reshape(-1)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(columns)) + 1])
    ends = np.append(begins[1:], columns.size)
    owner = columns[begins]
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(count + 1))
    regions = []
    for label in range(1, count):
        area = int(stats[label, cv2.CC_STAT_AREA])
        if area >= least_area:
            runs = order[first[label] : first[label + 1]]
            edges = np.stack([begins[runs], ends[runs]], 1).reshape(-1)
            lengths = np.diff(np.concatenate([[0], edges, [columns.size]])).tolist()
            # a last run of nothing is not written
            counts = compress(lengths if lengths[-1] else lengths[:-1])
            x, y, width, height = (int(value) for value in stats[label, :4])
            regions.append(Found((x, y, width, height), area, float(sums[label] / area), counts))
    return sorted(regions, key=lambda region: region.box)
