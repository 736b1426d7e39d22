"""What the Compare pane writes: columns, cells, bars and words, from rows as the comparison makes them. No screen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textual.content import Content

from app.compare_view import State, bar, cells, choice, columns, head, scale_title, span
from app.compare_words import below, detail
from app.comparison import Question
from app.painting import Look, Window
from app.pair_painting import PairPainter
from app.widgets.image_scatter import limits, neighbour
from experiments.candidates import Candidate
from experiments.comparison import Checkpoints, Comparison, EqualBudget, FullMasks, Share, Verdict
from experiments.comparison_report import Remark, Report
from experiments.picture_archives import Archives, PairPictures
from pipeseg.data.scored_pictures import ScoredPictures

BETTER = Comparison("deposition", 0.5, 0.6, 0.02, 0.18, 0.0001, 40, (0, 1), ("a",), ("b",), Verdict.BETTER)
WORSE = Comparison("[b]rust", 0.5, 0.45, -0.08, -0.02, 0.01, 40, (0,), ("a",), ("b",), Verdict.WORSE)
MEANS = Comparison("rupture", 0.5, 0.5, None, None, None, None, (0,), ("a",), ("b",))
ARMS = replace(
    BETTER,
    class_label="Отложения",
    n_groups=38,
    detectable=0.031,
    power=0.999,
    seed_sd_baseline=0.01,
    seed_sd_final=0.02,
    seed_sd_difference=0.015,
    equal_budget=EqualBudget(0.58, 0.02, -0.01, 0.05, 0.3, ("e",)),
    full_masks=FullMasks(0.65, Share(0.92, 0.8, 1.0), Share(0.6, 0.4, 0.8), Share(-0.3, -0.9, 0.2), ("u",)),
    chosen_final=Checkpoints("val/iou", (3, 4), 0.55, 0.5, 0.58),
)


def plain(text: str) -> str:
    return Content.from_markup(text).plain


def shown(row: Comparison, *others: Comparison) -> dict[str, str]:
    rows = (row, *others)
    titles = [column.title for column in columns(rows)]
    return dict(zip(titles, map(plain, cells(row, rows)), strict=True))


def test_a_row_reads_without_colour() -> None:
    row = shown(BETTER)
    titles = ("class", "baseline", "final", "pp", "95 % interval", "p", "verdict", "images")
    assert [row[title] for title in titles] == [
        "deposition",
        "0.500",
        "0.600",
        "+10.00 ▲",
        "+2.0 … +18.0",
        "<0.001",
        "✓ better",
        "40",
    ]
    row = shown(WORSE)
    assert (row["class"], row["pp"], row["verdict"]) == ("[b]rust", "-5.00 ▼", "✗ worse")


def test_a_row_without_scores_by_picture_has_gaps_and_no_bar() -> None:
    row = shown(MEANS)
    assert row["pp"] == "+0.00 =" and row["95 % interval"] == row["p"] == "–" and row["verdict"] == "no evidence"
    assert not any("●" in text for text in row.values()) and "images" not in row


def test_columns_are_there_where_some_row_has_them() -> None:
    assert "over equal budget" not in shown(BETTER) and "visible" not in shown(BETTER)
    row = shown(ARMS, MEANS)
    assert row["over equal budget"] == "+2.0 ▲ no evidence" and row["of full masks"] == "92 %"
    assert (row["of the gap"], row["visible"], row["finds 5 pp"], row["sd seeds"]) == ("60 %", "3.1", ">99 %", "1.5")
    assert row["class"] == "deposition Отложения"
    assert shown(replace(BETTER, kind="mean", classes=3))["class"] == "mean of 3"


@pytest.mark.parametrize("room", [79, 82, 116, 156])
def test_what_matters_most_fits_into_the_narrowest_terminal(room: int) -> None:
    """By the order in which a grid drops columns."""
    left = sorted(columns((ARMS,)), key=lambda column: column.keep)
    while sum(column.width for column in left) + 2 * (len(left) - 1) > room - 1:
        left.pop(0)
    titles = {column.title for column in left}
    assert {"class", "baseline", "final", "pp", "95 % interval", "p", "verdict"} <= titles
    assert ("images" in titles) is (room >= 116) and ("over equal budget" in titles) is (room >= 156)


# -- bars ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (BETTER, "        │ ├───────●───────┤"),
        (WORSE, "├──●──┤ │                  "),
        (MEANS, "        ●                  "),
        (replace(BETTER, ci_low=-0.04, verdict=Verdict.NO_EVIDENCE), "    ├───┼─────────●───────┤"),
    ],
)
def test_bars_share_one_scale(row: Comparison, expected: str) -> None:
    assert plain(bar(row, (-0.08, 0.18), 27)) == expected, "one cell a point"


def test_the_scale_holds_every_interval_and_zero() -> None:
    assert span((BETTER, WORSE)) == (-0.08, 0.18) and span((BETTER,)) == (0.0, 0.18) and span(()) == (-0.01, 0.01)
    title = scale_title((BETTER, WORSE))
    assert title.startswith("-8.0") and title.endswith("+18.0") and title[round(0.08 / 0.26 * 24)] == "0"
    assert len(title) == len(scale_title(())) == 25


# -- words -----------------------------------------------------------------------------------------------------------


def test_the_head_says_metric_age_and_what_is_going_on() -> None:
    report, latest = Report((BETTER,), made=1000.0), Question()
    text = plain(head(State(report, "iou", latest), 1180.0, 0.0))
    assert text == "Baseline against final  test IoU · read 3 min ago · latest of each"
    text = plain(head(State(report, "false_alarms", latest, since=50.0, progress=(3, 24)), 1180.0, 54.2))
    assert "false alarms (lower is better)" in text and "reading again … 4 s, 3 of 24 runs" in text
    assert "reading … 0 s" in plain(head(State(None, "iou", latest, since=5.0), 0.0, 5.0))
    assert "✗ could not be read again" in plain(head(State(report, "iou", latest, "no answer"), 1180.0, 0.0))


def test_chosen_runs_are_named() -> None:
    assert choice(Question()) == ""
    question = Question().choosing("baseline", ("r1", "r2", "[b]r3"))
    assert plain(choice(question)) == "chosen: baseline r1, r2 +1 · final latest"
    assert question.arguments == ("--baseline", "r1", "--baseline", "r2", "--baseline", "[b]r3")
    assert "latest" not in plain(head(State(Report(made=1.0), "iou", question), 2.0, 0.0))


def test_what_has_no_room_in_the_table_is_said_below_it() -> None:
    several = Candidate("b", "mb", "final", 1, 0.0, {"deposition": "x", "rust": "y"}, {})
    report = Report((ARMS,), (Remark("few [images]"), Remark("only dice", "dice")), 1.0, candidates=(several,))
    text = plain(below(State(report, "iou", Question()), ARMS))
    for part in (
        "deposition Отложения: baseline 0.500, final 0.600: +10.00 pp (95 % interval +2.0 … +18.0, p <0.001): ✓ better",
        "40 test pictures, 38 groups; a difference of 3.1 pp would be seen; 5 pp with >99 %",
        "equal budget 0.580: final +2.00 pp (-1.0 … +5.0, p 0.300): no evidence",
        "the final reaches 92 % (80 … 100) of it; closes 60 % (40 … 80) of the gap;",
        "-30 % (-90 … 20) of the gap that equal budget leaves",
        "best epoch 3 4 by val/iou 0.550, last 0.500, test at last 0.580",
        "final: b (seed 1, one network of deposition, rust)",
        "! few [images]",
    ):
        assert part in text
    assert "only dice" not in text
    assert "no interval" in plain(detail(MEANS, report)[0])
    text = plain(below(State(report, "iou", Question(), problem="the store sleeps"), None))
    assert text.startswith("✗ the store sleeps") and "last time that it worked" in text


# -- plot and pictures -----------------------------------------------------------------------------------------------


def test_axes_are_whole_tenths_around_all_points() -> None:
    assert limits([(0.71, 0.74), (0.72, 0.88)]) == pytest.approx((0.7, 0.9))
    assert limits([]) == (0.0, 1.0) and limits([(0.0, 0.0)]) == pytest.approx((0.0, 0.1))
    assert limits([(1.0, 1.0)]) == pytest.approx((0.9, 1.0))


def test_arrows_go_to_the_nearest_point_that_way() -> None:
    points = [(0.5, 0.5), (0.6, 0.5), (0.9, 0.55), (0.5, 0.2), (0.55, 0.9)]
    assert [neighbour(points, 0, *way) for way in ((1, 0), (-1, 0), (0, 1), (0, -1))] == [1, 0, 4, 3]
    assert neighbour(points, 2, 1, 0) == 2


def one_side(folder: Path) -> Archives:
    """Pictures that the baseline kept, and the final did not."""
    truth, found = np.zeros((2, 40, 60), bool)
    truth[10:30, 10:30], found[10:30, 30:50] = True, True
    Image.new("RGB", (60, 40), (90, 90, 90)).save(folder / "a.png")
    kept = ScoredPictures(1)
    kept.add(folder / "a.png", truth, found)
    kept.write(folder / "kept.zip")
    return Archives(("b", "f"), (0, 0), (folder / "kept.zip", None), ("f kept none of its test pictures",))


@pytest.mark.parametrize("colours", ["full", "grey"])
def test_panels_show_the_same_part_of_a_picture(colours: str, tmp_path: Path) -> None:
    painter, look = PairPainter(PairPictures(one_side(tmp_path))), Look(colours=colours)
    frame = painter.paint("a.png", 90, 10, Window(), look)
    assert [label.text.strip() for label in frame.labels] == ["picture", "truth", "baseline"], "no final: no panel"
    assert frame.facts == "60×40" and len(frame.pixels) == 3 * frame.width * frame.height
    bare = painter.paint("a.png", 90, 10, Window(), Look(mask=False, colours=colours))
    assert bare.pixels != frame.pixels and len(set(bare.pixels)) == 2, "picture and ground, nothing else"
    changed = [at // 3 % frame.width // 30 for at in range(len(bare.pixels)) if bare.pixels[at] != frame.pixels[at]]
    assert set(changed) == {1, 2}, "the first panel is the bare picture"
    assert painter.paint("b.png", 90, 10, Window(), look).problem == "f kept none of its test pictures"
    (tmp_path / "kept.zip").write_bytes(b"no archive")
    damaged = PairPainter(PairPictures(replace(painter.pictures.archives, problems=())))
    assert "kept.zip is damaged" in str(damaged.paint("a.png", 90, 10, Window(), look).problem)
