"""The uploader against real stores: nothing is lost, nothing comes twice, nothing waits for ever."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from waiting import wait_until

from experiments import mlflow_records as records
from experiments.uploader import upload
from pipeseg.events import append_event, read_events
from pipeseg.run_directory import RunDirectory, read_json
from pipeseg.settings import ROOT
from tests.experiments import tracking_fixtures as make

posix_only = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    return make.copy_store(template, tmp_path / "store")


def start_uploader(run: RunDirectory, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "experiments.uploader", str(run.path)]
    with open(run.path / "upload.log", "ab") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def upload_now(run: RunDirectory, uri: str) -> int:
    return upload(run, uri, threading.Event(), grace=0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(uri: str) -> list[tuple]:
    return make.query(uri, "select status from runs")


def test_a_finished_run_is_stored_in_full(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri, seed=7)
    points = make.write_metrics(run, range(700))
    make.write_results(run, [0.5, float("nan"), 0.7])
    (run.checkpoints / "best.safetensors").write_bytes(b"weights")
    (run.checkpoints / "last.safetensors").write_bytes(b"weights")
    (run.path / "train.log").write_text("log")
    make.end_run(run)

    assert upload_now(run, uri) == 0

    # and the two that belong to the results
    assert make.count_points(uri) == points + 2
    tags = dict(make.query(uri, "select key, value from tags"))
    assert tags["run_id"] == tags["mlflow.runName"] == run.run_id
    assert (tags["stage"], tags["defect_class"], tags["seed"], tags["dataset"]) == (
        "baseline",
        "crack",
        "7",
        "sample_EVAL",
    )
    assert (tags["test_fingerprint"], tags["total_steps"], tags["mlflow.user"]) == ("f1", "100", "tester")
    assert ("model.args.encoder_name", "resnet18") in make.query(uri, "select key, value from params")
    [(artifact_uri,)] = make.query(uri, "select artifact_uri from runs")
    assert artifact_uri.startswith((tmp_path / "store" / "mlartifacts").as_uri())
    stored = tmp_path / "store" / "mlartifacts" / read_json(run.info_file)["mlflow_run_id"] / "artifacts"
    names = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
    assert {"config.yaml", "run.json", "train.log", "checkpoints/best.safetensors", "results/per_image.csv"} <= names
    assert "checkpoints/last.safetensors" not in names
    assert status_of(uri) == [("FINISHED",)]
    assert run.read_info()["upload"] == "done"


def test_not_a_number_and_infinity_are_stored(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    values = {"train/loss": float("nan"), "val/loss": float("inf"), "val/iou": 0.5, "odd key:%": 1, "text": "no number"}
    append_event(run.events_file, "metrics", step=3, epoch=1, values=values)
    append_event(run.events_file, "metrics", step="?", epoch=1, values=None)
    make.end_run(run)
    assert upload_now(run, uri) == 0
    rows = {key: (value, is_nan) for key, value, is_nan in make.query(uri, "select key, value, is_nan from metrics")}
    assert rows["train/loss"][1] == 1 and rows["val/loss"][0] > 1e300 and rows["val/iou"] == (0.5, 0)
    assert rows.keys() == {"train/loss", "val/loss", "val/iou", "odd key__"}


@pytest.mark.parametrize("lose_state", [False, True])
def test_a_second_upload_changes_nothing(tmp_path: Path, uri: str, lose_state: bool) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    points = make.write_metrics(run, range(600))
    append_event(run.events_file, "metrics", step=601, epoch=1, values={"train/loss": float("nan")})
    make.end_run(run)
    assert upload_now(run, uri) == 0
    if lose_state:
        (run.path / "upload.json").unlink()
        run.update(mlflow_run_id=None)
    assert upload_now(run, uri) == 0
    assert make.count_points(uri) == points + 1
    assert status_of(uri) == [("FINISHED",)]


@posix_only
@pytest.mark.slow
def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    points = make.write_metrics(run, range(1500))
    uploader = start_uploader(run)
    wait_until(lambda: make.count_points(uri) > 0)
    uploader.kill()
    uploader.wait()
    assert 0 < make.count_points(uri) < points, "the test must hit the upload in its middle"

    points += make.write_metrics(run, range(1500, 1600))
    with open(run.events_file, "ab") as journal:
        journal.write(b'{"kind": "metrics", "step": 9')
    make.end_run(run)
    uploader = start_uploader(run)
    assert uploader.wait(180) == 0
    assert make.count_points(uri) == points
    assert status_of(uri) == [("FINISHED",)]


@posix_only
@pytest.mark.slow
def test_follows_a_living_run_through_hang_up_and_ends_on_request(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    points = make.write_metrics(run, range(5))
    uploader = start_uploader(run)
    wait_until(lambda: make.count_points(uri) == points)
    uploader.send_signal(signal.SIGHUP)
    uploader.send_signal(signal.SIGINT)
    points += make.write_metrics(run, range(5, 10))
    wait_until(lambda: make.count_points(uri) == points)
    assert status_of(uri) == [("RUNNING",)]
    uploader.terminate()
    assert uploader.wait(30) == 130
    assert read_json(run.path / "upload.json")["offset"] == run.events_file.stat().st_size

    points += make.write_metrics(run, range(10, 15))
    make.end_run(run, "stopped", 130)
    assert upload_now(run, uri) == 0
    assert make.count_points(uri) == points
    assert status_of(uri) == [("KILLED",)]


def test_a_run_whose_process_is_gone_is_closed(tmp_path: Path, uri: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run = make.make_run(tmp_path / "runs", uri, pid=child.pid, pid_started=time.time())
    make.write_metrics(run, range(3))
    assert upload_now(run, uri) == 0
    assert status_of(uri) == [("KILLED",)]


def test_waits_for_the_processes_of_a_run_but_not_for_strangers(tmp_path: Path) -> None:
    from experiments.run_watch import RunWatch

    run = make.make_run(tmp_path, "sqlite:///none.db")
    assert not RunWatch(run, grace=0).ended(None)
    assert not RunWatch(run, grace=60).ended("finished"), "exit.json may come a moment later"
    assert RunWatch(run, grace=0).ended("finished")
    run.update(pid_started=1.0)
    assert RunWatch(run, grace=0).ended("running"), "another process has this pid now"
    run.update(host="elsewhere")
    assert not RunWatch(run, grace=0).ended("running")


@pytest.mark.parametrize(
    ("exit_info", "status", "expected"),
    [
        ({"code": 0, "signal": None}, "finished", "FINISHED"),
        ({"code": 0, "signal": None}, None, "FINISHED"),
        (None, "finished", "FINISHED"),
        ({"code": 1, "signal": None}, "finished", "FAILED"),
        ({"code": 0, "signal": None}, "failed", "FAILED"),
        ({"code": 130, "signal": None}, "stopped", "KILLED"),
        ({"code": None, "signal": "SIGKILL"}, "failed", "KILLED"),
        (None, "running", "KILLED"),
        (None, None, "KILLED"),
    ],
)
def test_how_a_run_ended(exit_info: dict | None, status: str | None, expected: str) -> None:
    assert records.final_status(exit_info, status)[0] == expected


@pytest.mark.slow
def test_a_dead_server_costs_one_sentence_and_no_data(tmp_path: Path, uri: str) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    run = make.make_run(tmp_path / "runs", dead)
    points = make.write_metrics(run, range(20))
    uploader = start_uploader(run)
    wait_until(lambda: any(event["kind"] == "warning" for event in read_events(run.events_file)))
    make.end_run(run)
    assert uploader.wait(60) == 1
    assert run.read_info()["upload"] == "unreachable"
    log = (run.path / "upload.log").read_text()
    assert f"kept in {run.path}; `python -m experiments sync` uploads them later" in log
    assert "Traceback" not in log and len(log.splitlines()) == 2
    assert len([event for event in read_events(run.events_file) if event["kind"] == "warning"]) == 1

    command = [sys.executable, "-m", "experiments", "sync"]
    environment = {**os.environ, "RUNS_DIR": str(tmp_path / "runs")}
    failed = subprocess.run(
        command, cwd=ROOT, env={**environment, "MLFLOW_TRACKING_URI": dead}, capture_output=True, text=True, timeout=100
    )
    assert failed.returncode == 1 and "1 of 1 runs remain" in failed.stderr and failed.stdout == ""
    synced = subprocess.run(
        command, cwd=ROOT, env={**environment, "MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True, timeout=100
    )
    assert synced.returncode == 0, synced.stderr
    assert make.count_points(uri) == points
    assert run.read_info()["upload"] == "done" and run.read_info()["tracking_uri"] == uri


@pytest.mark.slow
def test_a_server_that_never_answers_blocks_no_longer_than_its_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run = make.make_run(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        make.write_metrics(run, range(3))
        make.end_run(run)
        uploader = start_uploader(run, MLFLOW_HTTP_REQUEST_TIMEOUT="2")
        began = time.monotonic()
        assert uploader.wait(60) == 1
        # two tries of 2 s, the wait between them, and the start of the process
        assert time.monotonic() - began < 30
    assert "timed out" in (run.path / "upload.log").read_text()


@pytest.mark.slow
def test_a_real_server_that_comes_up_later_gets_every_point(tmp_path: Path, template: Path) -> None:
    uri = make.copy_store(template, tmp_path / "server")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    run = make.make_run(tmp_path / "runs", address)
    points = make.write_metrics(run, range(100))
    append_event(run.events_file, "metrics", step=100, epoch=1, values={"a": float("nan"), "b": float("-inf")})
    uploader = start_uploader(run)
    wait_until(lambda: any(event["kind"] == "warning" for event in read_events(run.events_file)))

    options = ["--backend-store-uri", uri, "--artifacts-destination", str(tmp_path / "server" / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with open(tmp_path / "server.log", "wb") as log:
        server = subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: make.count_points(uri) == points + 2, 120)
        make.write_results(run, [0.25, 0.5])
        make.end_run(run)
        assert uploader.wait(180) == 0
        assert status_of(uri) == [("FINISHED",)]

        from experiments.tracking import TrackingReader

        reader = TrackingReader(address)
        [found] = reader.finished_runs()
        scores = reader.per_image(found, "iou")
        assert found.run_id == run.run_id and [score.value for score in scores or []] == [0.25, 0.5]
    finally:
        if os.name == "posix":
            os.killpg(server.pid, signal.SIGTERM)
        else:
            server.terminate()
        server.wait(30)
        uploader.kill()


@pytest.mark.slow
def test_two_first_runs_at_once_make_one_store(tmp_path: Path) -> None:
    uri = f"sqlite:///{(tmp_path / 'new' / 'mlflow.db').as_posix()}"
    runs = [make.make_run(tmp_path / "runs", uri, seed=seed) for seed in range(2)]
    points = sum(make.write_metrics(run, range(10)) for run in runs)
    for run in runs:
        make.end_run(run)
    uploaders = [start_uploader(run) for run in runs]
    assert [uploader.wait(100) for uploader in uploaders] == [0, 0]
    assert make.count_points(uri) == points
    assert make.query(uri, "select count(*) from experiments where name = 'Study'") == [(1,)]
    assert (tmp_path / "runs" / runs[0].run_id / "upload.log").read_text().count("\n") == 1, "only our own sentence"


def test_an_untracked_run_is_left_alone(tmp_path: Path) -> None:
    run = make.make_run(tmp_path, "sqlite:///none.db", track="false")
    uploader = start_uploader(run)
    assert uploader.wait(30) == 0
    assert run.read_info()["upload"] == "off"
    assert not (run.path / "upload.json").exists()


def test_a_run_that_was_deleted_in_mlflow_stays_deleted(tmp_path: Path, uri: str) -> None:
    from experiments.mlflow_store import open_client

    run = make.make_run(tmp_path / "runs", uri)
    make.end_run(run)
    assert upload_now(run, uri) == 0
    open_client(uri).delete_run(run.read_info()["mlflow_run_id"])
    make.write_metrics(run, range(2))
    assert upload_now(run, uri) == 1
    assert make.count_points(uri) == 0 and run.read_info()["upload"] == "off"


def test_long_params_are_cut_and_told(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    with open(run.config_file, "a", encoding="utf-8") as config:
        config.write(f"criterion: {{name: DiceLoss, args: {{note: {'x' * 7000}}}}}\n")
    make.end_run(run)
    assert upload_now(run, uri) == 0
    [(length,)] = make.query(uri, "select length(value) from params where key = 'criterion.args.note'")
    assert length == records.PARAM_LENGTH
    assert ("criterion.args.note",) in make.query(uri, "select value from tags where key = 'cut_params'")
    assert any("criterion.args.note" in event.get("text", "") for event in read_events(run.events_file))


def test_bad_arguments_are_bad_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "experiments.uploader", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_a_broken_database_is_one_sentence(tmp_path: Path, uri: str) -> None:
    run = make.make_run(tmp_path / "runs", uri)
    make.end_run(run)
    (tmp_path / "store" / "mlflow.db").write_bytes(b"this is no database " * 100)
    assert upload_now(run, uri) == 1
    assert run.read_info()["upload"] == "unreachable"


def test_sync_uploads_what_is_left_and_leaves_living_runs_alone(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments.__main__ import main

    monkeypatch.setenv("RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    before = signal.getsignal(signal.SIGTERM)
    living, untracked, *ended = (
        make.make_run(tmp_path / "runs", uri, track=track) for track in ("true", "false") + ("true",) * 2
    )
    points = sum(make.write_metrics(run, range(4)) for run in ended)
    for run in (untracked, *ended):
        make.end_run(run)
    try:
        assert main(["sync"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    told = capsys.readouterr()
    assert make.count_points(uri) == points and told.out == ""
    assert f"{living.run_id}: still runs" in told.err and "[4/4]" in told.err and " s left" in told.err
    assert [run.read_info()["upload"] for run in (living, untracked, *ended)] == ["pending", "off", "done", "done"]


def test_a_run_deleted_while_it_trains_ends_its_upload(tmp_path: Path, uri: str) -> None:
    from experiments.mlflow_store import open_client

    run = make.make_run(tmp_path / "runs", uri)
    make.write_metrics(run, range(2))
    codes: list[int] = []
    uploading = threading.Thread(target=lambda: codes.append(upload(run, uri, threading.Event())), daemon=True)
    uploading.start()
    wait_until(lambda: make.count_points(uri) == 4)
    open_client(uri).delete_run(run.read_info()["mlflow_run_id"])
    make.write_metrics(run, range(2, 4))
    uploading.join(60)
    assert codes == [1] and run.read_info()["upload"] == "off"
