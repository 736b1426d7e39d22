"""Notes, tags and the archive, side by side and files: on disk, in MLflow, and of runs that only MLflow knows."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from small_workshop import Workshop
from waiting import wait_until

from experiments.mlflow_runs import FILE, MlflowRuns
from experiments.note_sender import main as send_notes
from experiments.notes import Notes, change_notes, read_notes
from experiments.pairing import pair_runs
from experiments.runs import find_run, latest_finished, list_runs, view
from experiments.tracking import TrackedRun
from experiments.uploader import upload
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory
from tests.experiments import tracking_fixtures as make


def test_notes_are_kept_and_changed_bit_by_bit(workshop: Workshop) -> None:
    directory = workshop.write_run("20260101-000000-tiny-0001", exit_code=0)
    assert read_notes(directory) == Notes()
    change_notes(directory, text=" good ", add=["best", "paper/2", "best"])
    change_notes(directory, add=["late"], remove=["paper/2", "never"])
    assert change_notes(directory, archived=True) == Notes("good", ("best", "late"), True) == read_notes(directory)
    run = view(directory)
    assert (run.note, run.tags, run.archived) == ("good", ("best", "late"), True)
    for tag in ("two words", "", "a,b", "x" * 61):
        with pytest.raises(BadInput, match="one word"):
            change_notes(directory, add=[tag])
    with pytest.raises(BadInput, match="shorten"):
        change_notes(directory, text="x" * 5000)
    assert read_notes(directory) == Notes("good", ("best", "late"), True)
    directory.notes_file.write_text('{"note": 3, "tags": "a"', encoding="utf-8")
    assert read_notes(directory) == Notes()


def test_an_archived_run_is_not_chosen_by_itself(workshop: Workshop) -> None:
    for number in range(3):
        info = {"stage": "baseline", "defect_class": "crack", "created": float(number)}
        workshop.write_run(f"20260101-00000{number}-tiny-000{number}", exit_code=0, **info)
    settings, newest = workshop.settings, "20260101-000002-tiny-0002"
    assert find_run(settings, "latest").run_id == newest == latest_finished(settings, stage="baseline").run_id
    change_notes(find_run(settings, newest), archived=True)
    assert find_run(settings, "latest").run_id == latest_finished(settings, stage="baseline").run_id != newest
    assert find_run(settings, newest).run_id == newest and newest in {run.run_id for run in list_runs(settings)}


def test_the_comparison_takes_an_archived_run_only_by_name() -> None:
    def run(name: str, stage: str, **changes: object) -> TrackedRun:
        return TrackedRun(f"m{name}", name, stage, "crack", "EVAL", 0, "f1", 100, float(len(name)), **changes)

    runs = [run("old", "baseline"), run("newer", "baseline", archived=True), run("final", "final")]
    (pairing,), _ = pair_runs(runs)
    assert [each.run_id for each in pairing.baselines] == ["old"]
    (pairing,), _ = pair_runs(runs, baseline=["newer"])
    assert [each.run_id for each in pairing.baselines] == ["newer"]


@pytest.mark.slow
def test_the_command_line_notes_archives_filters_and_sorts(workshop: Workshop) -> None:
    for number, iou in enumerate((0.2, 0.9, 0.5)):
        events = json.dumps({"time": 1, "kind": "metrics", "epoch": 2, "values": {"val/iou": iou}}) + "\n"
        directory = workshop.write_run(f"2026010{number}-000000-tiny-000{number}", exit_code=0, events=events)
        directory.config_file.write_text(f"seed: {number}\nmodel:\n  name: UNet\n", encoding="utf-8")
    first, second, third = (run.run_id for run in reversed(list_runs(workshop.settings)))

    def listed(*arguments: str) -> list[str]:
        return [run["run_id"] for run in json.loads(workshop.command("runs", "--json", *arguments).stdout)]

    assert workshop.command("note", first, "--text", "слабый", "--tag", "weak").returncode == 0
    shown = json.loads(workshop.command("note", "20260100", "--json").stdout)
    assert shown == {"run_id": first, "note": "слабый", "tags": ["weak"], "archived": False}
    assert listed("--filter", "tag:weak OR val>0.8", "--sort", "val") == [second, first]
    assert listed("--sort=-val") == [first, third, second] and listed("--filter", "seed>=1") == [third, second]
    assert workshop.command("archive", second, third).returncode == 0
    assert listed() == [first] and listed("--filter", "is:archived") == [third, second]
    assert workshop.command("unarchive", second).returncode == 0
    assert listed() == [second, first]

    table = json.loads(workshop.command("diff-runs", first, second, "--json").stdout)
    rows = {row["key"]: row["values"] for row in table["rows"]}
    assert table["runs"] == [first, second] and table["alike"] == 1 and "model.name" not in rows
    assert (
        rows["seed"] == ["0", "1"]
        and rows["best val IoU"] == ["0.2000", "0.9000"]
        and rows["epoch of best"] == ["2", "2"]
    )
    assert "| seed | 0 | 1 |" in workshop.command("diff-runs", first, second, "--format", "markdown").stdout
    assert "seed,0,1" in workshop.command("diff-runs", first, second, "--format", "csv").stdout.splitlines()

    files = {each["name"]: each for each in json.loads(workshop.command("artifacts", first, "--json").stdout)}
    assert files["config.yaml"]["size"] == 28 and "notes.json" in files and not any(name[0] == "." for name in files)
    found = workshop.command("artifacts", first, "--get", "config.yaml").stdout.strip()
    assert Path(found).read_text(encoding="utf-8").startswith("seed: 0")

    for arguments, said in {
        ("note", first, "--tag", "two words"): "one word",
        ("runs", "--filter", "iou>"): "character 5",
        ("runs", "--sort", "clas"): "did you mean 'class'",
        ("archive", "nothing"): "no run 'nothing'",
        ("diff-runs", first): "two runs or more",
        ("artifacts", first, "--get", "config.yam"): "did you mean 'config.yaml'",
    }.items():
        refused = workshop.command(*arguments)
        assert refused.returncode == 2 and said in refused.stderr and len(refused.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def tracked(workshop: Workshop, template: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A run that MLflow has in full."""
    from dataclasses import replace

    uri = make.copy_store(template, workshop.root / "store")
    object.__setattr__(workshop, "settings", replace(workshop.settings, tracking_uri=uri))
    for key, value in workshop.environment.items():
        if key in ("RUNS_DIR", "MLFLOW_TRACKING_URI"):
            monkeypatch.setenv(key, value)
    run = make.make_run(workshop.settings.runs_dir, uri, stage="final", seed=5)
    make.write_metrics(run, range(3))
    make.write_results(run, [0.5, 0.7])
    make.end_run(run)
    assert upload(run, uri, threading.Event(), grace=0) == 0
    return run


def mlflow_tags(uri: str) -> dict[str, str]:
    return dict(make.query(uri, "select key, value from tags"))


@pytest.mark.slow
def test_mlflow_hears_what_is_said_and_knows_runs_that_are_not_here(workshop: Workshop, tracked: RunDirectory) -> None:
    settings, uri = workshop.settings, workshop.settings.tracking_uri
    assert "note" not in mlflow_tags(uri)
    assert workshop.command("note", tracked.run_id, "--text", "keep", "--tag", "best").returncode == 0
    wait_until(lambda: mlflow_tags(uri).get("note") == "keep")
    assert mlflow_tags(uri)["tags"] == "best"

    reader = MlflowRuns(settings)
    assert reader.look({tracked.run_id}).runs == []
    shutil.rmtree(tracked.path)  # as on another machine
    elsewhere = reader.look(())
    (run,) = elsewhere.runs
    assert reader.look(()).runs is elsewhere.runs and elsewhere.problem is None
    assert (run.run_id, run.status, run.stage, run.defect_class) == (tracked.run_id, "finished", "final", "crack")
    assert (run.test["iou"], run.note, run.tags, run.elsewhere) == (0.6, "keep", ("best",), True)
    assert run.best_iou == 0.5 and run.last["val/iou"] == 0.4

    def listed(*arguments: str) -> list[dict[str, object]]:
        return json.loads(workshop.command("runs", "--json", *arguments).stdout)

    (record,) = listed("--filter", "is:mlflow seed=5 model:UNet tag:best iou>0.5")
    assert record["run_id"] == tracked.run_id and record["elsewhere"] is True
    assert listed("--here") == [] and listed("--filter", "seed=6") == []
    files = json.loads(workshop.command("artifacts", tracked.run_id, "--json").stdout)
    assert {"results/per_image.csv", "config.yaml"} <= {each["name"] for each in files}
    assert workshop.command("archive", tracked.run_id).returncode == 0
    assert mlflow_tags(uri)["archived"] == "true" and listed() == []


@pytest.mark.slow
def test_what_mlflow_could_not_be_told_is_told_by_sync(workshop: Workshop, tracked: RunDirectory) -> None:
    uri = workshop.settings.tracking_uri
    store = Path(uri.removeprefix("sqlite:///"))
    hidden = store.with_suffix(".away")
    change_notes(tracked, text="later")
    os.replace(store, hidden)
    store.mkdir()  # what cannot be opened as a database
    assert send_notes([str(tracked.path)]) == 1
    store.rmdir()
    os.replace(hidden, store)
    assert "note" not in mlflow_tags(uri)
    done = workshop.command("sync")
    assert done.returncode == 0 and mlflow_tags(uri)["note"] == "later"
    assert "everything is uploaded" in workshop.command("sync").stderr


@pytest.mark.slow
def test_a_server_is_asked_by_another_process_and_its_last_answer_stays(
    workshop: Workshop, tracked: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of a layout that is not known is read through MLflow: here, one that has lost a table that is not needed
    by MLflow's own search."""
    from dataclasses import replace

    settings = workshop.settings
    monkeypatch.setattr("experiments.mlflow_runs.NEEDED", {"runs": {"a column of the future"}})
    shutil.rmtree(tracked.path)
    answer = MlflowRuns(settings).look(())
    assert answer.problem is None and [run.run_id for run in answer.runs] == [tracked.run_id]
    assert answer.runs[0].test["iou"] == 0.6 and (settings.runs_dir / FILE).is_file()

    nowhere = replace(settings, tracking_uri="http://127.0.0.1:9")
    kept = json.loads((settings.runs_dir / FILE).read_text(encoding="utf-8"))
    (settings.runs_dir / FILE).write_text(json.dumps({**kept, "uri": "http://127.0.0.1:9"}), encoding="utf-8")
    stale = MlflowRuns(nowhere).look((), thorough=True)
    assert [run.run_id for run in stale.runs] == [tracked.run_id] and stale.read == kept["time"]
    assert stale.problem == "the tracking store http://127.0.0.1:9 does not answer (connection refused)"
