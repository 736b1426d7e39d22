"""Zip archives of strangers: unpacked beside the target, or refused before they do anything."""

import os
import stat
import zipfile

import pytest

from pipeseg.data import archive as archives
from pipeseg.data.archive import unpacked
from pipeseg.errors import BadInput


@pytest.fixture
def pack(tmp_path):
    def write(*members, **options):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", **options) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return tmp_path / "a.zip"

    return write


def names_in(path, target) -> list[str]:
    with unpacked(path, target) as folder:
        found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        assert folder.is_relative_to(target.parent)
    assert not [entry for entry in target.parent.iterdir() if entry.name != "a.zip"]
    return found


def refused(path, target) -> str:
    before = sorted(target.parent.rglob("*"))
    with pytest.raises(BadInput) as caught, unpacked(path, target):
        raise AssertionError("unpacked")
    assert sorted(target.parent.rglob("*")) == before
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_an_import_reads_is_unpacked_and_removed_again(pack, tmp_path):
    strange = (("set/run.exe", b"3"), ("__MACOSX/x.txt", b""))
    path = pack(("set/images/а б.jpg", b"1"), ("set/labels/a.txt", b"2"), *strange)
    assert names_in(path, tmp_path / "target") == ["images/а б.jpg", "labels/a.txt"]


def test_a_folder_is_left_where_it_is(tmp_path):
    with unpacked(tmp_path, tmp_path / "target") as folder:
        assert folder == tmp_path


def test_removed_after_a_failure_too(pack, tmp_path):
    with pytest.raises(KeyboardInterrupt), unpacked(pack(("a.txt", b"1")), tmp_path / "target"):
        raise KeyboardInterrupt
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "C:\\out.txt", "C:/out.txt", "a/..\\..\\o.txt"],
)
def test_paths_that_lead_out(pack, tmp_path, name):
    assert "leads out of its folder" in refused(pack(("fine.txt", b""), (name, b"1")), tmp_path / "target")
    assert not (tmp_path.parent / "out.txt").exists()


def test_links(pack, tmp_path):
    link = zipfile.ZipInfo("images/a.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "link" in refused(pack((link, b"/etc/passwd")), tmp_path / "target")


def test_bombs(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    path = pack(("a.txt", bytes(8 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert "more than 100 times its size" in refused(path, tmp_path / "target")
    # large, but not packed: no bomb
    assert names_in(pack(("a.txt", os.urandom(2 << 20))), tmp_path / "target") == ["a.txt"]


def test_a_size_that_lies(pack, tmp_path):
    path = pack(("a.txt", bytes(1 << 16)), compression=zipfile.ZIP_DEFLATED)
    # the size in the list of contents, at the end of the file
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")
    path.write_bytes(data[: at + 24] + (9).to_bytes(4, "little") + data[at + 28 :])
    refused(path, tmp_path / "target")


def test_more_than_the_disk_holds(pack, tmp_path, monkeypatch):
    import shutil

    free = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: free)
    assert "GiB are free" in refused(pack(("a.txt", b"x" * 11)), tmp_path / "target")


def test_damaged_archives(pack, tmp_path):
    path = pack(("a.txt", os.urandom(5000)), ("b.txt", b"1"))
    whole = path.read_bytes()
    for content in (b"", b"no archive", whole[:3000], whole[:200] + b"\0\0\0\0" + whole[204:]):
        path.write_bytes(content)
        assert "damaged" in refused(path, tmp_path / "target")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(pack, tmp_path):
    assert "holds a.txt twice" in refused(pack(("a.txt", b"1"), ("a.txt", b"2")), tmp_path / "target")


def test_an_encrypted_archive(pack, tmp_path):
    path = pack(("a.txt", b"1"))
    data = bytearray(path.read_bytes())
    # the flag "encrypted", in both headers
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    assert "cannot be unpacked" in refused(path, tmp_path / "target")


@pytest.mark.parametrize("encoding", ["cp866", "utf-8"])
def test_names_of_russian_windows(pack, tmp_path, encoding):
    # zipfile marks names as UTF-8; older programs write bytes of the system's code page and no mark
    raw = "труба.txt".encode(encoding)
    path = pack(("x" * len(raw) + "", b"1"))
    data = path.read_bytes().replace(b"x" * len(raw), raw)
    path.write_bytes(data)
    assert names_in(path, tmp_path / "target") == ["труба.txt"]


def test_leftovers_of_a_killed_import_are_cleared(pack, tmp_path):
    dead = tmp_path / f".target.zip.partial-{2**31 - 1}"
    dead.mkdir()
    with unpacked(pack(("a.txt", b"1")), tmp_path / "target"):
        assert not dead.exists()
