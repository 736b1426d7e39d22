"""What a study leaves in `results/`: every step with its run and scores, and the comparison of its own runs."""

import contextlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.study_plan import Node
from experiments.study_runner import Outcome
from pipeseg.errors import BadInput, RunFailed
from pipeseg.run import Run
from pipeseg.run_directory import read_json, write_json

STEPS = "steps.json"
COMPARISON = "comparison.json"


def write_steps(results: Path, nodes: Sequence[Node], outcomes: Mapping[str, Outcome]) -> None:
    """Write `steps.json`: for each step its run, how it ended, whether an earlier run served, seconds, test scores."""
    rows = []
    for node in nodes:
        outcome = outcomes[node.name]
        rows.append(
            {
                "step": node.name,
                "stage": node.stage,
                "defect_class": node.values.get("defect_class"),
                "seed": node.values.get("seed"),
                "status": outcome.status,
                "run_id": outcome.run.run_id if outcome.run else None,
                "reused": outcome.reused,
                "seconds": None if outcome.seconds is None else round(outcome.seconds, 1),
                "problem": outcome.problem,
                "test": read_json(outcome.run.results / "summary.json").get("test") if outcome.run else None,
            }
        )
    write_json(results / STEPS, {"steps": rows})


def pairs_of(results: Path) -> tuple[list[str], list[str]]:
    """Return the ids of the baselines and of the finals of every class and seed that has both, from `steps.json`."""
    rows = [row for row in read_json(results / STEPS).get("steps", []) if row["status"] == "finished"]
    sides = [
        {(row["defect_class"], row["seed"]): row["run_id"] for row in rows if row["stage"] == stage}
        for stage in ("baseline", "final")
    ]
    both = [key for key in sides[0] if key in sides[1]]
    return [sides[0][key] for key in both], [sides[1][key] for key in both]


def tell_scores(run: Run) -> None:
    """Say the test score of every training, one line each: where nothing is compared they are the result."""
    for row in read_json(run.directory.results / STEPS).get("steps", []):
        iou = (row.get("test") or {}).get("iou")
        if isinstance(iou, float) and math.isfinite(iou):
            run.message(f"{row['step']}: test IoU {iou:.4f}")


def compare_runs(run: Run) -> str | None:
    """Compare the study's own baselines and finals, write `comparison.json` and `.md`, and say each row.

    Returns what prevented it in one sentence, None where nothing did.
    """
    from experiments.commands.compare import Format, compare

    table = run.directory.results / COMPARISON
    # what an earlier session compared may be less than there is now
    table.unlink(missing_ok=True)
    baselines, finals = pairs_of(run.directory.results)
    if not baselines:
        return "no pair of baseline and final has finished"
    try:
        with contextlib.redirect_stderr(io.StringIO()) as notes:
            compare(format=Format.json, baseline=baselines, final=finals, output=table)
        with contextlib.redirect_stderr(io.StringIO()):
            compare(format=Format.markdown, baseline=baselines, final=finals, output=table.with_suffix(".md"))
    except (BadInput, RunFailed) as error:
        return str(error)
    rows = json.loads(table.read_text(encoding="utf-8"))
    said = [line for line in notes.getvalue().splitlines() if line.startswith("note: ")]
    for text in [*said, *map(_sentence, rows)]:
        run.message(text)
    return None if rows else "MLflow holds nothing to compare"


def _sentence(row: Mapping[str, Any]) -> str:
    verdict = row.get("verdict")
    said = f", {verdict}" if verdict else ""
    return (
        f"{row['class']}: baseline {row['baseline']:.4f}, final {row['final']:.4f},"
        f" {row['increase_pp']:+.2f} points{said}"
    )
