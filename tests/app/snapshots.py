"""Pictures of the screen held against those in `snapshots/`; `make snapshots` (UPDATE_SNAPSHOTS=1) takes them anew."""

import difflib
import html
import os
import re
from collections import defaultdict
from pathlib import Path

from textual.app import App

FOLDER = Path(__file__).parent / "snapshots"
UPDATE = "make snapshots"
_TEXT = re.compile(r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


def assert_looks_as_before(app: App[object], name: str, failed: Path) -> None:
    """Hold the screen against `snapshots/<name>.svg`.

    Args:
        failed: folder for the picture that differs.
    """
    taken, file = app.export_screenshot(title="pipeseg"), FOLDER / f"{name}.svg"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(taken, encoding="utf-8")
        return
    assert file.is_file(), f"{file} has not been taken: {UPDATE}"
    before = file.read_text(encoding="utf-8")
    if taken != before:
        other = failed / file.name
        other.write_text(taken, encoding="utf-8")
        lines = difflib.unified_diff(words(before), words(taken), "before", "now", lineterm="", n=1)
        told = "\n".join(lines) or "only colours differ"
        raise AssertionError(f"{name} looks different; look at {file} and {other}; if it is meant: {UPDATE}\n{told}")


def words(svg: str) -> list[str]:
    """Return the lines of text in a picture, from the top."""
    rows: dict[float, list[tuple[float, str]]] = defaultdict(list)
    for x, y, text in _TEXT.findall(svg):
        rows[float(y)].append((float(x), html.unescape(text).replace("\xa0", " ")))
    return ["".join(text for _, text in sorted(rows[y])).rstrip() for y in sorted(rows)]
