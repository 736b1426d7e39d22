"""Launching: checked before anything is written, alive whatever happens to the launcher, and its end is told truly."""

import json
import os
import signal
import subprocess

import psutil
import pytest
from small_workshop import CONFIG, SCRIPT
from waiting import wait_until

from experiments import launcher
from experiments.processes import is_alive
from experiments.runs import find_run, run_status, send, view
from pipeseg.config import load_config
from pipeseg.errors import BadInput
from pipeseg.events import read_events
from pipeseg.run_directory import RunDirectory

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and terminals of POSIX")


def test_a_run_goes_from_starting_to_finished(open_gate_workshop):
    settings = open_gate_workshop.settings
    directory = launcher.prepare(settings, "tiny", ["epochs=2", "model.args={}"], name="first try")
    assert run_status(directory) == "starting"
    launcher.start(settings, directory)
    events = []
    assert launcher.wait(directory, events.append) == 0
    assert events == read_events(directory.events_file)
    seen = view(directory)
    assert (seen.status, seen.name, seen.epochs, seen.best_iou) == ("finished", "first try", 2, 0.75)
    assert seen.last == {"train/loss": 0.3, "val/iou": 0.5} and seen.test == {"iou": 0.625}
    assert seen.created <= seen.started <= seen.ended
    ending = directory.read_exit()
    assert (ending["code"], ending["signal"]) == (0, None)
    assert "hello from the log" in directory.log_file.read_text()


def test_run_json_says_where_the_run_comes_from(open_gate_workshop):
    settings = open_gate_workshop.settings
    directory = launcher.launch(settings, "tiny", ["epochs=2"])
    assert launcher.wait(directory) == 0
    info = directory.read_info()
    assert info["command"][1:] == ["-m", "experiments", "launch", "tiny", "--set", "epochs=2"]
    assert (info["user"], info["stage"], info["defect_class"]) == ("tester", "baseline", "deposition")
    assert info["datasets"]["evaluation_dataset"] == {
        "name": "sample_deposition_EVAL",
        "fingerprint": "print of sample_deposition_EVAL",
    }
    assert info["overrides"] == ["epochs=2"] and info["upload"] == "off"
    assert info["pid"] != info["supervisor_pid"] and info["pid_started"] >= info["supervisor_started"]
    # the resolved config reproduces the run: same values, no placeholder left
    config, warnings = load_config(directory.config_file)
    assert (config.epochs, config.train_dataset, warnings) == (2, "sample_deposition_BASELINE", [])


def test_nothing_is_written_when_the_input_is_bad(workshop):
    workshop.add_experiment()
    workshop.add_experiment("other", config=CONFIG + "epoch: 1\n")
    (workshop.add_experiment("scriptless") / "experiment.py").unlink()
    for experiment, overrides, words in [
        ("tinny", [], "did you mean 'tiny'"),
        ("other", [], "epoch: unknown key"),
        ("scriptless", [], "experiment.py: no such file"),
        ("tiny", ["epochs=none"], "epochs"),
        ("tiny", ["epochs"], "not of the form key=value"),
        ("tiny", ["train_dataset=sample_rupture_BASELINE"], "preprocess_dataset.py sample`"),
        ("tiny", ["train_dataset=sample_deposition_H1"], "launch refine"),
        ("tiny", ["train_dataset=sampel"], "did you mean 'sample'"),
    ]:
        with pytest.raises(BadInput, match=words):
            launcher.launch(workshop.settings, experiment, overrides)
    assert not workshop.settings.runs_dir.exists()


def test_without_any_dataset_the_sample_is_offered(workshop):
    workshop.add_experiment()
    workshop.settings.datasets_dir.rename(workshop.root / "elsewhere")
    with pytest.raises(BadInput, match=r"python scripts/tools/make_sample_dataset\.py"):
        launcher.launch(workshop.settings, "tiny")


def test_a_dataset_without_pictures_is_named_once(workshop):
    workshop.add_experiment()
    folder = workshop.settings.datasets_dir / "sample_deposition_BASELINE"
    (folder / "images" / "0.png").unlink()
    with pytest.raises(BadInput, match=r"images: no pictures here") as caught:
        launcher.launch(workshop.settings, "tiny", ["validation_dataset=sample_deposition_BASELINE"])
    assert str(caught.value).count("no pictures") == 1


def test_the_exit_code_of_the_script_is_the_exit_code_of_the_run(open_gate_workshop):
    open_gate_workshop.add_experiment("broken", script="raise RuntimeError('out of luck')\n")
    directory = launcher.launch(open_gate_workshop.settings, "broken")
    assert launcher.wait(directory) == 1
    assert view(directory).status == "failed"
    assert "ended with code 1" in view(directory).error
    assert "out of luck" in directory.log_file.read_text()
    assert directory.read_info()["status"] == "failed"


def test_a_training_process_that_cannot_start_fails_with_an_error_event(open_gate_workshop):
    directory = launcher.prepare(open_gate_workshop.settings, "tiny")
    (open_gate_workshop.settings.experiments_dir / "tiny" / "experiment.py").unlink()
    launcher.start(open_gate_workshop.settings, directory)
    assert launcher.wait(directory) == 1
    assert directory.read_exit()["code"] == 1
    assert [event["kind"] for event in read_events(directory.events_file)] == ["error", "status"]
    assert "cannot start" in view(directory).error


def test_requests_are_answered(workshop, running):
    for command, status in (("pause", "paused"), ("resume", "running")):
        send(workshop.settings, running, command)
        wait_until(lambda status=status: run_status(running) == status)
    before = view(running)
    send(workshop.settings, running, "checkpoint")
    assert launcher.await_answer(running, "checkpoint", before) == "checkpoint saved"
    send(workshop.settings, running, "stop")
    assert launcher.wait(running) == 130
    assert view(running).status == "stopped"
    with pytest.raises(BadInput, match="it has stopped"):
        send(workshop.settings, running, "pause")


def test_datasets_that_are_being_written_do_not_count(workshop):
    workshop.add_experiment()
    workshop.settings.datasets_dir.rename(workshop.root / "elsewhere")
    workshop.add_dataset("sample.partial-123")
    with pytest.raises(BadInput, match="no datasets here"):
        launcher.launch(workshop.settings, "tiny")
    workshop.add_dataset("other")
    with pytest.raises(BadInput, match=r"preprocess_dataset\.py sample`"):
        launcher.launch(workshop.settings, "tiny")


@posix_only
def test_a_killed_training_process_is_a_failed_run(running):
    os.kill(running.read_info()["pid"], signal.SIGKILL)
    assert launcher.wait(running) == 1
    assert run_status(running) == "failed"
    assert running.read_exit()["signal"] == "SIGKILL" and running.read_exit()["code"] is None
    assert "SIGKILL" in view(running).error


@posix_only
def test_killed_training_and_supervisor_are_a_lost_run(workshop, running):
    info = running.read_info()
    os.kill(info["supervisor_pid"], signal.SIGKILL)
    assert run_status(running) == "running"  # the training process still works
    os.kill(info["pid"], signal.SIGKILL)
    wait_until(lambda: run_status(running) == "lost")
    assert launcher.wait(running) == 1
    with pytest.raises(BadInput, match="processes are gone"):
        send(workshop.settings, running, "stop")


@posix_only
def test_a_run_ends_as_it_says_when_only_its_supervisor_was_killed(workshop, running):
    os.kill(running.read_info()["supervisor_pid"], signal.SIGKILL)
    workshop.gate.touch()
    assert launcher.wait(running) == 0
    assert run_status(running) == "finished" and running.read_exit() is None


@posix_only
def test_the_supervisor_survives_hang_up_and_requests_to_end(workshop, running):
    supervisor = running.read_info()["supervisor_pid"]
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        os.kill(supervisor, number)
    os.kill(running.read_info()["pid"], signal.SIGHUP)
    workshop.gate.touch()
    assert launcher.wait(running) == 0
    assert running.read_exit()["code"] == 0


@posix_only
def test_a_terminated_training_process_is_a_failed_run(running):
    os.kill(running.read_info()["pid"], signal.SIGTERM)
    assert launcher.wait(running) == 1
    assert running.read_exit()["signal"] == "SIGTERM"


@posix_only
def test_the_run_survives_the_kill_of_its_launcher(workshop):
    workshop.add_experiment()
    parent = workshop.open_command("launch", "tiny", "--wait")
    directory = find_run(workshop.settings, parent.stdout.readline().strip())
    wait_until(lambda: run_status(directory) == "running")
    parent.kill()
    parent.communicate(timeout=20)
    workshop.gate.touch()
    assert launcher.wait(directory) == 0
    assert directory.read_exit()["code"] == 0
    assert view(directory).best_iou == 0.75


@posix_only
def test_the_run_survives_the_hang_up_of_its_terminal(workshop):
    import fcntl
    import pty
    import termios

    workshop.add_experiment()
    ours, theirs = pty.openpty()
    parent = workshop.open_command(
        *("launch", "tiny", "--wait"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    wait_until(lambda: os.read(ours, 1 << 16))
    directory = wait_until(lambda: find_any_run(workshop))
    wait_until(lambda: run_status(directory) == "running")
    os.close(ours)
    # 1 where it was about to write, and found no terminal before the signal found it
    assert parent.wait(timeout=20) in (-signal.SIGHUP, 1)
    workshop.gate.touch()
    assert launcher.wait(directory) == 0
    assert directory.read_exit()["code"] == 0


def find_any_run(workshop) -> RunDirectory | None:
    try:
        return find_run(workshop.settings, "latest")
    except BadInput:
        return None


@posix_only
def test_the_run_has_no_terminal_and_a_session_of_its_own(running):
    info = running.read_info()
    assert os.getsid(info["pid"]) == info["supervisor_pid"] != os.getsid(0)
    assert psutil.Process(info["pid"]).terminal() is None


@pytest.mark.slow
def test_the_supervisor_waits_for_the_upload_of_a_tracked_run(open_gate_workshop):
    directory = launcher.launch(open_gate_workshop.settings, "tiny", ["track_experiment=true"])
    assert directory.read_info()["upload"] != "off"
    assert launcher.wait(directory) == 0  # the run has ended when training has: nobody waits for the tracking store
    supervisor = directory.read_info()["supervisor_pid"]
    wait_until(lambda: not is_alive(supervisor, directory.read_info()["supervisor_started"]), seconds=120)
    assert directory.read_info()["upload"] == "done", (directory.path / "upload.log").read_text()
    assert directory.read_info()["mlflow_run_id"]


def test_the_diff_of_changed_code_is_kept(open_gate_workshop, tmp_path, monkeypatch):
    from dataclasses import replace

    root = tmp_path / "repository"
    root.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.check_output(["git", "-C", str(root), *identity, *arguments], encoding="utf-8")

    git("init", "-q")
    (root / "code.py").write_text("a = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    settings = replace(open_gate_workshop.settings, root=root)
    clean = launcher.prepare(settings, "tiny")
    assert clean.read_info()["git_commit"] == git("rev-parse", "HEAD").strip()
    assert clean.read_info()["git_dirty"] is False and not (clean.path / "git.diff").exists()

    (root / "code.py").write_text("a = 2\n")
    (root / "new.py").write_text("b = 1\n")
    dirty = launcher.prepare(settings, "tiny")
    diff = (dirty.path / "git.diff").read_text()
    assert dirty.read_info()["git_dirty"] is True
    assert "+a = 2" in diff and "new.py" in diff
    git("checkout", "-q", "code.py")
    git("apply", "--check", str(dirty.path / "git.diff"))

    monkeypatch.setenv("PATH", "")  # a machine without git
    without = launcher.prepare(settings, "tiny").read_info()
    assert (without["git_commit"], without["git_dirty"]) == (None, False)


def test_the_journal_is_whole_when_the_exit_is_told(open_gate_workshop):
    # the script dies after its last metric without a word about its end
    silent = SCRIPT.replace('run.status("finished")', "import os; os._exit(3)")
    open_gate_workshop.add_experiment("silent", script=silent)
    directory = launcher.launch(open_gate_workshop.settings, "silent")
    assert launcher.wait(directory) == 3
    events = read_events(directory.events_file)
    assert events[-1]["status"] == "failed" and events[-2]["kind"] == "error"
    assert json.loads(directory.exit_file.read_text())["code"] == 3
