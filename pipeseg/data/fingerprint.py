"""A dataset's identity: one hash over the names and bytes of its files."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from pipeseg.data.names import PARTS, same_form
from pipeseg.data.parallel import threaded
from pipeseg.run_directory import write_atomically

CHECKSUMS = "checksums.sha256"


def fingerprint_folder(folder: Path, tick: Callable[[int, int], None] = lambda done, total: None) -> str:
    """Return the SHA-256 (hex) over sorted relative paths and contents below `folder`, see `checksums`.

    Raises:
        OSError: a file cannot be read.
    """
    return fingerprint_of(checksums(folder, tick))


def fingerprint_of(sums: Mapping[str, str]) -> str:
    """Return the fingerprint of a folder whose `checksums` are known."""
    total = hashlib.sha256()
    for name, content in sorted(sums.items()):
        total.update(name.encode() + b"\0" + bytes.fromhex(content))
    return total.hexdigest()


def checksums(
    folder: Path,
    tick: Callable[[int, int], None] = lambda done, total: None,
    known: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file in the folders `PARTS` by relative path, e.g. `masks/a.png`, sorted.

    Hidden files (a file browser's notes) are no part of a dataset; names count in one Unicode form, so that a copy
    through another operating system keeps its identity.

    Args:
        known: what need not be read again.

    Raises:
        OSError: a file cannot be read.
    """
    files = sorted(file for part in PARTS for file in _list(folder / part, part))
    sums = {}
    with closing(threaded(digest_file, (Path(path) for name, path in files if name not in known))) as contents:
        for done, (name, _) in enumerate(files, 1):
            sums[name] = known[name] if name in known else next(contents)
            tick(done, len(files))
    return sums


def _list(folder: Path | str, name: str) -> Iterator[tuple[str, str]]:
    """Yield (`name/...`, path) of every file below a folder; none where there is no such folder."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list(entry.path, f"{name}/{entry.name}")
            elif entry.is_file() and not entry.name.startswith("."):
                yield same_form(f"{name}/{entry.name}"), entry.path


def write_checksums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write `checksums.sha256` as `sha256sum --check` reads it; it tells which file has changed."""
    text = "".join(f"{content}  {name}\n" for name, content in sums.items())
    write_atomically(folder / CHECKSUMS, text)


def read_checksums(folder: Path) -> dict[str, str]:
    """Return what `write_checksums` wrote; `{}` where there is no such file."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    return {name: content for content, _, name in (line.partition("  ") for line in lines)}


def digest_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
