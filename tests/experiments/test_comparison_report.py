"""A comparison that is kept, read again and handed on; pictures in order; runs to choose from. No store."""

import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_comparison import arms, run
from test_tables import BETTER, MEAN, UNKNOWN

from experiments import comparison_cache as cache
from experiments import comparison_report as reports
from experiments.candidates import Candidate, candidates, cannot_meet, for_side
from experiments.collecting import without_password
from experiments.comparison import Checkpoints
from experiments.comparison_page import page
from experiments.comparison_report import Remark, Report
from experiments.image_changes import ClassImages, ImageChange, file_name, ordered, render
from experiments.pairing import pair_runs
from pipeseg.errors import BadInput
from pipeseg.settings import Settings

EVIL = "<script>alert(\"x\")</script> & 'Ржавчина'"
ROWS = (
    replace(BETTER, chosen_final=Checkpoints("val/iou", (3, 4), 0.5, 0.4, 0.45), se=0.01, power=0.9),
    UNKNOWN,
    replace(MEAN, metric="dice"),
)


def candidate(run_id: str = "f0", **changes: object) -> Candidate:
    made = Candidate(run_id, f"m{run_id}", "final", 0, 5.0, {"crack": "EVAL f1"}, {"crack": 0.5})
    return replace(made, **changes)


def test_a_report_comes_back_as_it_was() -> None:
    report = Report(ROWS, (Remark("few"), Remark("odd", "dice")), 12.5, "sqlite:///x", ("b0",), (), (candidate(),))
    assert reports.from_json(reports.to_json(report)) == report
    rows = json.dumps([row.row() for row in ROWS])
    assert reports.from_json(rows).rows == ROWS, "what --json prints will do"
    assert report.metrics == ("iou", "dice") and report.remarks_on("iou") == ["few"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"rows": 3}', '[{"class": "a"}]', "null"])
def test_something_else_is_no_report(text: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(text)
    with pytest.raises(BadInput, match="holds no comparison"):
        reports.read_report(file)
    assert cache.kept_report(file) is None


def test_what_holds_for_all_metrics_is_said_once() -> None:
    said = reports.common({"iou": ["one seed", "iou only"], "dice": ["one seed", "dice only", "dice only"]})
    assert [remark.line for remark in said] == ["one seed", "iou: iou only", "dice: dice only"]
    assert reports.common({}) == []


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)


def test_a_page_is_well_formed_and_what_runs_are_called_is_text() -> None:
    rows = (replace(BETTER, defect_class=EVIL, class_label=EVIL, baseline_runs=(EVIL,)), UNKNOWN)
    text = page(Report(rows, (Remark(EVIL),), store=EVIL, candidates=(candidate(EVIL),)), [(EVIL, b"png")])
    root = ElementTree.fromstring(text)
    assert text.startswith("<!DOCTYPE html>") and EVIL in " ".join(root.itertext())
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.seen and {"table", "img", "ul", "dl"} <= set(tags.seen)
    assert not {key for each in root.iter() for key in each.attrib if key.startswith("on") or key == "href"}
    ElementTree.fromstring(page(Report()))
    assert "http" not in text.replace("http://www.w3.org/1999/xhtml", ""), "it needs nothing beside it"


def test_a_password_stays_at_home() -> None:
    assert without_password("https://me:secret@host:5000/x") == "https://host:5000/x"
    assert without_password("sqlite:////a@b/mlflow.db") == "sqlite:////a@b/mlflow.db"


# -- pictures --------------------------------------------------------------------------------------------------------


def image(file: str, baseline: float, final: float) -> ImageChange:
    return ImageChange(file, f"g{file}", baseline, final, {}, {})


IMAGES = (image("a", 0.5, 0.6), image("b", 0.9, 0.4), image("c", 0.2, 0.3), image("d", 0.1, 0.1))


@pytest.mark.parametrize(
    ("how", "metric", "expected"),
    [
        ("changed", "iou", "bacd"),
        ("lost", "iou", "bdac"),
        ("gained", "iou", "acdb"),
        ("worst", "iou", "dcba"),
        ("name", "iou", "abcd"),
        ("lost", "false_alarms", "acdb"),
        ("worst", "false_alarms", "abcd"),
    ],
)
def test_orders_of_pictures(how: str, metric: str, expected: str) -> None:
    assert "".join(each.file for each in ordered(IMAGES, how, metric)) == expected


def test_pictures_come_back_and_have_no_other_order_or_form() -> None:
    found = ClassImages("crack", "iou", ("b",), ("f",), IMAGES, ("a note",))
    assert ClassImages.from_record(json.loads(render(found, "json"))) == found
    with pytest.raises(BadInput, match="--sort"):
        ordered(IMAGES, "size")
    assert render(found, "table").splitlines()[2].split() == ["b", "0.9000", "0.4000", "-50.00", "gb"]
    assert file_name("a/../b c", "iou") == "a_.._b_c-iou.json"


# -- runs ------------------------------------------------------------------------------------------------------------


def test_one_entry_a_run_and_the_sides_usual_stage_first() -> None:
    runs = [*arms(), run("rust-final-0", mlflow_run_id="mcrack-final-0", test={})]
    found = candidates(runs)
    assert len(found) == 8
    several = next(each for each in found if each.mlflow_run_id == "mcrack-final-0")
    assert several.classes == ("crack", "rust") and several.mean_iou == 0.5
    assert for_side(found, "baseline")[0].stage == "baseline" and for_side(found, "final")[0].stage == "final"
    assert [each.run_id for each in for_side(found, "final", "EQUAL_budget seed=1")] == ["crack-equal_budget-1"]
    assert for_side(found, "final", "nothing like it") == []


def test_runs_of_other_pictures_cannot_meet() -> None:
    one = candidate()
    assert cannot_meet(one, [candidate(tests={"crack": "EVAL f2"})])
    assert not cannot_meet(one, [candidate(tests={"rust": "EVAL f2"}), one])


def test_an_arm_that_was_chosen_as_baseline_is_not_held_against_itself() -> None:
    [pairing], notes = pair_runs(arms(), baseline=["crack-equal_budget-0"])
    assert pairing.baselines[0].stage == "equal_budget" and pairing.equal_budget == ()
    assert len(pairing.full_masks) == 2 and "crack: the baseline side holds runs of stage equal_budget" in notes


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_kept_scores_are_those_of_the_row(tmp_path: Path) -> None:
    mine = ClassImages("crack", "iou", ("b0",), ("f0",), IMAGES)
    row = replace(BETTER, defect_class="crack", baseline_runs=("b0",), final_runs=("f0",))
    assert cache.kept_images(tmp_path, row) is None
    cache.keep(tmp_path / file_name("crack", "iou"), render(mine, "json"))
    assert cache.kept_images(tmp_path, row) == mine
    assert cache.kept_images(tmp_path, replace(row, final_runs=("f1",))) is None, "other runs"


def test_what_is_kept_has_its_own_place(tmp_path: Path) -> None:
    settings = replace(Settings.load(), runs_dir=tmp_path)
    latest, chosen = cache.report_file(settings), cache.report_file(settings, ("b", "a"))
    assert latest != chosen == cache.report_file(settings, ("a", "b")) != cache.report_file(settings, (), ("a", "b"))
    one, again = Report(candidates=(candidate("f0"),)), Report(candidates=(candidate("f0", ended=9.0),))
    row = replace(BETTER, final_runs=("f0",))
    assert cache.archives_file(settings, one, row) != cache.archives_file(settings, again, row), "it went on since"


def test_the_archives_that_were_not_looked_at_go_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / f"{name}.zip").write_bytes(bytes(100))
        os.utime(tmp_path / f"{name}.zip", (1000 - age, 1000 - age))
    assert cache.prune(tmp_path, most=250) == [tmp_path / "old.zip"]
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["middle", "new"]
