"""What the dashboard remembers from one start to the next: per user and workshop, in one JSON file."""

import json
from pathlib import Path
from typing import Any

from experiments.state_folder import key_of, state_folder
from pipeseg.run_directory import write_atomically


class Memory:
    """Values by key, as JSON knows them. Never in the way: a file that is damaged or cannot be read counts as none.

    Args:
        file: where they lie; read once, now.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._changed = False
        self._values: dict[str, Any] = {}
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(values, dict):
            self._values = values

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was put; `default` too where what was remembered is of another type than that."""
        value = self._values.get(key, default)
        return default if default is not None and type(value) is not type(default) else value

    def put(self, key: str, value: Any) -> None:
        """Remember a value; it reaches the file with the next `save`."""
        if self._values.get(key) != value or key not in self._values:
            self._values[key] = value
            self._changed = True

    def save(self) -> None:
        """Write what has changed since.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._changed:
            self._changed = False
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.file, json.dumps(self._values, ensure_ascii=False, indent=1, sort_keys=True))


def memory_of(runs_dir: Path) -> Memory:
    """Return the user's memory of the workshop whose runs lie in `runs_dir`."""
    return Memory(state_folder() / f"dashboard-{key_of(runs_dir)}.json")
