"""The comparison as the dashboard shows it, from what the command line really prints."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from driving import opened, screen_text, until
from textual.content import Content

from app.widgets.compare_pane import cells, columns
from experiments.comparison import Comparison, EqualBudget, FullMasks, Share, Verdict
from pipeseg.run_directory import RunDirectory, write_json
from pipeseg.settings import Settings

COLUMNS = "file group height width has_defect iou dice precision recall specificity predicted_pixels truth_pixels"


def shown(comparison: Comparison) -> list[str]:
    row = json.loads(json.dumps(comparison.row()))
    return [Content.from_markup(cell).plain for cell in cells(row)]


def test_a_row_reads_without_colour() -> None:
    better = Comparison("deposition", 0.5, 0.6, 0.02, 0.18, 0.0001, 40, (0, 1), ("a",), ("b",), Verdict.BETTER)
    assert shown(better) == [
        "deposition",
        "0.500",
        "0.600",
        "+10.0 ▲",
        "+2.0 … +18.0",
        "<0.001",
        "40",
        "0,1",
        "better",
        "–",
    ]
    worse = Comparison("Отложения", 0.5, 0.45, -0.08, -0.02, 0.01, 40, (0,), ("a",), ("b",), Verdict.WORSE)
    assert shown(worse)[3] == "-5.0 ▼" and shown(worse)[-2] == "worse"


def test_a_class_is_shown_in_both_languages() -> None:
    comparison = Comparison(
        "deposition", 0.4, 0.5, None, None, None, None, (1,), ("a",), ("b",), class_label="Отложения"
    )
    assert shown(comparison)[0] == "deposition Отложения"


def test_a_row_without_per_image_results_has_gaps() -> None:
    row = shown(Comparison("rupture", 0.5, 0.5, None, None, None, None, (0,), ("a",), ("b",)))
    assert row == ["rupture", "0.500", "0.500", "+0.0 =", "–", "–", "–", "0", "no evidence", "–"]


def test_the_arms_have_columns_where_they_are() -> None:
    row = Comparison("rupture", 0.5, 0.6, 0.0, 0.2, 0.03, 40, (0,), ("a",), ("b",), detectable=0.031)
    plain = json.loads(json.dumps(row.row()))
    assert [column.title for column in columns([plain])][-1] == "visible, pp" and cells(plain)[-1] == "3.1"
    over = EqualBudget(0.58, 0.02, -0.01, 0.05, 0.3, ("e",))
    mean = json.loads(json.dumps(replace(row, kind="mean", classes=3).row()))
    assert Content.from_markup(cells(mean)[0]).plain == "mean of 3"
    held = replace(row, equal_budget=over, full_masks=FullMasks(0.65, Share(0.92, 0.8, 1.0), None, ("u",)))
    rows = [plain, json.loads(json.dumps(held.row()))]
    shown = columns(rows)
    assert [len(cells(row, shown)) for row in rows] == [len(shown)] * 2
    texts = [Content.from_markup(cell).plain for cell in cells(rows[1], shown)]
    assert texts[-2:] == ["+2.0 ▲ no evidence", "92.0 %"]


def finish(directory: RunDirectory, stage: str, iou: float) -> None:
    """Give a run the results that a training leaves, and its end."""
    text = directory.config_file.read_text().replace("stage: baseline", f"stage: {stage}")
    directory.config_file.write_text(text.replace("track_experiment: false", "track_experiment: true"))
    directory.update(stage=stage, upload="pending", tracking_uri="")
    with open(directory.results / "per_image.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS.split(), "intersection", "union"])
        for index in range(12):
            value = iou + index / 1000
            writer.writerow([f"{index}.png", index, 8, 8, 1, *[value] * 5, 10, 10, int(10 * value), 10])
    summary = {"test": {"iou": iou}, "total_steps": 50, "images": 12, "threshold": 0.5, "test_fingerprint": "same"}
    write_json(directory.results / "summary.json", summary)


@pytest.mark.slow
async def test_rows_come_from_mlflow_through_the_command_line(
    workshop: Settings, add_run: Callable[..., RunDirectory]
) -> None:
    runs = [add_run("toy"), add_run("toy")]
    finish(runs[0], "baseline", 0.5)
    finish(runs[1], "final", 0.7)
    for run in runs:
        run.update(tracking_uri=workshop.tracking_uri)
        command = [sys.executable, "-m", "experiments.uploader", str(run.path)]
        done = subprocess.run(command, cwd=workshop.root, capture_output=True, encoding="utf-8", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    loaded = {name for name in sys.modules if name.startswith("mlflow")}
    async with opened() as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "▲" in screen_text(pilot.app), seconds=60)
        text = screen_text(pilot.app)
        line = next(line for line in text.splitlines() if "▲" in line)
        assert all(part in line for part in ("deposition", "0.5", "0.7", "+20.0 ▲"))
        assert {name for name in sys.modules if name.startswith("mlflow")} == loaded
        await pilot.press("y")
        await until(pilot, lambda: "| deposition" in (pilot.app.clipboard or "").lower(), seconds=60)
