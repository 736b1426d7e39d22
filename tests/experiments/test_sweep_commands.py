"""What the command line says of sweeps, over folders as earlier sessions left them."""

import json

import pytest

from experiments import sweeps
from experiments.__main__ import main
from experiments.sweep_view import seconds_left, spreads

RUNNING = '{"time": 100, "kind": "status", "status": "running"}\n'
SCORES = '{"time": 110, "kind": "metrics", "step": 3, "values": {"val/iou": 0.75, "test/iou": %s}}\n'


@pytest.fixture
def call(workshop, monkeypatch, capsys):
    """Run a verb in this process; return exit code, stdout and stderr."""
    for key in ("DATASETS_DIR", "MODELS_DIR", "RUNS_DIR", "EXPERIMENTS_DIR", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(key, workshop.environment[key])
    workshop.add_experiment()

    def run_verb(*arguments):
        capsys.readouterr()
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return run_verb


@pytest.fixture
def sweep(workshop, call):
    """Four seeds: two have finished, one has failed, one waits; its process is gone."""
    made = sweeps.prepare(workshop.settings, "tiny", ["epochs=1", "seed=1,2,3,4"], name="four")
    for place, (code, score) in enumerate([(0, 0.5), (0, 0.75), (1, None)]):
        events = RUNNING + (SCORES % score if score else '{"kind": "error", "text": "out of luck"}\n')
        facts = {"sweep": made.sweep_id, "sweep_place": place, "created": 100.0 + place, "stage": "baseline"}
        directory = workshop.write_run(f"run-{place}", events=events, **facts)
        directory.exit_file.write_text(json.dumps({"time": 130.0, "code": code, "signal": None}))
    return made


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["seed=1,2,-3"], ["seed=-3: ", "greater than or equal to 0"]),
        (["lr=1e-4,3e-4", "seed=1,2"], ["lr=1e-4 seed=1: ", "did you mean 'learning_rate'"]),
        (["seed=1,2", "train_dataset=sample,sampel"], ["seed=1 train_dataset=sampel: ", "did you mean 'sample'"]),
        (["seed=1,2", "learning_rate=1e-4,0.0001"], ["seed=1 learning_rate=1e-4 and seed=1 learning_rate=0.0001 are"]),
        (["seed=1,2", "epochs"], ["seed=1: ", "not of the form key=value"]),
        (["seed=1,2,"], ["holds an empty value"]),
        (["seed=1,2", "image_size=[64,64],[70,64]"], ["seed=1 image_size=[70,64]: ", "70 is not a multiple of 32"]),
    ],
)
def test_nothing_is_written_when_one_run_could_not_start(workshop, call, overrides, words):
    code, stdout, stderr = call("launch", "tiny", *[part for text in overrides for part in ("--set", text)])
    assert code == 2 and stdout == "" and len(stderr.splitlines()) == 1
    assert all(word in stderr for word in words), stderr
    assert not workshop.settings.runs_dir.exists()


def test_the_table_of_a_sweep(sweep, call):
    code, stdout, stderr = call("sweep", sweep.sweep_id)
    assert code == 0 and "? lost" in stdout and "4: 2 finished, 1 failed, 1 waiting" in stdout
    rows = [line.split() for line in stdout.splitlines()]
    assert ["1", "1", "✓", "finished", "0.7500", "0.5000", "run-0"] in rows
    assert ["3", "3", "✗", "failed", "run-2"] in rows and ["4", "4", "·", "waiting"] in rows
    assert rows[-1] == ["2", "0.6250", "0.1768"]  # mean and standard deviation of 0.5 and 0.75
    assert stderr == "seed=3: out of luck\n"
    code, stdout, _ = call("sweeps")
    assert all(word in stdout for word in (sweep.sweep_id, "? lost", "seed=1,2,3,4", "four"))


def test_show_and_validate_understand_sweeps(workshop, sweep, call):
    assert call("show", sweep.sweep_id)[1] == call("sweep", sweep.sweep_id)[1]
    code, stdout, stderr = call("validate", "tiny", "--set", "seed=1,2", "--set", "epochs=1..3")
    assert code == 0 and "valid, for all 6 runs" in stdout and stderr == ""
    code, stdout, stderr = call("validate", "tiny", "--set", "seed=1,2", "--set", "epochs=1,x")
    assert code == 2 and stdout == "" and len(stderr.splitlines()) == 1 and "epochs" in stderr


def test_sweeps_as_json(sweep, call):
    (record,) = json.loads(call("sweeps", "--json")[1])
    assert record["counts"] == {"finished": 2, "failed": 1, "waiting": 1} and record["overrides"][1] == "seed=1,2,3,4"
    assert (record["status"], record["jobs"], record["eta_seconds"], record["experiment"]) == ("lost", 1, None, "tiny")
    assert record["command"][1:5] == ["-m", "experiments", "launch", "tiny"]
    record = json.loads(call("sweep", "latest", "--json")[1])
    assert [run["values"] for run in record["runs"]] == [{"seed": seed} for seed in "1234"]
    assert [run["status"] for run in record["runs"]] == ["finished", "finished", "failed", "waiting"]
    assert [run["run_id"] for run in record["runs"]] == ["run-0", "run-1", "run-2", None]
    assert record["runs"][2]["error"] == "out of luck" and record["runs"][0]["run"]["sweep"] == sweep.sweep_id
    (spread,) = record["test_iou"]
    assert spread["values"] == {} and spread["seeds"] == 2 and spread["mean"] == pytest.approx(0.625)
    assert {run["sweep"] for run in json.loads(call("runs", "--json")[1])} == {sweep.sweep_id}


def test_the_time_left_is_that_of_the_runs_that_wait(workshop, sweep):
    view = sweeps.view(workshop.settings, sweep)
    assert seconds_left(view, now=140.0) == pytest.approx(30.0)  # each of the finished ones took 30 s
    empty = sweeps.prepare(workshop.settings, "tiny", ["seed=1,2"])
    assert seconds_left(sweeps.view(workshop.settings, empty), now=140.0) is None
    assert spreads(sweeps.view(workshop.settings, empty)) == []


def test_the_status_follows_the_runs(workshop, sweep):
    def status():
        return sweeps.view(workshop.settings, sweep).status

    sweep.open_session(jobs=1, retry_failed=False)  # by this process
    assert status() == "running"
    sweep.write_exit(130)
    assert status() == "stopped"
    facts = {"sweep": sweep.sweep_id, "sweep_place": 3, "created": 200.0}
    workshop.write_run("run-3", exit_code=0, **facts)
    assert status() == "failed"
    # the failed run has been repeated by hand, under the same place: nothing has to be told to the sweep
    workshop.write_run("run-4", exit_code=0, **facts | {"sweep_place": 2})
    assert status() == "finished"


def test_mistakes_are_one_sentence(sweep, call):
    for arguments, words in [
        (["sweep", "sweep-nothing"], "no sweep 'sweep-nothing'"),
        (["stop", sweep.sweep_id], "cannot stop this sweep: its process is gone"),
        (["pause", sweep.sweep_id], "pause its runs one by one"),
        (["resume", "run-0", "--retry-failed"], "are for sweeps"),
        (["launch", "tiny", "--set", "seed=1,2", "--jobs", "0"], "--jobs"),
        (["launch", "tinny", "--set", "seed=1,2"], "did you mean 'tiny'"),
    ]:
        code, stdout, stderr = call(*arguments)
        assert code == 2 and words in stderr, (arguments, stderr)
        assert len(stderr.splitlines()) == 1 and stdout == ""


def test_without_sweeps_the_lists_say_how_to_start_one(call):
    code, stdout, stderr = call("sweeps")
    assert (code, stdout) == (0, "") and "launch EXPERIMENT --set seed=1,2,3" in stderr
    code, stdout, stderr = call("sweep")
    assert (code, stdout) == (2, "") and "no sweeps yet" in stderr
