"""What a study leaves in `results/`: every step with its run and scores, and the comparison of its own runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.study_plan import Node
from experiments.study_runner import Outcome
from pipeseg.errors import BadInput
from pipeseg.run import Run
from pipeseg.run_directory import read_json, write_atomically, write_json

STEPS = "steps.json"
COMPARISON = "comparison.json"


def write_steps(results: Path, nodes: Sequence[Node], outcomes: Mapping[str, Outcome]) -> None:
    """Write `steps.json`: name, stage, status, run, whether an earlier run served, seconds, problem, test scores."""
    rows = []
    for node in nodes:
        outcome = outcomes[node.name]
        rows.append(
            {
                "step": node.name,
                "stage": node.stage,
                "status": outcome.status,
                "run_id": outcome.run.run_id if outcome.run else None,
                "reused": outcome.reused,
                "seconds": None if outcome.seconds is None else round(outcome.seconds, 1),
                "problem": outcome.problem,
                "test": read_json(outcome.run.results / "summary.json").get("test") if outcome.run else None,
            }
        )
    write_json(results / STEPS, {"steps": rows})


def runs_of(results: Path) -> dict[str, list[str]]:
    """Return stage -> ids of the study's finished runs, from `steps.json`; {} before the study has ended."""
    found: dict[str, list[str]] = {}
    for row in read_json(results / STEPS).get("steps", []):
        if row.get("status") == "finished" and row.get("run_id"):
            found.setdefault(row["stage"], []).append(row["run_id"])
    return found


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
    from experiments.commands.compare import collect
    from experiments.mlflow_store import StoreUnreachable
    from experiments.tables import render

    # what an earlier session compared may be less than there is now
    (run.directory.results / COMPARISON).unlink(missing_ok=True)
    stages = runs_of(run.directory.results)
    baselines, finals = stages.get("baseline", []), stages.get("final", [])
    if not (baselines and finals):
        return "no pair of baseline and final has finished"
    try:
        rows, notes = collect(baseline=baselines, final=finals, settings=run.settings)
    except (BadInput, StoreUnreachable) as error:
        return f"{error}; afterwards: `python -m experiments resume {run.directory.run_id}`"
    for form, ending in (("json", "json"), ("markdown", "md")):
        write_atomically(run.directory.results / f"comparison.{ending}", render(rows, form))
    for text in notes:
        run.message(text)
    for row in rows:
        run.message(_sentence(row.row()))
    return None if rows else "MLflow holds nothing to compare"


def _sentence(row: Mapping[str, Any]) -> str:
    verdict = row.get("verdict")
    said = f", {verdict}" if verdict else ""
    return (
        f"{row['class']}: baseline {row['baseline']:.4f}, final {row['final']:.4f},"
        f" {row['increase_pp']:+.2f} points{said}"
    )
