"""From finished runs in a real store to the comparison, as a person on another machine reads it."""

import csv
import io
import json
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.tracking import TrackingReader, read_scores, read_table
from experiments.uploader import upload
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT
from tests.experiments import tracking_fixtures as make


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def study(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with crack (final better, 2 seeds), rust (baseline only), and runs that do not count."""
    folder = tmp_path_factory.mktemp("study")
    uri = make.copy_store(template, folder / "store")
    numbers = random.Random(0)
    base = [numbers.uniform(0.3, 0.6) for _ in range(40)]

    def finish(stage: str, gain: float, *, status: str = "finished", code: int = 0, **details: object) -> None:
        run = make.make_run(folder / "runs", uri, stage=stage, **details)
        make.write_results(run, [float("nan"), *(value + gain + numbers.gauss(0, 0.02) for value in base)])
        make.end_run(run, status, code)
        assert upload(run, uri, threading.Event(), grace=0) == 0

    for seed in range(2):
        finish("baseline", 0.0, seed=seed)
        finish("final", 0.1, seed=seed)
    finish("final", 0.3, seed=0, status="failed", code=1)
    finish("baseline", 0.0, defect_class="rust", class_label="Ржавчина")
    finish("baseline", 0.0, defect_class="scratch", experiment_name="Other")
    shutil.rmtree(folder / "runs")
    return uri


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run the command where there is nothing but the tracking URI."""

    def run(uri: str, *arguments: str) -> Done:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("RUNS_DIR", "/nonexistent")
        capsys.readouterr()
        code = main(["compare", *arguments])
        return Done(code, *capsys.readouterr())

    return run


def test_reads_finished_runs_with_their_tags(study: str) -> None:
    reader = TrackingReader(study)
    runs = reader.finished_runs()
    assert len(runs) == 6 and [run.ended for run in runs] == sorted((run.ended for run in runs), reverse=True)
    final = next(run for run in runs if run.stage == "final" and run.seed == 1)
    assert (final.defect_class, final.dataset, final.test_fingerprint, final.total_steps) == (
        "crack",
        "sample_EVAL",
        "f1",
        100,
    )
    assert 0.4 < final.test["iou"] < 0.7
    table = reader.per_image(final, "dice")
    assert len(table) == 41 and table[0].value != table[0].value and table[1].group == "g1"
    assert reader.per_image(final, "no such column") is None
    assert {run.defect_class for run in reader.finished_runs("Other")} == {"scratch"}
    with pytest.raises(BadInput, match="did you mean 'Study'"):
        reader.finished_runs("Studi")


def test_compare_prints_the_table_and_its_notes(compare: Callable[..., Done], study: str) -> None:
    done = compare(study)
    assert done.returncode == 0, done.stderr
    line, power = [line for line in done.stdout.splitlines() if line.startswith("crack")]
    assert "▲" in line and line.rstrip().endswith("better") and ">99 %" in power
    assert "rust: no finished final run yet" in done.stderr and "\x1b" not in done.stdout


def test_compare_as_json_csv_and_file(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    done = compare(study, "--json", "--class", "crack")
    [row] = json.loads(done.stdout)
    assert row["seeds"] == [0, 1] and row["n_images"] == 40 and row["verdict"] == "better"
    assert 8 < row["increase_pp"] < 12 and row["ci_low"] < row["increase"] < row["ci_high"] and row["p_value"] < 0.01
    file = tmp_path / "table.csv"
    done = compare(study, "--format", "csv", "--output", str(file), "--metric", "dice")
    assert done.returncode == 0 and done.stdout == ""
    [line] = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    assert line["baseline_runs"].split() == row["baseline_runs"] and float(line["final"]) > float(line["baseline"])


def test_a_lost_artifact_is_a_row_without_interval(
    compare: Callable[..., Done], study: str, template: Path, tmp_path: Path
) -> None:
    uri = make.copy_store(template, tmp_path / "store")
    for stage in ("baseline", "final"):
        run = make.make_run(tmp_path / "runs", uri, stage=stage)
        make.write_results(run, [0.5, 0.6])
        make.end_run(run)
        assert upload(run, uri, threading.Event(), grace=0) == 0
    [lost] = (tmp_path / "store" / "mlartifacts" / run.read_info()["mlflow_run_id"]).rglob("per_image.csv")
    lost.unlink()
    done = compare(uri, "--json")
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)
    assert row["final"] == pytest.approx(0.55) and row["ci_low"] is None
    assert f"no per-image iou of {run.run_id}" in done.stderr


def test_an_empty_store_is_no_mistake(compare: Callable[..., Done], template: Path, tmp_path: Path) -> None:
    for uri in (make.copy_store(template, tmp_path / "store"), f"sqlite:///{tmp_path.as_posix()}/none.db"):
        done = compare(uri, "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, [])
        assert "launch baseline" in done.stderr
    assert not (tmp_path / "none.db").exists(), "reading creates no store"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--class", "crak"), 2), (("--final", "nobody"), 2), (("--format", "pdf"), 2), (("--experiment-name", "X"), 2)],
)
def test_bad_input_is_one_sentence(
    compare: Callable[..., Done], study: str, arguments: tuple[str, ...], code: int
) -> None:
    done = compare(study, *arguments)
    assert (done.returncode, done.stdout) == (code, "") and "Traceback" not in done.stderr


def test_a_server_that_is_away_is_one_sentence(compare: Callable[..., Done]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{probe.getsockname()[1]}"
    done = compare(uri)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1 and uri in done.stderr


def test_the_command_is_cheap_to_import() -> None:
    code = "import experiments.commands.compare, experiments.commands.sync, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"mlflow", "torch", "numpy", "scipy", "pydantic", "pandas"} & set(loaded)


@pytest.mark.parametrize("text", ["", "file,iou\n", "file,dice\na.png,0.5\n", "file,iou\na.png,half\n", "\x00\x01"])
def test_a_table_that_cannot_be_read_counts_as_missing(tmp_path: Path, text: str) -> None:
    (tmp_path / "per_image.csv").write_text(text)
    table = read_table(tmp_path / "per_image.csv")
    assert not table or read_scores(table, "iou") is None
