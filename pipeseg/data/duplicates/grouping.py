"""From pairs to groups: what was seen to agree comes together, but look-alikes do not chain."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipeseg.data.duplicates.dihedral import after, inverse
from pipeseg.data.duplicates.pairs import Duplicates

# agreement from which a pair joins two groups by itself, as long as the result has at most LARGEST_CHAIN pictures
STRONG = 0.85
LARGEST_CHAIN = 64
# otherwise more than half of so many pairs across have to agree at least this well
WITNESSES = 9
LINK = 0.55


@dataclass(frozen=True, slots=True)
class Link:
    """Pictures `first` < `second`, by number, agree when `transform` is applied to `first`."""

    first: int
    second: int
    transform: int
    similarity: float


def joined(links: Iterable[Link], compare: Callable[[int, int, int], float]) -> list[list[int]]:
    """Return groups of at least two picture numbers, sorted.

    Args:
        compare: (first, second, transform) -> similarity, for pairs that are no link: asked before weak links or
            long chains join two groups.
    """
    # picture -> its group (a list that the members share), and the transform from the group's first picture to it
    group_of: dict[int, list[int]] = {}
    place: dict[int, int] = {}
    links = sorted(links, key=lambda link: (-link.similarity, link.first, link.second))
    known = {(link.first, link.second): link.similarity for link in links}

    for link in links:
        for number in (link.first, link.second):
            if number not in group_of:
                group_of[number], place[number] = [number], 0
        left, right = group_of[link.first], group_of[link.second]
        if left is right:
            continue
        # from the left group's frame to the right one's
        bridge = after(inverse(place[link.second]), after(link.transform, place[link.first]))
        small = len(left) + len(right) <= LARGEST_CHAIN
        if not (small and link.similarity >= STRONG) and not _supported(left, right, bridge, place, known, compare):
            continue
        for number in right:
            place[number] = after(place[number], bridge)
            group_of[number] = left
        left.extend(right)
    groups = {id(group): sorted(group) for group in group_of.values() if len(group) > 1}
    return sorted(groups.values())


def _supported(
    left: list[int],
    right: list[int],
    bridge: int,
    place: Mapping[int, int],
    known: dict[tuple[int, int], float],
    compare: Callable[[int, int, int], float],
) -> bool:
    """Tell whether more than half of the pairs across two groups agree, or of a sample of them in a large one."""
    across = [(one, other) for one in sorted(left) for other in sorted(right)]
    chosen = across[:: max(1, len(across) // WITNESSES)]
    agree = 0
    for one, other in chosen:
        transform = after(place[other], after(bridge, inverse(place[one])))
        if one > other:
            one, other, transform = other, one, inverse(transform)
        if (one, other) not in known:
            known[one, other] = compare(one, other, transform)
        agree += known[one, other] >= LINK
    return 2 * agree > len(chosen)


def group_names(
    images: Iterable[str], duplicates: Duplicates, known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return `file name -> group` of all images: found groups united with those that were known before.

    A group keeps the alphabetically first of its known names; without one it is called after its first file.

    Args:
        known: file name -> group, e.g. from dataset.json; files that are not among the images are left out.
    """
    known = known or {}
    names = sorted(images)
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        path = [node]
        while (up := parent.setdefault(path[-1], path[-1])) != path[-1]:
            path.append(up)
        parent.update(dict.fromkeys(path, path[-1]))
        return path[-1]

    def node(name: str) -> tuple[str, str]:
        # a known name and a file name may be the same word for different things
        return ("known", str(known[name])) if name in known else ("file", name)

    for name in names:
        root(node(name))
    there = set(names)
    for group in duplicates.groups:
        members = [node(name) for name in group if name in there]
        for member in members[1:]:
            # known names win, then the alphabet
            first, second = sorted((root(members[0]), root(member)), key=lambda found: (found[0] != "known", found[1]))
            parent[second] = first
    taken = {word for kind, word in map(root, map(node, names)) if kind == "known"}
    return {name: _apart(*root(node(name)), taken) for name in names}


def _apart(kind: str, word: str, taken: set[str]) -> str:
    """Return the name of a group; one that is called after its file must not meet a known one."""
    while kind == "file" and word in taken:
        word += "+"
    return word
