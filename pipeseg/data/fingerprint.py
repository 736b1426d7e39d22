"""A dataset's identity: one hash over the names and bytes of its pictures and masks."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def fingerprint_folder(folder: Path) -> str:
    """Return the SHA-256 (hex) over sorted relative paths and contents of `images/` and `masks/` below `folder`.

    Raises:
        OSError: a file cannot be read.
    """
    files = sorted(
        (path for part in ("images", "masks") for path in (folder / part).rglob("*") if path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix(),
    )

    def digest(path: Path) -> bytes:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    total = hashlib.sha256()
    # hashing releases the GIL: threads are enough to keep a disk busy
    with ThreadPoolExecutor() as pool:
        for path, content in zip(files, pool.map(digest, files), strict=True):
            total.update(path.relative_to(folder).as_posix().encode() + b"\0" + content)
    return total.hexdigest()
