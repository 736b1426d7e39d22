"""What lies in a folder to draw in, and whether it may be replaced; asked before anything heavy is loaded."""

from pathlib import Path

from pipeseg.errors import BadInput

PROJECT, TABLE, SHEET = "via_project.json", "next_masks.csv", "next_masks.png"


def check_folder(out: Path, *, force: bool) -> None:
    """Refuse a folder that is not ours to replace.

    Raises:
        BadInput: it exists, and is not an earlier list that `force` replaces.
    """
    if not out.exists():
        return
    if not (out / TABLE).is_file():
        raise BadInput(f"{out}: exists and holds no {TABLE}; choose another --out")
    if not force:
        raise BadInput(f"{out}: holds an earlier list, and maybe work; --force replaces it, --out chooses another")
