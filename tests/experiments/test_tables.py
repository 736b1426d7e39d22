"""The comparison as text, letter by letter."""

import csv
import io
import json
from dataclasses import replace

import pytest

from experiments import tables
from experiments.comparison import COLUMNS, Comparison, EqualBudget, FullMasks, Share, Verdict

BETTER = Comparison(
    defect_class="deformation",
    baseline=0.4411234567890123,
    final=0.4752,
    ci_low=0.01,
    ci_high=0.058,
    p_value=0.0004,
    n_images=100,
    seeds=(0, 1),
    baseline_runs=("b0", "b1"),
    final_runs=("f0", "f1"),
    verdict=Verdict.BETTER,
    class_label="Деформация",
    detectable=0.0331,
)
UNKNOWN = Comparison(
    defect_class="rust_50%",
    baseline=0.7495,
    final=0.7447,
    ci_low=None,
    ci_high=None,
    p_value=None,
    n_images=None,
    seeds=(0,),
    baseline_runs=("b2",),
    final_runs=("f2",),
)

MEAN = replace(
    BETTER,
    defect_class="mean over classes",
    class_label=None,
    kind="mean",
    classes=2,
    equal_budget=EqualBudget(0.4633, 0.0119, -0.01, 0.03, 0.21, ("e0",)),
    full_masks=FullMasks(0.51, Share(0.93, 0.88, 0.97), None, Share(0.4, 0.1, 0.7), ("u0",)),
)

TABLE = """\
test iou, baseline against final
class                    baseline    final   increase        pp    95 % CI (pp)        p   visible   images   seeds   verdict
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
deformation Деформация     0.4411   0.4752    +0.0341   +3.41 ▲   +1.00 … +5.80   <0.001      3.31      100       2   better
rust_50%                   0.7495   0.7447    -0.0048   -0.48 ▼               —        —         —        —       1   no evidence
"""  # noqa: E501

MARKDOWN = """\
**test iou, baseline against final**

| class | baseline | final | increase | pp | 95 % CI (pp) | p | visible | images | seeds | verdict |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
| deformation Деформация | 0.4411 | 0.4752 | +0.0341 | +3.41 ▲ | +1.00 … +5.80 | <0.001 | 3.31 | 100 | 2 | better |
| rust_50% | 0.7495 | 0.7447 | -0.0048 | -0.48 ▼ | — | — | — | — | 1 | no evidence |
"""

LATEX = r"""% test iou, baseline against final
\begin{tabular}{lrrrrrrrrrl}
\toprule
class & baseline & final & increase & pp & 95 \% CI (pp) & p & visible & images & seeds & verdict \\
\midrule
deformation Деформация & 0.4411 & 0.4752 & $+$0.0341 & $+$3.41 $\uparrow$ & $+$1.00 \ldots{} $+$5.80 & $<$0.001 & 3.31 & 100 & 2 & better \\
rust\_50\% & 0.7495 & 0.7447 & $-$0.0048 & $-$0.48 $\downarrow$ & --- & --- & --- & --- & 1 & no evidence \\
\bottomrule
\end{tabular}
"""  # noqa: E501


@pytest.mark.parametrize(("form", "golden"), [("table", TABLE), ("markdown", MARKDOWN), ("latex", LATEX)])
def test_golden_text(form: str, golden: str) -> None:
    assert tables.render([BETTER, UNKNOWN], form) == golden


def test_csv_reads_back_in_full_precision() -> None:
    first, second = csv.DictReader(io.StringIO(tables.render([BETTER, UNKNOWN], "csv")))
    assert tuple(first) == COLUMNS == tuple(BETTER.row())
    assert float(first["baseline"]) == BETTER.baseline and float(first["increase_pp"]) == BETTER.increase_pp
    assert first["seeds"].split() == ["0", "1"] and first["final_runs"].split() == ["f0", "f1"]
    assert second["ci_low"] == second["p_value"] == "" and second["class"] == "rust_50%"


def test_json_reads_back_as_the_row() -> None:
    rows = json.loads(tables.render([BETTER, UNKNOWN], "json"))
    assert rows == [BETTER.row(), UNKNOWN.row()]
    assert list(rows[0])[:5] == ["class", "baseline", "final", "increase", "increase_pp"]
    assert json.loads(tables.render([], "json")) == []


def test_arms_that_nobody_trained_have_no_part() -> None:
    without, with_arms = (tables.render(rows, "markdown") for rows in ([BETTER, UNKNOWN], [BETTER, UNKNOWN, MEAN]))
    assert "equal budget" not in without and "full masks" not in without and without.count("**") == 2
    assert "| mean of 2 classes | 0.4633 | 0.4752 | +1.19 ▲ | -1.00 … +3.00 | 0.210 | no evidence |" in with_arms
    assert "| mean of 2 classes | 0.5100 | 0.4752 | 93.0 % | 88.0 … 97.0 | — | — | 40.0 % | 10.0 … 70.0 |" in with_arms
    assert "at equal budget" not in tables.render([replace(MEAN, equal_budget=None)], "markdown")
    row = json.loads(tables.render([MEAN], "json"))[0]
    assert (row["kind"], row["over_equal_budget"]) == ("mean", 0.0119)
    assert (row["full_reached"], row["gap_closed"], row["gap_closed_at_equal_budget"]) == (0.93, None, 0.4)


def test_several_metrics_are_several_tables() -> None:
    text = tables.render([BETTER, replace(BETTER, metric="false_alarms")], "table")
    assert "test iou, baseline" in text and "test false_alarms (lower is better), baseline" in text


@pytest.mark.parametrize("form", tables.FORMATS)
def test_an_empty_table_is_still_a_table(form: str) -> None:
    assert tables.render([], form).endswith("\n")


def test_colour_only_when_asked_and_never_alone() -> None:
    plain, coloured = (tables.render([BETTER], "table", color=color) for color in (False, True))
    assert "\x1b" not in plain and "\x1b[32m" in coloured
    worse = tables.render([replace(BETTER, final=0.3, verdict=Verdict.WORSE)], "table")
    assert "▼" in worse and "-14.11" in worse and "worse" in worse


def test_eighty_columns_keep_every_number() -> None:
    text = tables.render([BETTER, UNKNOWN, MEAN], "table", width=80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text.replace(" … ", "")
    for cell in ("0.4411", "+3.41 ▲", "▼", "+1.00 … +5.80", "<0.001", "no evidence", "Деформация"):
        assert cell in text
