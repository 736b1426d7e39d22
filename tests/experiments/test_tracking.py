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
from xml.etree import ElementTree

import pytest
from PIL import Image

from experiments.__main__ import main
from experiments.picture_archives import Archives, PairPictures
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
    assert full_masks.count("%") == 3 and ">99 %" in power
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
    assert row["gap_closed_at_equal_budget"] < row["gap_closed"], "longer training closes a part as well"
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


@pytest.mark.slow
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


def test_a_report_is_read_again_without_the_store(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    report, page, images = tmp_path / "r.json", tmp_path / "page.html", tmp_path / "images"
    arguments = ("--experiment-name", "Study", "--all-metrics", "--format", "report", "--images", str(images))
    done = compare(study, *arguments, "-o", str(report))
    assert done.returncode == 0, done.stderr
    value = json.loads(report.read_text(encoding="utf-8"))
    assert {run["stage"] for run in value["runs"]} == {"baseline", "final", "equal_budget", "full_masks"}
    assert {note["metric"] for note in value["notes"]} >= {None, "specificity"}
    nowhere = "http://127.0.0.1:9"
    done = compare(nowhere, "--read", str(report), "--metric", "dice", "--format", "csv")
    assert done.returncode == 0 and "specificity" not in done.stderr
    [line] = csv.DictReader(io.StringIO(done.stdout))
    assert line["metric"] == "dice"
    assert compare(nowhere, "--read", str(report), "--format", "html", "-o", str(page)).returncode == 0
    root = ElementTree.fromstring(page.read_text(encoding="utf-8"))
    text = " ".join(root.itertext())
    assert "What weakens this table" in text and line["baseline_runs"].split()[0] in text
    [image] = root.iter("{http://www.w3.org/1999/xhtml}img")
    assert image.get("src", "").startswith("data:image/png;base64,")
    assert len(json.loads((images / "crack-iou.json").read_text())["images"]) == 40
    done = compare(nowhere, "--read", str(report), "--metric", "specificity")
    assert done.returncode == 2 and "none of specificity" in done.stderr
    assert compare(nowhere, "--read", str(report), "--class", "crack").returncode == 2
    (tmp_path / "other.json").write_text("[1]")
    done = compare(nowhere, "--read", str(tmp_path / "other.json"))
    assert done.returncode == 2 and "holds no comparison" in done.stderr


def test_a_class_picture_by_picture(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    one = ("--experiment-name", "Study", "--per-image", "crack")
    done = compare(study, *one, "--json", "--archives", str(tmp_path / "kept"), "--sort", "lost")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    changes = [image["change"] for image in found["images"]]
    assert len(changes) == 40 and changes == sorted(changes)
    image = found["images"][0]
    assert image["baseline"] == pytest.approx(sum(image["baseline_by_seed"].values()) / 2)
    assert image["change"] == pytest.approx(image["final"] - image["baseline"]) and image["group"].startswith("g")
    archives = found["archives"]
    assert archives["problems"] == [] and archives["baseline"]["seed"] == archives["final"]["seed"] == 0
    before = {path: path.stat().st_ino for path in (tmp_path / "kept").iterdir()}
    assert {archives[side]["path"] for side in ("baseline", "final")} == set(map(str, before))
    compare(study, *one, "--json", "--archives", str(tmp_path / "kept"))
    assert {path: path.stat().st_ino for path in (tmp_path / "kept").iterdir()} == before, "fetched once"
    picture = PairPictures(Archives.from_record(archives)).read("5.png")
    assert picture.truth.sum() == 256 and picture.baseline.sum() == 16 * 22 and picture.final.sum() == 16 * 18
    done = compare(study, *one, "--format", "csv", "--sort", "name")
    assert [row["file"] for row in csv.DictReader(io.StringIO(done.stdout))][:3] == ["1.png", "10.png", "11.png"]
    assert compare(study, *one, "--format", "latex").returncode == 2
    done = compare(study, "--experiment-name", "Study", "--per-image", "rust")
    assert done.returncode == 2 and "no finished final run yet" in done.stderr


def test_pictures_that_a_side_did_not_keep(compare: Callable[..., Done], study: str, tmp_path: Path) -> None:
    one = ("--experiment-name", "Both", "--per-image", "crack", "--archives", str(tmp_path))
    archives = Archives.from_record(json.loads(compare(study, *one, "--json").stdout)["archives"])
    assert archives.paths == (None, None) and "kept none of its test pictures" in archives.problems[0]
    with pytest.raises(ValueError, match="kept none of its test pictures"):
        PairPictures(archives).read("1.png")


def test_the_runs_that_can_be_compared(compare: Callable[..., Done], study: str) -> None:
    runs = json.loads(compare(study, "--runs", "--json").stdout)
    both = [run for run in runs if len(run["tests"]) == 2]
    assert len(runs) == 12 and {run["stage"] for run in both} == {"baseline", "final"}
    assert both[0]["tests"]["crack"].startswith("sample_crack_EVAL f1")
    assert "equal_budget" in compare(study, "--runs").stdout


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
