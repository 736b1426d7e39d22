"""What is to be drawn next, as the dashboard asks for it and finds it."""

import json
from pathlib import Path

import pytest

from experiments.dataset_jobs import command, last_job
from experiments.datasets import find_dataset
from experiments.next_lists import NextWish, default_wish, read_next


def test_a_wish_becomes_options(tmp_path: Path) -> None:
    wish = NextWish(str(tmp_path / "draw"), run=" latest ", defect_class="crack, rust", count="5")
    asked = ["--class", "crack", "--class", "rust", "--run", "latest", "--count", "5", "--out", str(tmp_path / "draw")]
    assert wish.options() == asked
    assert NextWish("here").options() == ["--count", "50", "--out", str(Path.cwd() / "here")]


@pytest.mark.parametrize(("changes", "word"), [({"count": "many"}, "count"), ({"count": "0"}, "count"), ({}, "folder")])
def test_a_wish_that_cannot_be_is_told_in_one_sentence(changes: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}: "):
        NextWish("" if word == "folder" else "here", **changes).options()


def test_a_folder_that_is_there_is_not_proposed(workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    view = find_dataset(workshop.settings, "sample")
    assert default_wish(workshop.settings, view) == NextWish(str(tmp_path / "sample_next"))
    (tmp_path / "sample_next").mkdir()
    assert default_wish(workshop.settings, view).out == str(tmp_path / "sample_next2")


def test_the_list_of_a_job_is_found_where_it_was_written(workshop, tmp_path: Path) -> None:
    """As a job leaves its files; the job itself needs a trained network and is tested with the script."""
    out, folder = tmp_path / "draw", workshop.settings.datasets_dir / ".audits"
    folder.mkdir()
    line = command(workshop.settings, "sample", "next", NextWish(str(out)).options())
    (folder / "sample.next.job").write_text(json.dumps({"started": 1.0, "command": line, "host": "x"}))
    (folder / "sample.next.exit").write_text(json.dumps({"time": 2.0, "code": 0}))
    job = last_job(workshop.settings, "sample", "next")
    assert job and job.status == "finished" and job.out == out and read_next(job) is None
    out.mkdir()
    (out / "next_masks.csv").write_text("rank,file,group,classes\n1,b.png,g1,crack\n2,a.png,g2,crack+rust\n")
    found = read_next(find_dataset(workshop.settings, "sample").next_masks)
    assert found and found.project == out / "via_project.json"
    assert found.pictures == (("b.png", "crack"), ("a.png", "crack+rust"))
    told = json.loads(workshop.command("datasets", "sample", "--json").stdout)["next_masks"]
    assert told["list"]["project"] == str(found.project) and told["status"] == "finished"
