"""A derived dataset appears whole or not at all, and what killed processes left behind is cleared away."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.build import building, building_together
from pipeseg.data.fingerprint import checksums, fingerprint_folder, fingerprint_of, read_checksums
from pipeseg.data.pictures import read_image, read_mask
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    return path


def build(target, image, value):
    with building(target) as writer:
        writer.add(image, np.full((4, 4), value, np.uint8))
        writer.describe(value=value)


def level(target) -> int:
    return int(read_mask(target / "masks" / "a.png")[0, 0])


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_builder_replaces_only_what_is_whole(tmp_path, image):
    target = tmp_path / "set"
    for value in (10, 20):
        with building(target) as writer:
            writer.add(image, np.full((4, 4), value, np.uint8))
            assert not target.exists() or level(target) == 10
    assert level(target) == 20
    for failure in (KeyboardInterrupt, ValueError):
        with pytest.raises(failure), building(target) as writer:
            writer.add(image, np.full((4, 4), 30, np.uint8))
            raise failure
    assert level(target) == 20 and names(tmp_path) == ["a.png", "set"]


def test_sets_that_belong_together_are_replaced_together(tmp_path, image):
    first, second, fresh = (tmp_path / name for name in ("first", "second", "fresh"))
    for target in (first, second):
        build(target, image, 10)
    with pytest.raises(BadInput), building_together([fresh, first, second]) as writers:
        for writer in writers:
            writer.add(image, np.full((4, 4), 20, np.uint8))
        shutil.rmtree(writers[-1].folder)  # the last one cannot be put in its place
    assert level(first) == level(second) == 10 and names(tmp_path) == ["a.png", "first", "second"]


def test_a_second_picture_of_a_name_never_writes_into_the_source(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((4, 4, 3), len(name), np.uint8)).save(tmp_path / name / "a.png")
    Image.fromarray(np.full((4, 4, 3), 99, np.uint8)).save(tmp_path / "two" / "a.png")
    before = (tmp_path / "one" / "a.png").read_bytes()
    with pytest.raises(BadInput, match=r"a\.png"), building(tmp_path / "set") as writer:
        writer.add(tmp_path / "one" / "a.png", np.zeros((4, 4), np.uint8))
        writer.add(tmp_path / "two" / "a.png", np.zeros((4, 4), np.uint8))
    assert (tmp_path / "one" / "a.png").read_bytes() == before and not (tmp_path / "set").exists()
    assert read_image(tmp_path / "two" / "a.png")[0, 0, 0] == 99


def test_a_picture_behind_a_link_is_linked_itself(tmp_path, image):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to("../a.png")
    build(tmp_path / "deep" / "set", tmp_path / "links" / "a.png", 10)
    assert read_image(tmp_path / "deep" / "set" / "images" / "a.png").shape == (4, 4, 3)


def test_a_dataset_that_is_a_link_is_replaced_and_its_files_stay(tmp_path, image):
    build(tmp_path / "elsewhere", image, 10)
    (tmp_path / "set").symlink_to("elsewhere")
    build(tmp_path / "set", image, 20)
    assert level(tmp_path / "set") == 20 and level(tmp_path / "elsewhere") == 10
    assert names(tmp_path) == ["a.png", "elsewhere", "set"]


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"), building(tmp_path / "file" / "set"):
        pass
    with pytest.raises(BadInput, match="is a file"), building(tmp_path / "file"):
        pass
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_bad_input(tmp_path, image):
    folder = tmp_path / "datasets"
    build(folder / "set", image, 10)
    folder.chmod(0o555)
    try:
        with pytest.raises(BadInput, match=r"datasets.set: no permission"):
            build(folder / "set", image, 20)
        assert level(folder / "set") == 10 and names(folder) == ["set"]
    finally:
        folder.chmod(0o755)


def test_checksums_are_what_the_fingerprint_is_made_of(tmp_path, image):
    target = tmp_path / "set"
    build(target, image, 10)
    sums = read_checksums(target)
    assert sums == checksums(target) and list(sums) == ["images/a.png", "masks/a.png"]
    assert fingerprint_of(sums) == fingerprint_folder(target)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=target, check=True)


def test_what_was_added_is_described_as_it_lies_there(tmp_path, image):
    given = tmp_path / "given.png"
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(given)
    for quickly in (True, False):
        with building(tmp_path / "set") as writer:
            writer.add(image, np.arange(16, dtype=np.uint8).reshape(4, 4), boxes=given, quickly=quickly)
            # whoever writes beside the writer is seen as well
            (writer.folder / "masks" / "older").mkdir()
            (writer.folder / "masks" / "older" / "b.png").write_bytes(b"b")
            writer.describe()
        assert read_mask(tmp_path / "set" / "masks" / "a.png").ravel().tolist() == list(range(16))
        sums = read_checksums(tmp_path / "set")
        assert list(sums) == ["boxes/a.png", "images/a.png", "masks/a.png", "masks/older/b.png"]
        assert sums == checksums(tmp_path / "set")


def test_hidden_files_change_no_fingerprint(tmp_path, image):
    build(tmp_path / "set", image, 10)
    before = fingerprint_folder(tmp_path / "set")
    (tmp_path / "set" / "images" / ".DS_Store").write_text("x")
    (tmp_path / "set" / "masks" / "._a.png").write_text("x")
    assert fingerprint_folder(tmp_path / "set") == before


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from pipeseg.data.build import building
target, image, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
if moment == "renaming":
    rename = Path.rename
    def killed(self, other):
        if Path(other) == target:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, other)
    Path.rename = killed
with building(target) as writer:
    writer.add(image, np.full((4, 4), 99, np.uint8))
    if moment == "writing":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_what_a_killed_process_left_is_cleared_away(tmp_path, image, moment):
    target = tmp_path / "set"
    build(target, image, 10)
    command = [sys.executable, "-c", KILLED, str(target), str(image), moment]
    assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    assert target.exists() == (moment == "writing") and len(names(tmp_path)) >= 3
    # whatever the next build comes to, the dataset is there again
    with pytest.raises(ValueError), building(target):
        assert level(target) == 10
        raise ValueError
    assert level(target) == 10 and names(tmp_path) == ["a.png", "set"]
    build(target, image, 20)
    assert level(target) == 20


def test_the_work_of_a_living_process_is_left_alone(tmp_path, image):
    theirs = tmp_path / f".set.partial-{os.getppid()}"
    others = tmp_path / ".other.partial-999999999999"
    for folder in (theirs, others, tmp_path / ".set.partial-999999999999", tmp_path / ".set.old-999999999999"):
        folder.mkdir()
    build(tmp_path / "set", image, 10)
    assert names(tmp_path) == sorted([theirs.name, others.name, "a.png", "set"])
