"""The run directory: made whole or not at all, rewritten atomically, updated by several processes."""

import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory, read_json, write_atomically
from pipeseg.settings import ROOT


def test_a_new_directory_is_whole(tmp_path):
    directory = RunDirectory.create(tmp_path / "runs", "group/one", "seed: 1\n", {"status": "starting"})
    assert re.fullmatch(r"\d{8}-\d{6}-group\.one-[0-9a-f]{4}", directory.run_id)
    assert directory.read_info() == {"run_id": directory.run_id, "experiment": "group/one", "status": "starting"}
    assert directory.config_file.read_text() == "seed: 1\n"
    assert directory.checkpoints.is_dir() and directory.results.is_dir()
    assert directory.events_file.read_bytes() == directory.control_file.read_bytes() == b""
    assert directory.read_exit() is None


def test_equal_ids_never_share_a_folder(tmp_path, monkeypatch):
    import secrets

    # two digits of chance instead of four: collisions are certain
    real = secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda n: "00" + real(1)[:1] + "0" if n == 2 else real(n))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: RunDirectory.create(tmp_path, "x", "", {}).run_id, range(12)))
    assert len(set(made)) == 12


@pytest.mark.parametrize("below", ["file/runs", "file"])
def test_a_place_that_cannot_be_written_is_bad_input(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput) as caught:
        RunDirectory.create(tmp_path / below, "x", "", {})
    assert "file" in str(caught.value) and "\n" not in str(caught.value)


def test_a_link_to_a_disk_that_is_not_mounted_is_bad_input(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted")
    with pytest.raises(BadInput, match="runs"):
        RunDirectory.create(tmp_path / "runs", "x", "", {})


def test_a_failed_creation_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        RunDirectory.create(tmp_path / "runs", "x", "", {"not json": object()})
    # no run.json: nobody takes it for a run
    assert not list((tmp_path / "runs").glob("*/run.json"))


def test_a_failed_write_keeps_the_old_file_and_no_rest(tmp_path):
    write_atomically(tmp_path / "a", "old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "a", 5)
    assert [file.name for file in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "old"


def test_a_killed_writer_never_leaves_half_a_file(tmp_path):
    program = (
        "import sys; from pathlib import Path; from pipeseg.run_directory import write_json\n"
        "n = 0\nwhile True: n += 1; write_json(Path(sys.argv[1]), {'text': 'x' * 200_000}); print(n, flush=True)"
    )
    file = tmp_path / "run.json"
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(file)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
        )
        for _ in range(3):
            writer.stdout.readline()
            assert len(json.loads(file.read_text())["text"]) == 200_000
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert len(json.loads(file.read_text())["text"]) == 200_000


def test_updates_of_several_processes_lose_nothing(tmp_path):
    directory = RunDirectory.create(tmp_path, "x", "", {})
    program = (
        "import sys; from pathlib import Path; from pipeseg.run_directory import RunDirectory\n"
        "for n in range(30): RunDirectory(Path(sys.argv[1])).update(**{f'{sys.argv[2]}{n}': n})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(directory.path), name], cwd=ROOT) for name in "abc"]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 3
    info = directory.read_info()
    assert all(info[f"{name}{n}"] == n for name in "abc" for n in range(30))


def test_json_that_is_missing_or_broken_reads_as_empty(tmp_path):
    assert read_json(tmp_path / "none") == {}
    for content in ("", "{", "[1]", "\xff"):
        (tmp_path / "a").write_bytes(content.encode("latin-1"))
        assert read_json(tmp_path / "a") == {}


def test_exit_file_holds_code_or_signal(tmp_path):
    directory = RunDirectory.create(tmp_path, "x", "", {})
    directory.write_exit(None, "SIGKILL")
    exit_ = directory.read_exit()
    assert (exit_["code"], exit_["signal"]) == (None, "SIGKILL") and exit_["time"] > 1e9
