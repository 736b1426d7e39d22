"""A file as lines that a person reads: CSV in columns, JSON indented, control characters made visible."""

import csv
import io
import json
from itertools import zip_longest
from pathlib import Path

from pipeseg.errors import BadInput, os_error_sentence

MOST_BYTES = 4 << 20
MOST_LINE = 2000
WIDEST_COLUMN = 32
_VISIBLE = {code: "�" for code in (*range(32), 127) if code != 9} | {9: "    "}


def readable(path: Path) -> tuple[list[str], str]:
    """Return the lines of a file, and a remark about what is not shown of it (`""`: nothing).

    Raises:
        BadInput: it cannot be read, or is no text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    if b"\0" in data[:8192]:
        raise BadInput(f"{path.name}: is no text; y copies its path for another program")
    remark = ""
    if len(data) > MOST_BYTES:
        data, remark = data[: data.rfind(b"\n", 0, MOST_BYTES) + 1 or MOST_BYTES], f"the first {MOST_BYTES >> 20} MiB"
    text = data.decode("utf-8", errors="replace")
    if path.suffix == ".csv":
        lines = _columns(text)
    elif path.suffix == ".json" and not remark:
        lines = _indented(text)
    else:
        lines = text.splitlines()
    return [line[:MOST_LINE].translate(_VISIBLE) for line in lines], remark


def _columns(text: str) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error:
        return text.splitlines()
    widths = [min(WIDEST_COLUMN, max(map(len, column))) for column in zip_longest(*rows[:1000], fillvalue="")]
    return ["  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]


def _padded(cell: str, width: int) -> str:
    cell = cell if len(cell) <= width else f"{cell[: width - 1]}…"
    is_number = cell[:1].isdigit() or cell[:1] == "-"
    return cell.rjust(width) if is_number else cell.ljust(width)


def _indented(text: str) -> list[str]:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return text.splitlines()
