"""What is the user's own and no part of the workshop: where programs keep their state."""

import hashlib
from pathlib import Path

from pipeseg.settings import Settings


def state_folder() -> Path:
    """Return where the user's programs keep their state: XDG_STATE_HOME, or what the system has in its place."""
    from platformdirs import user_state_path

    return user_state_path("pipeseg", appauthor=False)


def key_of(runs_dir: Path) -> str:
    """Return a short name of a workshop by its runs folder: several people may share one."""
    return hashlib.sha256(str(runs_dir).encode()).hexdigest()[:12]


def cache_folder(settings: Settings) -> Path:
    """Return where it is kept what takes long to find out: beside the runs; who only looks has it in his own folder."""
    return state_folder() / f"cache-{key_of(settings.runs_dir)}" if settings.read_only else settings.runs_dir
