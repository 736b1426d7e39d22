"""new and diff: an experiment copied whole, and what differs between configs, on the command line."""

import json

import pytest
from small_workshop import CONFIG, Workshop

from experiments.config_sides import compare, side_of_text
from experiments.new_experiment import create, name_problem, title_of
from experiments.runs import list_runs
from experiments.summary import summarise
from pipeseg.config import parse_yaml
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory


def test_a_copy_has_a_title_of_its_own_and_keeps_comments(workshop: Workshop) -> None:
    source = workshop.add_experiment("tiny", readme="# Tiny #\n\nLearns.\n\n## Tiny again\n")
    (source / "__pycache__").mkdir()
    (source / "notes.txt").write_text("mine")
    workshop.add_experiment("tiny/inner")
    made = create(workshop.settings, "group/wide_net", "tiny")
    assert (made.name, made.title, made.problem) == ("group/wide_net", "Group: wide net", None)
    assert made.readme.read_text() == "# Group: wide net\n\nLearns.\n\n## Tiny again\n"
    text = made.config_file.read_text()
    assert parse_yaml(text) == {**parse_yaml(CONFIG), "experiment_name": "Group: wide net"}
    assert text.count("#") == CONFIG.count("#")
    assert sorted(each.name for each in made.path.iterdir()) == [
        *("README.md", "config.yaml", "experiment.py", "notes.txt")
    ]
    assert [each.name for each in made.path.parent.iterdir()] == ["wide_net"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "type a name"),
        ("tiny", "is there already"),
        ("Tiny", "small letters only"),
        ("1st", "begin with a letter"),
        ("../up", "begin with a letter"),
        ("a//b", "is empty"),
        ("a b", "digits, _ and -"),
        ("latest", "newest run"),
        ("tiny/config.yaml", "digits, _ and -"),
        ("x" * 65, "longer than 64"),
    ],
)
def test_names_that_cannot_be_used_say_why(workshop: Workshop, name: str, words: str) -> None:
    workshop.add_experiment("tiny")
    assert words in (name_problem(workshop.settings, name) or "")
    with pytest.raises(BadInput):
        create(workshop.settings, name, "tiny")
    assert name_problem(workshop.settings, "tiny/deeper-2") is None


def test_what_fails_leaves_nothing_behind(workshop: Workshop) -> None:
    folder = workshop.add_experiment("tiny", config="epochs: [1\n")
    with pytest.raises(BadInput, match="not YAML"):
        create(workshop.settings, "group/new", "tiny")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        create(workshop.settings, "group/new", "tiny")
    assert [each.name for each in workshop.settings.experiments_dir.iterdir()] == ["tiny"]


def test_titles_read_like_titles() -> None:
    assert [title_of(name) for name in ("a", "deeper_unet", "b/c-d")] == ["A", "Deeper unet", "B: c d"]


def run_of(workshop: Workshop, config: str, run_id: str = "20260101-000000-tiny-aaaa") -> RunDirectory:
    run = workshop.write_run(run_id, exit_code=0, experiment="tiny")
    run.config_file.write_text(config, encoding="utf-8")
    return run


@pytest.mark.slow
def test_new_and_diff_on_the_command_line(workshop: Workshop) -> None:
    workshop.add_experiment("tiny")
    done = workshop.command("new", "wide", "--from", "tiny")
    assert (done.returncode, done.stdout.strip()) == (0, str(workshop.settings.experiments_dir / "wide"))
    assert workshop.command("new", "wide", "--from", "tiny").returncode == 2
    nothing = workshop.command("diff", "tiny")
    assert nothing.returncode == 2 and "has no run yet" in nothing.stderr
    run = run_of(workshop, CONFIG.replace("epochs: 3", "epochs: 5"))
    told = json.loads(workshop.command("diff", "tiny", "--json").stdout)
    assert told["right"] == run.run_id
    assert told["differences"] == [{"key": "epochs", "left": {"value": 3}, "right": {"value": 5}}]
    other = run_of(workshop, CONFIG, "20260102-000000-tiny-bbbb")
    assert workshop.command("diff", run.run_id, other.run_id).stdout.splitlines()[1].split() == ["epochs", "5", "3"]
    lines = workshop.command("diff", "tiny", run.run_id, "--lines").stdout
    assert "-epochs: 5\n+epochs: 3\n" in lines
    assert workshop.command("diff", "tiny", "nobody").returncode == 2


def test_defaults_are_compared_as_values(workshop: Workshop) -> None:
    plain, spelled = side_of_text(CONFIG, "a"), side_of_text(CONFIG + "seed: 42\nthreshold: 0.25\n", "b")
    assert [(each.key, each.left, each.right) for each in compare(plain, spelled)] == [("threshold", 0.5, 0.25)]
    broken = side_of_text(CONFIG + "epoch: 1\n", "c")
    assert broken.problem and [each.key for each in compare(plain, broken)] == ["epoch"]


def scored(workshop: Workshop, place: int, iou: float | None, **info: object) -> None:
    event = json.dumps({"time": 1, "kind": "metrics", "step": 1, "epoch": 1, "values": {"test/iou": iou}}) + "\n"
    workshop.write_run(
        f"20260101-00000{place}-tiny-aaaa",
        exit_code=0,
        events=event if iou is not None else "",
        **{"experiment": "tiny", "stage": "baseline", "defect_class": "rupture", "created": place, **info},
    )


def test_runs_of_studies_and_sweeps_do_not_make_a_summary_wrong(workshop: Workshop) -> None:
    scored(workshop, 1, 0.5)
    scored(workshop, 2, 0.9, defect_class="obstacle")
    scored(workshop, 3, 0.95, stage="equal_budget")
    scored(workshop, 4, 0.75)
    scored(workshop, 5, 0.7)
    summary = summarise(list_runs(workshop.settings))["tiny"]
    assert (summary.status, summary.metric, summary.last, summary.best) == ("finished", "test", 0.7, 0.75)
    assert summary.trend == (0.5, 0.75, 0.7)
    assert summary.best_run.startswith("20260101-000004")
    scored(workshop, 6, 0.99, stage="full_masks")
    assert summarise(list_runs(workshop.settings))["tiny"] == summary
    scored(workshop, 7, None)
    summary = summarise(list_runs(workshop.settings))["tiny"]
    assert (summary.metric, summary.last, summary.best) == ("test", None, 0.75)
