"""`python -m experiments` as a person and a program use it: real processes, exit codes, one sentence per mistake."""

import json
import os
import signal
import subprocess
import sys

import pytest
from small_workshop import CONFIG
from waiting import wait_until

from experiments import launcher
from experiments.runs import find_run, run_status
from pipeseg.settings import ROOT


def one_sentence(done: subprocess.CompletedProcess) -> str:
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_list_json_names_every_folder(open_gate_workshop):
    workshop = open_gate_workshop
    workshop.add_experiment("broken", config="epochs: [1\n")
    directory = launcher.launch(workshop.settings, "tiny")
    launcher.wait(directory)
    done = workshop.command("list", "--json")
    broken, tiny = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert tiny["name"] == "tiny" and tiny["description"] == "Learns little."
    assert tiny["path"] == str(workshop.settings.experiments_dir / "tiny")
    assert tiny["config"] == str(workshop.settings.experiments_dir / "tiny" / "config.yaml")
    assert tiny["last_run"]["run_id"] == directory.run_id and tiny["last_run"]["status"] == "finished"
    assert tiny["problem"] is None
    assert broken["last_run"] is None and "not YAML" in broken["problem"]


def test_tables_are_whole_when_piped(workshop):
    name = "a-name-that-is-rather-long-for-a-terminal-of-eighty-columns"
    words = " ".join(["word"] * 60)
    workshop.add_experiment(name, readme=f"# T\n\n{words}\n")
    workshop.write_run("20260101-000000-tiny-0000", exit_code=0, created=1.0, stage="baseline", defect_class="[bold]")
    listed = workshop.command("list")
    assert any(name in line and words in line for line in listed.stdout.splitlines())
    runs = workshop.command("runs").stdout
    assert "✓ finished" in runs and "[bold]" in runs and "\x1b" not in runs


@pytest.mark.slow
def test_show_experiment_and_run(open_gate_workshop):
    workshop = open_gate_workshop
    directory = launcher.launch(workshop.settings, "tiny", ["epochs=2"])
    launcher.wait(directory)
    text = workshop.command("show", "tiny").stdout
    assert "# what this experiment learns from" in text and "learning rate, at its peak" in text
    assert json.loads(workshop.command("show", "tiny", "--json").stdout)["config_text"] == CONFIG
    shown = json.loads(workshop.command("show", "latest", "--json").stdout)
    assert shown["run_id"] == directory.run_id and shown["test"] == {"iou": 0.625}
    assert shown["info"]["overrides"] == ["epochs=2"]
    text = workshop.command("show", directory.run_id).stdout
    assert "epochs=2" in text and "0.6250" in text
    assert "did you mean 'tiny'" in one_sentence(workshop.command("show", "tinyy"))


def test_json_holds_null_where_python_has_nan(workshop):
    events = '{"time": 1, "kind": "metrics", "values": {"val/iou": NaN}}\n'
    workshop.write_run("a", exit_code=0, created=1.0, events=events)
    (run,) = json.loads(workshop.command("runs", "--json").stdout, parse_constant=pytest.fail)
    assert run["last"] == {"val/iou": None} and run["best_iou"] is None


@pytest.mark.slow
def test_runs_can_be_chosen(workshop):
    for number, (stage, name, code) in enumerate([("baseline", "a", 0), ("baseline", "b", 1), ("final", "a", 0)]):
        workshop.write_run(f"r{number}", exit_code=code, created=float(number), stage=stage, defect_class=name)

    def chosen(*options: str) -> list[str]:
        return [run["run_id"] for run in json.loads(workshop.command("runs", "--json", *options).stdout)]

    assert chosen() == ["r2", "r1", "r0"]
    assert chosen("--stage", "baseline", "--class", "a") == ["r0"]
    assert chosen("--status", "finished", "--limit", "1") == ["r2"]
    done = workshop.command("runs", "--status", "finnished")
    assert done.returncode == 2 and "did you mean 'finished'" in one_sentence(done)


@pytest.mark.slow
def test_validate_prints_one_line_per_problem(workshop):
    folder = workshop.add_experiment()
    assert workshop.command("validate", "tiny").returncode == 0
    (folder / "config.yaml").write_text(CONFIG + "epoch: 1\nbatch_size: 0\n")
    done = workshop.command("validate", "tiny")
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 2
    assert "epoch: unknown key; did you mean 'epochs'?" in done.stderr and "batch_size" in done.stderr
    answer = json.loads(workshop.command("validate", "tiny", "--json").stdout)
    assert answer["valid"] is False and {problem["key"] for problem in answer["problems"]} == {"epoch", "batch_size"}


def test_validate_understands_overrides_and_warns(workshop):
    config = CONFIG.replace("validation_dataset", "validataion_dataset")
    workshop.add_experiment(config=config)
    done = workshop.command("validate", "tiny", "--set", "epochs=7", "--set", "train_dataset=nowhere", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0 and answer["resolved"]["epochs"] == 7
    assert "rename the key" in answer["warnings"][0] and "nowhere" in answer["warnings"][1]
    assert "warning: " in done.stderr
    assert workshop.command("validate", "tiny", "--set", "epochs=x").returncode == 2


def test_launch_prints_the_id_and_returns_while_the_run_goes_on(workshop):
    workshop.add_experiment()
    done = workshop.command("launch", "tiny", "--name", "my try", "--set", "epochs=2")
    directory = find_run(workshop.settings, done.stdout.strip())
    assert done.returncode == 0 and directory.read_info()["name"] == "my try"
    assert not directory.exit_file.exists()
    workshop.gate.touch()
    assert launcher.wait(directory) == 0


@pytest.mark.slow
def test_launch_wait_follows_to_the_end_and_exits_with_the_code(open_gate_workshop):
    workshop = open_gate_workshop
    done = workshop.command("launch", "tiny", "--wait")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert "val/iou 0.7500" in done.stderr and "finished" in done.stderr
    workshop.add_experiment("broken", script="raise SystemExit(3)\n")
    done = workshop.command("launch", "broken", "--wait")
    assert done.returncode == 3 and "train.log" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent by another way there")
def test_ctrl_c_while_waiting_detaches(workshop):
    workshop.add_experiment()
    parent = workshop.open_command("launch", "tiny", "--wait")
    directory = find_run(workshop.settings, parent.stdout.readline().strip())
    wait_until(lambda: "running" in parent.stderr.readline())
    parent.send_signal(signal.SIGINT)
    _, narration = parent.communicate(timeout=20)
    assert parent.returncode == 130
    assert f"python -m experiments stop {directory.run_id}" in narration and "Traceback" not in narration
    assert run_status(directory) == "running"
    workshop.gate.touch()
    assert launcher.wait(directory) == 0


@pytest.mark.slow
def test_requests_from_the_command_line_are_answered(workshop, running):
    for verb, status in (("pause", "paused"), ("resume", "running"), ("checkpoint", "running"), ("stop", "stopped")):
        done = workshop.command(verb, "latest", "--wait")
        assert (done.returncode, done.stdout.strip()) == (0, running.run_id), done.stderr
        assert run_status(running) == status
    assert running.read_exit()["code"] == 130  # `stop --wait` waits for the very end
    done = workshop.command("stop", "latest")
    assert done.returncode == 2 and "it has stopped" in one_sentence(done)


def test_logs_follow_ends_with_the_run(workshop, running):
    follower = workshop.open_command("logs", "-f", running.run_id)
    assert follower.stdout.readline() == "hello from the log\n"
    assert follower.poll() is None
    workshop.gate.touch()
    rest, _ = follower.communicate(timeout=30)
    assert rest == "goodbye from the log\n" and follower.returncode == 0
    assert workshop.command("logs").stdout == "hello from the log\ngoodbye from the log\n"


@pytest.mark.slow
def test_bad_input_is_one_sentence_and_exit_code_2(workshop):
    workshop.add_experiment("baseline")
    for number in range(2):
        workshop.write_run(f"20260101-00000{number}-baseline-0000", exit_code=0, created=float(number))
    for arguments, words in [
        (["launch", "basline"], "did you mean 'baseline'"),
        (["launch", "baseline", "--set", "epoch=1"], "did you mean 'epochs'"),
        (["launch", "baseline", "--set", "epochs"], "not of the form"),
        (["launch", "baseline", "--set", "train_dataset=nowhere"], "nowhere: no such dataset"),
        (["launch"], "EXPERIMENT"),
        (["runs", "--limit", "many"], "--limit"),
        (["explode"], "explode"),
        (["list", "--jsn"], "--jsn"),
        (["stop", "2026"], "beginning of 2 runs"),
        (["logs", "nothing"], "no run 'nothing'"),
    ]:
        done = workshop.command(*arguments)
        assert done.returncode == 2, arguments
        assert words in one_sentence(done), done.stderr
    assert len(list(workshop.settings.runs_dir.iterdir())) == 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_runs_folder_without_permission(workshop):
    workshop.add_experiment()
    workshop.settings.runs_dir.mkdir(mode=0o500)
    done = workshop.command("launch", "tiny")
    assert done.returncode == 2 and "no permission" in one_sentence(done)


def test_runs_folder_that_is_a_file(workshop):
    workshop.add_experiment()
    workshop.settings.runs_dir.write_text("mine")
    done = workshop.command("launch", "tiny")
    assert done.returncode == 2 and str(workshop.settings.runs_dir) in one_sentence(done)
    assert workshop.command("runs").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_leaves_early_is_no_error(workshop):
    for number in range(200):
        workshop.write_run(f"run-{number:03}-{'x' * 200}", exit_code=0, created=float(number))
    for options in ([], ["--json"]):
        process = workshop.open_command("runs", "--limit", "0", *options)
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait(timeout=20) == 0


HEAVY = ("torch", "mlflow", "numpy", "cv2", "textual", "sqlalchemy", "pandas", "psutil", "ruamel.yaml")
VERBS = (
    "list, show, validate, preflight, launch, runs, logs, curves, diagnose, machine, sweeps, sweep, pause, resume, "
    "checkpoint, stop, compare, sync"
)


def help_of(*verbs: str) -> tuple[list[str], set[str]]:
    """Return the help text of each verb, printed by one process, and the modules in its memory."""
    program = (
        "import sys\n"
        "from experiments.__main__ import main\n"
        f"for verb in {verbs}:\n"
        "    assert main([*verb.split(), '--help']) == 0\n"
        "    print('=====')\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60)
    return done.stdout.split("=====\n")[:-1], set(done.stderr.split())


def test_help_names_every_verb_and_loads_nothing_heavy():
    (text,), modules = help_of("")
    assert not {*HEAVY, "pydantic"} & modules
    for verb in VERBS.split(", "):
        assert f"\n  {verb} " in text


def test_help_of_the_verbs_loads_nothing_heavy():
    # typer itself reads options with pydantic since 0.29, so that one is not ours to avoid here
    texts, modules = help_of(*VERBS.split(", "))
    assert not set(HEAVY) & modules
    assert len(texts) == len(VERBS.split(", ")) and all("Usage: " in text for text in texts)
