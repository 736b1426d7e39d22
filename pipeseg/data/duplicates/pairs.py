"""What a search for duplicates finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of one group that were compared and agree.

    Attributes:
        first, second: file names, first < second.
        kind: "exact" (every decoded pixel is equal after the transform) or "near".
        transform: what turns `first` into `second`, one of `dihedral.NAMES`.
        similarity: in [0, 1], see `agreement.agreement`; 1.0 when exact or when the thumbnails are equal.
    """

    first: str
    second: str
    kind: str
    transform: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The outcome of a search, the same for any order of the files and any number of workers.

    Attributes:
        groups: file names of copies of one picture, at least two each, sorted.
        pairs: what ties the groups together, sorted by names; not every two members of a group are listed.
        unreadable: file name -> why it could not be compared, one sentence.
    """

    groups: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...]
    unreadable: dict[str, str]
