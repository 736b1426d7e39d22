"""A study as lines of text: columns where there is room, a tree where there is none, arrows along both."""

from dataclasses import replace

import pytest

from app.study_drawing import Drawing, cell_texts, draw
from experiments.study_view import StepView, StudyView, outline
from pipeseg.config import check_config

STUDY = {"stage": "study", "classes": ["deposition", "rupture"], "track_experiment": True}


def planned(states: dict[str, dict] | None = None, **changes: object) -> StudyView:
    config, _ = check_config({**STUDY, **changes})
    steps = [replace(step, **(states or {}).get(step.name, {})) for step in outline(config)]
    return StudyView("study", None, tuple(steps))


def text(drawing: Drawing) -> list[str]:
    return ["".join(piece.text for piece in line).rstrip() for line in drawing.lines]


def test_columns_by_stage_rows_by_class_and_seed() -> None:
    view = planned(seeds=[0, 1], clean={}, teachers="all")
    assert text(draw(view, 110, 6)) == [
        "              clean           split           baseline        refine          final           compare",
        "deposition 0  ○ next ──────┬▸ ○ waiting ───┬▸ ○ waiting ───┬▸ ○ waiting ───┬▸ ○ waiting ───┬▸ ○ waiting",
        "           1               │               ╰▸ ○ waiting ───╯               ╰▸ ○ waiting ───┤",
        "rupture    0               ╰▸ ○ waiting ───┬▸ ○ waiting ───┬▸ ○ waiting ───┬▸ ○ waiting ───┤",
        "           1                               ╰▸ ○ waiting ───╯               ╰▸ ○ waiting ───╯",
    ]


def test_there_is_space_between_the_rows_where_it_fits() -> None:
    view = planned(refine=None, split=None, track_experiment=False)
    assert text(draw(view, 60, 30)) == ["            baseline", "deposition  ○ next", "", "rupture     ○ waiting"]
    view = planned(refine=None, clean={})
    lines = text(draw(view, 60, 30))
    assert lines[2].strip() == "│" and lines[1].index("┬") == lines[2].index("│") == lines[3].index("╰")


def test_every_state_has_a_sign_and_words_that_fit() -> None:
    states = {
        "split deposition": {"state": "done", "seconds": 3.0},
        "baseline deposition seed 0": {"state": "done", "seconds": 185.0, "test_iou": 0.6124},
        "refine deposition seed 0": {"state": "running", "fraction": 0.43, "eta_seconds": 130.0},
        "split rupture": {"state": "cached"},
        "baseline rupture seed 0": {"state": "failed"},
        "refine rupture seed 0": {"state": "blocked"},
        "final rupture seed 0": {"state": "blocked"},
    }
    wide, close = (text(draw(planned(states), width, 4)) for width in (130, 75))
    assert all(word in wide[1] for word in ("✓ done 3 s", "✓ 0.612 3:05", "● 43% 2:10 left", "○ next", "○ waiting"))
    assert all(word in wide[2] for word in ("↺ cached", "✗ failed", "⊘ blocked"))
    assert all(word in close[1] for word in ("✓ done 3 s", "✓ 0.612 ", "● 43% 2:10─")) and max(map(len, close)) <= 75


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_screen_has_a_tree(width: int) -> None:
    states = {
        "baseline deposition seed 0": {"state": "done", "test_iou": 0.6124, "seconds": 62.0},
        "refine deposition seed 0": {"state": "failed", "problem": "no luck"},
        "final deposition seed 0": {"state": "blocked", "blocked_by": "refine deposition seed 0"},
    }
    drawing = draw(planned(states, clean={}), width, 30)
    lines = text(drawing)
    assert drawing.is_tree and [line[:26].rstrip() for line in lines] == [
        " ○ clean",
        " deposition",
        "   ○ split",
        "     ✓ baseline seed 0",
        "       ✗ refine seed 0",
        "         ⊘ final seed 0",
        " rupture",
        "   ○ split",
        "     ○ baseline seed 0",
        "       ○ refine seed 0",
        "         ○ final seed 0",
        " ○ compare",
    ]
    assert "0.612" in lines[3] and "1:02" in lines[3]


def test_several_classes_of_one_network_and_a_study_without_data_steps() -> None:
    view = planned(multilabel=True, split={"labels": "boxes"}, refine=None, track_experiment=False)
    assert text(draw(view, 70, 3)) == [
        "            split                    baseline",
        "deposition  ○ next ───────────────┬▸ ○ waiting",
        "rupture     ○ waiting ────────────╯",
    ]
    alone = text(draw(planned(multilabel=True, split=None, refine=None, track_experiment=False), 70, 3))
    assert alone == ["             baseline", "all classes  ○ next"]


def test_arrows_go_to_the_nearest_step_of_the_next_column_and_stay_at_the_edge() -> None:
    drawing = draw(planned(clean={}), 130, 30)
    step: str | None = None
    for across, down, name in (
        (0, 1, "clean"),
        (1, 0, "split deposition"),
        (0, 1, "split rupture"),
        (0, 1, "split rupture"),
        (1, 0, "baseline rupture seed 0"),
        (0, -1, "baseline deposition seed 0"),
        (-1, 0, "split deposition"),
        (-1, 0, "clean"),
        (-1, 0, "clean"),
    ):
        step = drawing.moved(step, across, down)
        assert step == name


def test_a_cell_says_what_is_known() -> None:
    step = StepView("baseline crack", "baseline")
    assert cell_texts(step, {"baseline crack"}) == ["next"] and cell_texts(step, set()) == ["waiting"]
    assert cell_texts(replace(step, forecast="new"), set()) == ["would run"]
    assert cell_texts(replace(step, state="running"), set())[-1] == "running"
    assert cell_texts(replace(step, state="paused", fraction=0.5), set())[0] == "50% paused"
