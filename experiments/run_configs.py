"""The configs of many runs, read fast: what they have in common is parsed once.

Ten thousand configs differ in a few lines. Each top-level entry of a file is parsed by itself and remembered by its
text; a file that is not a plain row of such entries is parsed as a whole.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.config_diff import flat
from pipeseg.config import ConfigError, parse_yaml

_ENTRY = re.compile(r"[A-Za-z_][\w.-]*:(?:\s|$)")
# anchors and aliases reach from one entry into another; so do documents and directives
_WHOLE = re.compile(r"(?m)[&*]\w|^---|^\.\.\.|^%|\t")
MOST_KEPT = 20_000


class ConfigReader:
    """Reads configs as flat mappings; keeps what it has parsed."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def read(self, path: Path) -> dict[str, Any]:
        """Return dotted key -> value; empty where there is no config that can be read."""
        try:
            text = path.read_text(encoding="utf-8")
            entries = list(_entries(text))
            if _WHOLE.search(text) or not all(map(_ENTRY.match, entries)):
                return flat(parse_yaml(text))
            if len(self._known) > MOST_KEPT:
                self._known.clear()
            found: dict[str, Any] = {}
            for entry in entries:
                if (values := self._known.get(entry)) is None:
                    values = self._known[entry] = flat(parse_yaml(entry))
                found |= values
            return found
        except (OSError, UnicodeDecodeError, ConfigError):
            return {}


def _entries(text: str) -> Iterator[str]:
    """Yield the top-level entries: a line that is not indented, and all up to the next."""
    lines: list[str] = []
    for line in text.splitlines():
        begins = line.strip() and line[0] not in " -#"
        if begins and lines:
            yield "\n".join(lines) + "\n"
            lines = []
        if begins or lines:
            lines.append(line)
    if lines:
        yield "\n".join(lines) + "\n"
