"""Proof that sets are what they were made as, and that no picture, nor a copy of one, is in two that must be apart."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeseg.data.families import find_sets
from pipeseg.data.proof import Report
from pipeseg.data.proof_between import check_copies, check_groups, check_pixels
from pipeseg.data.proof_within import Tick, check_files, check_fingerprint, check_pairs, images_of, note_sources


def verify(wanted: Sequence[Path], *, duplicate_search: bool = True, tick: Callable[[str], Tick]) -> Report:
    """Prove the sets derived from each of `wanted` (a source, or a set, which stands for its siblings as well).

    Args:
        duplicate_search: also look for copies that are not the same pixel by pixel.
        tick: given the name of a step, returns what is told (done, total) during it.

    Raises:
        BadInput: a dataset that is not there, that nothing was derived from, or whose dataset.json is broken.
    """
    sets = list({found.path: found for path in wanted for found in find_sets(path)}.values())
    report = Report({}, () if duplicate_search else ("copies",))
    files = [check_files(chosen, report) for chosen in sets]
    report.sets = {chosen.name: len(found) for chosen, found in zip(sets, files, strict=True)}
    for chosen in sets:
        check_fingerprint(chosen, report, tick(f"hashing {chosen.name}"))
    note_sources(sets, report, tick)
    known = set(check_groups(sets, files, report))
    photos = check_pairs(sets, files, report, tick("reading pairs"))
    known |= set(check_pixels(sets, photos, report))
    if duplicate_search:
        check_copies(sets, photos, known, report, tick("looking for copies"))
    return report


def overlaps_of(wanted: Path) -> list[str]:
    """Return a sentence for each two siblings of a set that share groups although they must be apart.

    From names and dataset.json alone: what a new split needs to say about the sets of an older one.

    Raises:
        BadInput: see `find_sets`.
    """
    sets, report = find_sets(wanted), Report({})
    files = [images_of(chosen.path) for chosen in sets]
    list(check_groups(sets, files, report))
    shared: dict[tuple[str, ...], int] = {}
    for violation in report.violations:
        shared[violation.sets] = shared.get(violation.sets, 0) + 1
    return [
        f"{second} shares {count} groups with {first}: one is of an earlier draw, make it again"
        for (first, second), count in shared.items()
    ]
