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
from PIL import Image

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
    """A store with crack (final better, 2 seeds, all arms), rust (baseline only), and runs that do not count."""
    folder = tmp_path_factory.mktemp("study")
    uri = make.copy_store(template, folder / "store")
    numbers = random.Random(0)
    base = [numbers.uniform(0.3, 0.6) for _ in range(40)]

    def finish(stage: str, gain: float, *, status: str = "finished", code: int = 0, **details: object) -> None:
        run = make.make_run(folder / "runs", uri, stage=stage, **details)
        values = [float("nan"), *(value + gain + numbers.gauss(0, 0.02) for value in base)]
        steps = 100 * details.get("epochs", 10) // 10
        make.write_results(run, values, alarm=stage == "baseline", total_steps=steps)
        if stage in ("baseline", "final") and "class_label" not in details:
            make.write_pictures(run, folder, len(values), reach=6 if stage == "baseline" else 2)
        make.end_run(run, status, code)
        assert upload(run, uri, threading.Event(), grace=0) == 0

    for seed in range(2):
        finish("baseline", 0.0, seed=seed)
        finish("final", 0.1, seed=seed)
        finish("equal_budget", 0.04, seed=seed, epochs=25)
        finish("full_masks", 0.12, seed=seed)
    finish("final", 0.3, seed=0, status="failed", code=1)
    finish("baseline", 0.0, defect_class="rust", class_label="Ржавчина")
    finish("baseline", 0.0, defect_class="scratch", experiment_name="Other")
    for stage, gain in (("baseline", 0.0), ("final", 0.1)):
        sets = {"sample_crack_EVAL": "f1", "sample_rust_EVAL": "f2"}
        dataset = "sample_{defect_class}_EVAL"
        run = make.make_run(
            folder / "runs", uri, stage=stage, several="crack, rust", dataset=dataset, experiment_name="Both"
        )
        run.update(datasets={"test": {"fingerprint": "together", "fingerprints": sets}})
        for index, name in enumerate(("crack", "rust")):
            values = [value + gain * (1 - index) + numbers.gauss(0, 0.02) for value in base]
            make.write_results(run, values, several=name)
        make.end_run(run)
        assert upload(run, uri, threading.Event(), grace=0) == 0
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
    assert len(runs) == 14 and [run.ended for run in runs] == sorted((run.ended for run in runs), reverse=True)
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
    done = compare(study, "--experiment-name", "Study")
    assert done.returncode == 0, done.stderr
    parts = [line for line in done.stdout.splitlines() if line.startswith("crack")]
    main, equal_budget, full_masks, power, chosen = parts
    assert "▲" in main and main.rstrip().endswith("better") and equal_budget.rstrip().endswith("better")
    assert full_masks.count("%") == 2 and ">99 %" in power
    assert chosen.split() == ["crack", *["7", "7", "0.5000", "0.4000"] * 2]
    assert "optimizer steps" not in done.stderr, "the equal budget was larger"
    assert "rust: no finished final run yet" in done.stderr and "\x1b" not in done.stdout


def test_compare_as_json_csv_and_file(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    done = compare(study, "--json", "--class", "crack", "--experiment-name", "Study")
    [row] = json.loads(done.stdout)
    assert row["seeds"] == [0, 1] and row["n_images"] == 40 and row["verdict"] == "better"
    assert 8 < row["increase_pp"] < 12 and row["ci_low"] < row["increase"] < row["ci_high"] and row["p_value"] < 0.01
    assert 0.03 < row["over_equal_budget"] < 0.09 and row["over_equal_budget_verdict"] == "better"
    assert row["gap_closed_ci_low"] < row["gap_closed"] < row["gap_closed_ci_high"] and 0.6 < row["gap_closed"] < 1.1
    assert row["seed_sd_difference"] > 0 and row["final_best_epochs"] == [7, 7]
    file = tmp_path / "table.csv"
    done = compare(study, "--experiment-name", "Study", "--format", "csv", "--output", str(file), "--metric", "dice")
    assert done.returncode == 0 and done.stdout == ""
    [line] = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    assert line["baseline_runs"].split() == row["baseline_runs"] and float(line["final"]) > float(line["baseline"])


def test_a_network_of_several_classes_has_a_row_for_each(compare: Callable[..., Done], study: str) -> None:
    rows = json.loads(compare(study, "--json", "--experiment-name", "Both").stdout)
    assert [(row["class"], row["kind"], row["verdict"]) for row in rows] == [
        ("crack", "class", "better"),
        ("rust", "class", "no evidence"),
        ("mean over classes", "mean", "better"),
    ]
    assert rows[2]["increase"] == pytest.approx((rows[0]["increase"] + rows[1]["increase"]) / 2)
    assert rows[0]["final_runs"] == rows[1]["final_runs"]
    [crack] = [run for run in TrackingReader(study).finished_runs("Both") if run.stage == "final"][:1]
    assert (crack.dataset, crack.test_fingerprint) == (f"sample_{crack.defect_class}_EVAL", crack.test_fingerprint)
    chosen = json.loads(compare(study, "--json", "--experiment-name", "Both", "--final", crack.run_id).stdout)
    assert [row["class"] for row in chosen] == ["crack", "rust", "mean over classes"]


def test_every_metric_of_its_own_and_fewer_false_alarms_are_better(compare: Callable[..., Done], study: str) -> None:
    done = compare(study, "--json", "--all-metrics", "--experiment-name", "Study")
    rows = {row["metric"]: row for row in json.loads(done.stdout)}
    # the tables of this store know nothing of specificity, nor does MLflow
    assert list(rows) == ["iou", "dice", "precision", "recall", "false_alarms"]
    assert "no test/specificity" in done.stderr
    alarms = rows["false_alarms"]
    assert (alarms["baseline"], alarms["final"], alarms["n_images"]) == (1, 0, 1)


def test_chart_and_pictures_from_mlflow_alone(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    chart, folder = tmp_path / "new" / "chart.png", tmp_path / "pictures"
    done = compare(study, "--experiment-name", "Study", "--chart", str(chart), "--pictures", str(folder), "--top", "2")
    assert done.returncode == 0, done.stderr
    with Image.open(chart) as picture:
        assert picture.format == "PNG" and picture.width > 800
    assert [path.name for path in sorted(folder.iterdir())] == ["crack_gained.png", "crack_worst.png"], "none has lost"
    with Image.open(folder / "crack_gained.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(maxcolors=1 << 20)}
    hand, baseline, final = ((215, 255, 62), (230, 159, 0), (0, 114, 178))
    assert {hand, baseline, final} <= colours
    # runs that kept no pictures are told, and the table is there all the same
    done = compare(study, "--experiment-name", "Both", "--pictures", str(folder), "--chart", str(chart))
    assert done.returncode == 0 and "kept none of its test pictures" in done.stderr
    assert compare(study, "--chart", "chart.pdf").returncode == 2


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
