"""The datasets as the manager sees them: what kind, from where, how many, how sound; audits that outlive us."""

import json
import os
import sys
from pathlib import Path

import pytest
from waiting import wait_until

from experiments import dataset_jobs
from experiments.dataset_jobs import last_job, start_job, stop_job
from experiments.dataset_reports import report_file
from experiments.datasets import DatasetView, find_dataset, health_text, kind_text, list_datasets
from experiments.pictures import read_pictures
from pipeseg.errors import BadInput

BOXES = "filename,defect_class,x_min,y_min,x_max,y_max\n"
VIA = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
TRIANGLE = '"{""name"": ""polygon"", ""all_points_x"": [4, 40, 4], ""all_points_y"": [4, 4, 40]}"'


def region(name: str, key: str) -> str:
    return f'{name},0,{{}},1,0,{TRIANGLE},"{{""defect_class"": ""{key}""}}"\n'


@pytest.fixture
def pipes(own_tiny):
    """A source of four pictures with two classes, the sets made from it, a hybrid one, and a stranger."""
    source = own_tiny.add_dataset(
        "pipes",
        range(4),
        classes={"deposition": "Отложения", "obstacle": "Препятствие"},
        problems=[{"file": "p000.png", "reason": "a box was outside"}],
    )
    (source / "boxes.csv").write_text(
        BOXES + "p000.png,deposition,1,2,30,40\np000.png,deposition,5,5,9,9\np001.png,obstacle,0,0,64,64\n"
    )
    (source / "labels.csv").write_text(VIA + region("p000.png", "deposition") + "p001.png,0,{},0,0,{},{}\n")
    made = {"source": "pipes", "defect_class": "deposition", "class_label": "Отложения", "seed": 3}
    splits = {"train": ["p000.png"], "validation": ["p001.png"], "test": ["p002.png"]}
    for ending, part, indices in (
        ("BASELINE", "train", range(1)),
        ("BASELINE_VAL", "validation", range(1, 2)),
        ("EVAL", "test", range(2, 3)),
    ):
        own_tiny.add_dataset(f"pipes_deposition_{ending}", indices, set=part, splits=splits, **made)
    own_tiny.add_dataset("pipes_deposition_H1", range(3), set="train", parameters={"refiner": {"name": "x"}}, **made)
    own_tiny.add_dataset("another", range(1))
    return own_tiny


def views(tiny) -> dict[str, DatasetView]:
    return {view.name: view for view in list_datasets(tiny.settings)}


def test_derived_sets_follow_the_dataset_that_they_were_made_from(pipes):
    listed = [(view.name.removeprefix("pipes_deposition_"), view.depth) for view in list_datasets(pipes.settings)]
    sets = [("BASELINE", 1), ("BASELINE_VAL", 1), ("EVAL", 1), ("H1", 1)]
    assert listed == [("another", 0), ("pipes", 0), *sets]


def test_every_kind_is_told(pipes):
    kinds = {name.removeprefix("pipes_deposition_"): kind_text(view) for name, view in views(pipes).items()}
    assert kinds == {
        "pipes": "source",
        "BASELINE": "train",
        "BASELINE_VAL": "val",
        "EVAL": "test",
        "H1": "hybrid train",
        "another": "unknown",
    }


def test_the_name_tells_the_kind_where_the_file_does_not(own_tiny):
    for name in ("x_BASELINE", "x_EVAL", "x_H2_VAL"):
        own_tiny.add_dataset(name, range(1))
    assert {name: kind_text(view) for name, view in views(own_tiny).items()} == {
        "x_BASELINE": "train",
        "x_EVAL": "test",
        "x_H2_VAL": "hybrid val",
    }


def test_counts_come_from_the_tables(pipes):
    view = views(pipes)["pipes"]
    assert (view.pictures, view.hand_labelled, view.groups) == (4, 2, 4)
    assert view.classes == {"deposition": "Отложения", "obstacle": "Препятствие"}
    assert view.class_counts == {"deposition": 1, "obstacle": 1}
    assert view.box_counts == {"deposition": 2, "obstacle": 1}
    assert view.hand_counts == {"deposition": 1}
    assert view.problems == (("p000.png", "a box was outside"),)


def test_a_set_tells_its_split_seed_and_class(pipes):
    view = views(pipes)["pipes_deposition_EVAL"]
    assert (view.splits, view.seed) == ({"train": 1, "validation": 1, "test": 1}, 3)
    assert view.classes == {"deposition": "Отложения"}


def test_a_picture_that_is_added_is_seen(pipes):
    assert views(pipes)["pipes"].pictures == 4
    folder = pipes.settings.datasets_dir / "pipes" / "images"
    (folder / "new.PNG").write_bytes(b"")
    (folder / "notes.txt").touch()
    (folder / "._new.PNG").touch()
    os.utime(folder, ns=(1, 1))
    assert views(pipes)["pipes"].pictures == 5


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "images").rename(folder / "pictures"), "holds no images/ folder"),
        (lambda folder: [file.unlink() for file in (folder / "images").iterdir()], "holds no picture"),
        (lambda folder: (folder / "dataset.json").write_text("{half"), "is not a JSON object"),
        (lambda folder: (folder / "dataset.json").write_text("[1]"), "is not a JSON object"),
    ],
)
def test_a_broken_dataset_is_listed_with_one_sentence(own_tiny, spoil, said):
    folder = own_tiny.add_dataset("spoiled", range(2))
    spoil(folder)
    view = views(own_tiny)["spoiled"]
    assert view.health == "broken" and health_text(view) == "✗ broken"
    assert said in view.problem and "spoiled" in view.problem and "\n" not in view.problem


def test_what_is_of_an_odd_type_is_not_taken(own_tiny):
    odd = {"groups": [1], "splits": {"train": 3}, "seed": "x", "classes": 5, "class_counts": {"a": "b"}}
    own_tiny.add_dataset("odd", range(1), problems=[7], **odd)
    view = views(own_tiny)["odd"]
    assert (view.groups, view.splits, view.seed, view.classes, view.class_counts) == (None, {}, None, {}, {})
    assert view.problems == (("", "7"),) and view.problem is None


def test_hidden_folders_and_files_are_no_datasets(pipes):
    (pipes.settings.datasets_dir / ".pipes.partial-1").mkdir()
    (pipes.settings.datasets_dir / "notes.txt").touch()
    assert len(views(pipes)) == 6


def test_a_wrong_name_is_told_with_the_closest(pipes):
    with pytest.raises(BadInput, match="did you mean 'pipes'"):
        find_dataset(pipes.settings, "pips")
    with pytest.raises(BadInput, match="no dataset"):
        find_dataset(pipes.settings, "../datasets/pipes")


# -- reports ---------------------------------------------------------------------------------------------------------


def write_report(tiny, name: str, **values) -> Path:
    path = report_file(tiny.settings, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"duplicate_groups": [], "suspect_boxes": [], "unreadable": [], **values}))
    return path


REPORT = {
    "duplicate_groups": [["p000.png", "p001.png"]],
    "suspect_boxes": [{"file": "p000.png", "defect_class": "deposition", "box": [1, 2, 30, 40], "reason": "empty: x"}],
    "unreadable": [{"file": "p003.png", "reason": "truncated"}],
    "conflicts": [{"first": "p000.png", "second": "p001.png", "kind": "classes", "reason": "other classes"}],
    "notes": [{"file": "p002.png", "kind": "size", "reason": "odd size"}],
    "class_counts": {"deposition": 1},
    "a key of tomorrow": 1,
}


def test_a_report_tells_the_health(pipes):
    assert health_text(views(pipes)["pipes"]) == "○ not audited"
    write_report(pipes, "pipes", **REPORT)
    view = views(pipes)["pipes"]
    assert health_text(view) == "! 3 suspects"
    assert [view.report.count(kind) for kind in ("suspect", "conflict", "unreadable", "duplicate")] == [1, 1, 1, 1]
    assert view.report.notes == ("p002.png: odd size",)
    write_report(pipes, "pipes", duplicate_groups=[["p000.png", "p001.png"]])
    assert health_text(views(pipes)["pipes"]) == "✓ ok"  # copies are no mistake


def test_a_report_is_stale_once_the_dataset_has_changed(pipes):
    path = write_report(pipes, "pipes")
    later = path.stat().st_mtime + 10
    assert not views(pipes)["pipes"].report.stale
    os.utime(pipes.settings.datasets_dir / "pipes" / "boxes.csv", (later, later))
    assert health_text(views(pipes)["pipes"]) == "✓ ok, stale"
    os.utime(path, (later + 1, later + 1))
    assert health_text(views(pipes)["pipes"]) == "✓ ok"


def test_a_damaged_report_is_none(pipes):
    write_report(pipes, "pipes").write_text("{half")
    assert views(pipes)["pipes"].report is None


def test_the_audit_counts_the_classes_that_no_table_of_ours_names(own_tiny):
    own_tiny.add_dataset("raw", range(2))
    write_report(own_tiny, "raw", class_counts={"crack": 2}, box_counts={"crack": 5})
    view = views(own_tiny)["raw"]
    assert (view.class_counts, view.box_counts, list(view.classes)) == ({"crack": 2}, {"crack": 5}, ["crack"])


# -- pictures --------------------------------------------------------------------------------------------------------


def test_pictures_know_boxes_polygons_copies_and_findings(pipes):
    write_report(pipes, "pipes", **REPORT)
    pictures = read_pictures(pipes.settings, "pipes")
    first = pictures.facts("p000.png")
    assert first.boxes == (("deposition", (1.0, 2.0, 30.0, 40.0)), ("deposition", (5.0, 5.0, 9.0, 9.0)))
    assert first.regions == (("deposition", ((4.0, 4.0), (40.0, 4.0), (4.0, 40.0))),)
    assert [suspect for _, _, suspect in first.drawn_boxes] == [True, False]
    assert first.mask and first.mask.name == "p000.png"
    assert {finding.kind for finding in first.findings} == {"suspect", "conflict", "duplicate"}
    assert pictures.copies("p001.png") == ("p000.png", "p001.png")
    assert pictures.copies("p002.png") == ()
    assert pictures.finding_names() == ["p000.png", "p001.png", "p003.png"]
    assert pictures.having("obstacle") == ("p001.png",)
    assert pictures.having("") == ("p002.png", "p003.png")
    assert pictures.facts("p001.png").hand_labelled and not pictures.facts("p001.png").regions


def test_a_derived_set_borrows_from_its_source(pipes):
    pictures = read_pictures(pipes.settings, "pipes_deposition_BASELINE")
    facts = pictures.facts("p000.png")
    assert facts.image.parent.parent.name == "pipes_deposition_BASELINE"
    assert len(facts.boxes) == 2 and facts.regions and facts.mask_class == "deposition"
    assert pictures.classes == ("deposition", "obstacle")


def test_a_class_is_shortened_to_what_tells_it_from_the_others(pipes):
    pictures = read_pictures(pipes.settings, "pipes")
    pictures.classes = ("deposition", "deformation", "obstacle")
    assert [pictures.short(key) for key in (*pictures.classes, "")] == ["dep", "def", "o", "?"]


# -- jobs ------------------------------------------------------------------------------------------------------------

WORK = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.default_int_handler)
print("auditing: 3 of 10, about 9 s left", file=sys.stderr, flush=True)
try:
    while True:
        time.sleep(0.05)
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(130)
"""


def work(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let jobs run another program: what is looked at is how it is started, watched and stopped."""
    monkeypatch.setattr(dataset_jobs, "command", lambda settings, name, kind, options: [sys.executable, "-c", program])


def test_a_job_is_watched_and_stopped(pipes, monkeypatch):
    work(monkeypatch, WORK)
    job = start_job(pipes.settings, "pipes", "audit")
    assert job.is_active
    wait_until(lambda: "3 of 10" in last_job(pipes.settings, "pipes", "audit").line)
    assert health_text(views(pipes)["pipes"]) == "● auditing"
    with pytest.raises(BadInput, match="is running already"):
        start_job(pipes.settings, "pipes", "audit")
    stop_job(pipes.settings, "pipes", "audit")
    wait_until(lambda: not last_job(pipes.settings, "pipes", "audit").is_active)
    ended = last_job(pipes.settings, "pipes", "audit")
    assert (ended.status, ended.code, ended.line) == ("stopped", 130, "interrupted")
    assert health_text(views(pipes)["pipes"]) == "○ not audited"
    with pytest.raises(BadInput, match="no audit is running"):
        stop_job(pipes.settings, "pipes", "audit")


@pytest.mark.skipif(sys.platform == "win32", reason="there, the first request ends it already")
def test_a_job_that_does_not_listen_is_ended_when_asked_again(pipes, monkeypatch):
    work(monkeypatch, WORK.replace("signal.default_int_handler", "signal.SIG_IGN"))
    start_job(pipes.settings, "pipes", "verify")
    wait_until(lambda: "3 of 10" in last_job(pipes.settings, "pipes", "verify").line)
    stop_job(pipes.settings, "pipes", "verify")
    assert last_job(pipes.settings, "pipes", "verify").asked
    stop_job(pipes.settings, "pipes", "verify")
    wait_until(lambda: not last_job(pipes.settings, "pipes", "verify").is_active)
    assert last_job(pipes.settings, "pipes", "verify").status == "stopped"


def test_a_job_whose_processes_are_gone_is_lost(pipes, monkeypatch):
    import psutil

    work(monkeypatch, WORK)
    start_job(pipes.settings, "pipes", "audit")
    wait_until(lambda: "3 of 10" in last_job(pipes.settings, "pipes", "audit").line)
    facts = json.loads((pipes.settings.datasets_dir / ".audits" / "pipes.audit.job").read_text())
    beside = psutil.Process(facts["pid"])
    for process in [beside, *beside.children(recursive=True)]:
        process.kill()
    wait_until(lambda: not last_job(pipes.settings, "pipes", "audit").is_active)
    assert last_job(pipes.settings, "pipes", "audit").status == "lost"
    assert health_text(views(pipes)["pipes"]) == "✗ audit failed"


def test_a_job_that_fails_leaves_its_sentence(pipes):
    """The real script, on sets that were not made by it."""
    start_job(pipes.settings, "another", "verify")
    wait_until(lambda: not last_job(pipes.settings, "another", "verify").is_active)
    job = last_job(pipes.settings, "another", "verify")
    assert (job.status, job.code) == ("failed", 2) and "another" in job.line


def test_the_real_audit_leaves_its_report(pipes):
    start_job(pipes.settings, "pipes", "audit")
    wait_until(lambda: not last_job(pipes.settings, "pipes", "audit").is_active)
    job, view = last_job(pipes.settings, "pipes", "audit"), views(pipes)["pipes"]
    assert (job.status, job.code) == ("finished", 0), job.log.read_text()
    assert view.report and not view.report.stale and view.report.page.is_file()
    assert view.report.class_counts == {"deposition": 1, "obstacle": 1}


def test_a_verification_that_finds_something_has_finished(pipes, monkeypatch):
    work(monkeypatch, "print('x: files: ok\\nviolated: groups: a\\nviolated: pixels: b'); raise SystemExit(1)")
    start_job(pipes.settings, "pipes", "verify")
    wait_until(lambda: not last_job(pipes.settings, "pipes", "verify").is_active)
    job = last_job(pipes.settings, "pipes", "verify")
    assert (job.status, job.code) == ("finished", 1)
    assert job.line.startswith("groups: a (and 1 more in ")


# -- command line ----------------------------------------------------------------------------------------------------


def experiments(tiny, *arguments: str):
    return tiny.call([sys.executable, "-m", "experiments", *arguments])


@pytest.mark.slow
def test_datasets_on_the_command_line(pipes):
    write_report(pipes, "pipes", **REPORT)
    (pipes.settings.datasets_dir / "torn").mkdir()
    listed = experiments(pipes, "datasets")
    assert listed.returncode == 0 and "  pipes_deposition_EVAL" in listed.stdout and "! 3 suspects" in listed.stdout
    assert "torn: " in listed.stderr and "holds no images/ folder" in listed.stderr
    shown = experiments(pipes, "datasets", "pipes")
    assert "1 suspect boxes, 1 conflicts, 1 unreadable, 1 groups of copies" in shown.stdout
    assert "Отложения" in shown.stdout and "p000.png: a box was outside" in shown.stderr
    record = json.loads(experiments(pipes, "datasets", "pipes", "--json").stdout)
    assert record["class_counts"] == {"deposition": 1, "obstacle": 1} and record["report"]["conflicts"] == 1
    assert [each["name"] for each in json.loads(experiments(pipes, "datasets", "--json").stdout)][:2] == [
        "another",
        "pipes",
    ]
    wrong = experiments(pipes, "datasets", "pips")
    assert wrong.returncode == 2 and "did you mean 'pipes'" in wrong.stderr and wrong.stdout == ""


def test_verify_on_the_command_line_is_seen_elsewhere(pipes):
    done = experiments(pipes, "verify", "another")
    assert done.returncode == 2 and "another" in done.stderr
    job = last_job(pipes.settings, "another", "verify")
    assert (job.status, job.code) == ("failed", 2)


def test_without_datasets_the_command_is_named(own_tiny):
    done = experiments(own_tiny, "datasets")
    assert done.returncode == 0 and "make_sample_dataset.py" in done.stderr
    assert experiments(own_tiny, "datasets", "--json").stdout == "[]\n"
