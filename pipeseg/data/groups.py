"""Duplicate groups of a source dataset: those in its dataset.json, or found in the pictures and kept there."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeseg.data.description import FILE, read_description
from pipeseg.data.folder import groups_of
from pipeseg.errors import BadInput
from pipeseg.run_directory import write_json

# where the groups of a split came from, in its dataset.json
DESCRIBED, SEARCHED, NOT_SEARCHED = "dataset.json", "duplicate search", "file names"


def source_groups(
    folder: Path,
    images: Mapping[str, Path],
    *,
    search: bool | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, str], str]:
    """Return (`file name -> group` of every picture, where the groups come from).

    Groups that were found are written into the source's dataset.json: whoever reads the source later, such as the
    refinement that must keep away from copies of test pictures, has to know them as well.

    Args:
        images: every picture of the source, by any key.
        search: True looks for copies and unites them with the known groups, None looks where no groups are known,
            False never does.

    Raises:
        BadInput: a broken dataset.json, or one that cannot be written.
    """
    described = read_description(folder)
    known = described.get("groups", {})
    origin = described.get("groups_from", DESCRIBED)
    if search or (search is None and not known):
        if not known:
            say(f"{folder / FILE}: knows no duplicate groups; looking for copies among {len(images)} pictures")
        known, found = _search(list(images.values()), known, tick)
        origin = SEARCHED
        say(f"{folder.name}: {found} groups of copies; they are kept in {FILE}")
        try:
            write_json(folder / FILE, {"name": folder.name, **described, "groups": known, "groups_from": origin})
        except OSError as error:
            raise BadInput(
                f"{folder / FILE}: the groups of copies cannot be kept here ({error.strerror}); allow writing,"
                " or split without the search for duplicates"
            ) from error
    elif not known:
        origin = NOT_SEARCHED
    groups = groups_of(known, images.values())
    if known and (unknown := len(groups) - sum(name in known for name in groups)):
        say(
            f"{folder / FILE}: {unknown} of {len(groups)} pictures are in no group and count as one each;"
            " --duplicate-search looks for their copies"
        )
    return groups, origin


def _search(
    images: list[Path], known: Mapping[str, str], tick: Callable[[int, int], None]
) -> tuple[dict[str, str], int]:
    """Return (`file name -> group` for all images, number of groups of copies that were found)."""
    from pipeseg.data.duplicates import find_duplicates, group_names

    duplicates = find_duplicates(images, tick=tick)
    return group_names([image.name for image in images], duplicates, known), len(duplicates.groups)
