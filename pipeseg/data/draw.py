"""Which group goes to which set: a pure function of names, contents and seed, the same on every machine.

Groups are laid out so that neighbours are alike (the same other classes, then a similar share of defect pixels), the
neighbours within a block of eight are put in the order of a hash, and every set takes its share at even steps along
this line. So each set gets its part of the small and the large defects, and of the classes that come along.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeseg.data.names import same_form

# neighbours that may change places: enough for many different draws, few enough that each set meets every size
BLOCK = 8


@dataclass(frozen=True, slots=True)
class SplitRatios:
    """Shares of the hand-labelled groups; what is left of test and validation is train.

    Attributes:
        test: of all groups.
        validation: of the groups that are not test.
        clean: groups without the defect, kept per group with it.
    """

    test: float = 0.5
    validation: float = 0.15
    clean: float = 0.25


@dataclass(frozen=True, slots=True)
class Group:
    """Copies of one picture, which stay together.

    Attributes:
        files: names of the labelled pictures, sorted.
        area: defect pixels per billion pixels; 0 for a group without the defect.
        others: other classes that are drawn in it, sorted.
    """

    name: str
    files: tuple[str, ...]
    area: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw: the same seed and class give the same sets, another seed or class gives unrelated ones."""

    seed: int
    defect_class: str | None

    def sets(self, groups: Iterable[Group], ratios: SplitRatios) -> dict[str, list[Group]]:
        """Return the groups of the sets train, validation and test; each set gets a group with the defect from 3 on."""
        sets: dict[str, list[Group]] = {"train": [], "validation": [], "test": []}
        having, without = self._kinds(groups)
        wanted_clean = min(len(without), round(ratios.clean * len(having)))
        without, _ = self._take("clean", self._in_line("clean", without), wanted_clean)
        for kind, chosen in (("defect", having), ("clean", without)):
            test, validation = _counts(len(chosen), ratios)
            taken, left = self._take(f"test {kind}", self._in_line(f"test {kind}", chosen), test)
            sets["test"] += taken
            taken, left = self._take(f"validation {kind}", self._in_line(f"validation {kind}", left), validation)
            sets["validation"] += taken
            sets["train"] += left
        return sets

    def folds(self, groups: Iterable[Group], count: int) -> list[list[Group]]:
        """Return `groups` (those that are not test) in `count` parts of nearly equal size and content."""
        folds: list[list[Group]] = [[] for _ in range(count)]
        line = [group for kind in self._kinds(groups) for group in self._in_line("fold", kind)]
        for place, group in enumerate(line, self._number("fold")):
            folds[place % count].append(group)
        return folds

    @staticmethod
    def _kinds(groups: Iterable[Group]) -> tuple[list[Group], list[Group]]:
        known = list(groups)
        return [group for group in known if group.area], [group for group in known if not group.area]

    def _in_line(self, purpose: str, groups: Iterable[Group]) -> list[Group]:
        """Lay alike groups side by side, and mix each block of neighbours by hash."""
        line: list[Group] = []
        alike = sorted(groups, key=lambda group: (group.others, group.area, group.name))
        for turn, (_, same) in enumerate(itertools.groupby(alike, key=lambda group: group.others)):
            # there and back again: no jump from the largest defect to the smallest within a block
            line += reversed(list(same)) if turn % 2 else same
        blocks = (line[start : start + BLOCK] for start in range(0, len(line), BLOCK))
        return [
            group
            for block in blocks
            for group in sorted(block, key=lambda group: (self._number(purpose, group.name), group.name))
        ]

    def _take(self, purpose: str, line: Sequence[Group], count: int) -> tuple[list[Group], list[Group]]:
        """Return (`count` groups at even steps along the line, the others); the hash says where the steps begin."""
        taken: list[Group] = []
        left: list[Group] = []
        start = self._number(purpose) % max(1, len(line))
        for place, group in enumerate(line):
            step = (place * count + start) // len(line) < ((place + 1) * count + start) // len(line)
            (taken if step else left).append(group)
        return taken, left

    def _number(self, purpose: str, name: str = "") -> int:
        # not hash(), which differs between processes, nor a random generator, which may differ between versions
        words = (str(self.seed), self.defect_class or "", purpose, name)
        return int.from_bytes(hashlib.sha256(same_form("\0".join(words)).encode()).digest()[:8])


def _counts(total: int, ratios: SplitRatios) -> tuple[int, int]:
    """Return how many of `total` groups are (test, validation): each of the three sets gets one where there are three.

    Of two groups validation gets none, of one test gets it.
    """
    test = min(total, max(1, min(round(ratios.test * total), total - 2)))
    validation = max(0, min(max(1, round(ratios.validation * (total - test))), total - test - 1))
    return test, validation
