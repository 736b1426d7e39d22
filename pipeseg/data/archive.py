"""Zip archives of strangers, unpacked where they can do no harm: no paths that lead out, no links, no bombs."""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipeseg.data.build import clear_leftovers
from pipeseg.data.names import IMAGE_SUFFIXES
from pipeseg.errors import BadInput, os_error_sentence

# all that an import reads
SUFFIXES = IMAGE_SUFFIXES | {".txt", ".xml", ".json", ".csv", ".yaml", ".yml", ".names", ".labels"}
# Pictures are compressed already. An archive may shrink to a hundredth when small, never when large.
MAX_RATIO = 100
FREE_BYTES = 1 << 30
_UTF8_NAME = 0x800
_CHUNK = 1 << 20


@contextmanager
def unpacked(source: Path, target: Path) -> Iterator[Path]:
    """Yield `source` itself, or for a .zip the folder that it was unpacked to, beside `target`, removed afterwards.

    Raises:
        BadInput: a damaged or encrypted archive, one that would write outside of its folder, a link, or a bomb.
    """
    if source.suffix.lower() != ".zip" or source.is_dir():
        yield source
        return
    place = target.with_name(f"{target.name}.zip")
    folder = target.with_name(f".{place.name}.partial-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(place)
        folder.mkdir()
        _unpack(source, folder)
        yield _inner(folder)
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise BadInput(os_error_sentence(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            members = [(member, _safe_name(member, source)) for member in archive.infolist()]
            wanted = [(m, name) for m, name in members if not m.is_dir() and name.suffix.lower() in SUFFIXES]
            _check_size(source, [member for member, _ in wanted], folder)
            for member, name in wanted:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    with archive.open(member) as packed, path.open("xb") as file:
                        _copy(packed, file, member.file_size, source)
                except FileExistsError:
                    raise BadInput(f"{source}: holds {name} twice; pack it again") from None
    except (zipfile.BadZipFile, EOFError, zipfile.zlib.error) as error:
        raise BadInput(f"{source}: damaged ({error}); copy it again") from None
    except (RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{source}: cannot be unpacked ({error}); unpack it yourself and import the folder") from None


def _safe_name(member: zipfile.ZipInfo, source: Path) -> Path:
    name = member.filename
    if not member.flag_bits & _UTF8_NAME:
        # zipfile takes names without the UTF-8 mark for cp437; Russian archives hold cp866, careless ones UTF-8
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "cp866"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    # a backslash is a letter to zipfile on Linux, a folder on Windows
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or path.as_posix()[1:2] == ":":
        raise BadInput(f"{source}: holds {name!r}, which leads out of its folder; nothing was unpacked")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadInput(f"{source}: holds the link {name!r}; pack the files themselves")
    return Path(path)


def _check_size(source: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    total = sum(member.file_size for member in members)
    if total > FREE_BYTES and total > MAX_RATIO * source.stat().st_size:
        raise BadInput(
            f"{source}: would unpack to {total / 2**30:.1f} GiB, more than {MAX_RATIO} times its size;"
            " unpack it yourself and import the folder if that is right"
        )
    if total > (free := shutil.disk_usage(folder).free):
        raise BadInput(f"{source}: needs {total / 2**30:.1f} GiB beside {folder}, {free / 2**30:.1f} GiB are free")


def _copy(packed, file, declared: int, source: Path) -> None:
    """Copy what was declared and no byte more: sizes in an archive's list can lie."""
    left = declared
    while chunk := packed.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise BadInput(f"{source}: a file is larger than the archive says; it was made to do harm")
        file.write(chunk)


def _inner(folder: Path) -> Path:
    """Descend while there is nothing but one folder: most archives hold the dataset in one."""
    while True:
        inside = [entry for entry in folder.iterdir() if entry.name != "__MACOSX"]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name == "images":
            return folder
        folder = inside[0]
