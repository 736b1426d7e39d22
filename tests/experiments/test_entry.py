"""How a run ends: every way out has its exit code, its sentence, its status and its exit file."""

import errno
import json
import os
import signal
import subprocess

import pytest

from experiments.entry import Host, run_headless
from pipeseg.errors import BadInput, RunFailed
from pipeseg.events import read_events
from pipeseg.settings import ROOT


@pytest.fixture
def execute(tiny, capsys):
    """Run `work` as `experiment.py` does; return (code, directory, stderr)."""

    def run_it(work, attended=True):
        directory = tiny.run().directory
        directory.update(upload="off", warnings=["config.yaml: old key"])
        code = Host(tiny.settings, directory, attended=attended).execute(work)
        return code, directory, capsys.readouterr().err

    return run_it


def statuses(directory):
    return [e["status"] for e in read_events(directory.events_file) if e["kind"] == "status"]


def test_a_run_that_ends_well(execute):
    code, directory, stderr = execute(lambda run: run.message("привет"))
    assert code == 0 and statuses(directory) == ["running", "finished"]
    assert directory.read_exit()["code"] == 0 and directory.read_info()["status"] == "finished"
    assert directory.read_info()["pid"] == os.getpid()
    log = directory.log_file.read_text(encoding="utf-8")
    assert "привет" in log and "привет" in stderr and "warning: config.yaml: old key" in log


def fail(error):
    def work(run):
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (BadInput("masks/a.png: is gone; put it back"), 2, "masks/a.png: is gone; put it back"),
        (RunFailed("train/loss is nan"), 1, "train/loss is nan"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), 1, "x.png: no space left on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "x.png"), 1, "x.png: no permission"),
        (KeyError("boom"), 1, "unexpected KeyError: 'boom'; the details are in"),
        (RuntimeError("first\nsecond"), 1, "unexpected RuntimeError: first; the details are in"),
        (RuntimeError(), 1, "unexpected RuntimeError"),
    ],
)
def test_a_run_that_fails(execute, error, code, sentence):
    got, directory, stderr = execute(fail(error))
    assert got == code == directory.read_exit()["code"] and statuses(directory) == ["running", "failed"]
    told = [line for line in stderr.splitlines() if "error: " in line]
    assert len(told) == 1 and sentence in told[0] and "Traceback" not in stderr
    log = directory.log_file.read_text()
    assert ("Traceback" in log) == ("unexpected" in sentence)


def test_an_unattended_run_leaves_the_exit_file_to_its_supervisor(execute):
    code, directory, _ = execute(fail(RunFailed("x")), attended=False)
    assert code == 1 and directory.read_exit() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_a_stop_after_saving(execute, number):
    saved = []

    def work(run):
        os.kill(os.getpid(), number)
        run.obey(lambda: saved.append(1))
        raise AssertionError("went on")

    before = signal.getsignal(number)
    code, directory, stderr = execute(work)
    assert code == 130 == directory.read_exit()["code"] and saved == [1]
    assert statuses(directory) == ["running", "stopped"] and "Traceback" not in stderr
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_at_once(execute):
    def work(run):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    code, directory, stderr = execute(work)
    assert code == 130 and statuses(directory) == ["running", "stopped"] and "second Ctrl-C" in stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no hang-ups here")
def test_a_hang_up_is_outlived(execute):
    code, directory, _ = execute(lambda run: os.kill(os.getpid(), signal.SIGHUP))
    assert code == 0 and statuses(directory)[-1] == "finished"


def test_a_run_directory_without_a_usable_config_is_bad_input(tiny, capsys):
    directory = tiny.run().directory
    directory.config_file.write_text("epochs: 0\n")
    assert Host(tiny.settings, directory, attended=True).execute(lambda run: None) == 2
    assert "epochs" in capsys.readouterr().err and directory.read_exit()["code"] == 2


@pytest.fixture
def full_disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_sentence(tiny, full_disk, capsys):
    from dataclasses import replace

    small = type(tiny)(tiny.root, replace(tiny.settings, runs_dir=full_disk / "runs"))
    directory = small.run().directory
    directory.update(upload="off")

    def work(run):
        while True:
            run.message("x" * 50_000)

    code = Host(small.settings, directory, attended=True).execute(work)
    stderr = capsys.readouterr().err
    assert code == 1 and "no space left on the disk; free some" in stderr and "Traceback" not in stderr
    # what was written before is whole
    assert directory.read_info()["run_id"] == directory.run_id
    assert all(event["text"] == "x" * 50_000 for event in read_events(directory.events_file)[1:-2])


def test_a_full_disk_before_the_start_leaves_no_run(tiny, full_disk):
    (full_disk / "filler").write_bytes(b"x" * (1 << 20))
    from pipeseg.run_directory import RunDirectory

    with pytest.raises(BadInput, match="no space left"):
        RunDirectory.create(full_disk, "x", "seed: 1\n", {})
    assert [path.name for path in full_disk.iterdir()] == ["filler"]


def test_a_folder_outside_the_experiments_is_refused(tmp_path, capsys):
    assert run_headless(tmp_path, lambda run: None, []) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_dry_run_writes_nothing(tiny, monkeypatch, capsys):
    for key in ("DATASETS_DIR", "RUNS_DIR", "MODELS_DIR", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(key, tiny.environment[key])
    overrides = [f"{k}={json.dumps(v)}" for k, v in (("train_dataset", "tiny_deposition_BASELINE"), ("epochs", 3))]
    folder = ROOT / "scripts" / "experiment" / "baseline"
    assert run_headless(folder, fail(AssertionError()), overrides, dry_run=True) == 2  # two sets are missing
    printed = capsys.readouterr()
    assert "epochs: 3" in printed.out and "writes" in printed.out and len(printed.err.splitlines()) == 2
    sets = ["validation_dataset=tiny_deposition_BASELINE_VAL", "evaluation_dataset=tiny_deposition_EVAL"]
    assert run_headless(folder, fail(AssertionError()), overrides + sets, dry_run=True) == 0
    printed = capsys.readouterr()
    assert str(tiny.settings.datasets_dir / "tiny_deposition_EVAL") in printed.out and not printed.err
    assert not tiny.settings.runs_dir.exists()
