"""sweeps and sweep: lists of values that became many runs, and how far they are."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.output import (
    Json,
    duration,
    note,
    print_json,
    print_table,
    run_record,
    score,
    status_cell,
    when,
)

if TYPE_CHECKING:
    from experiments.sweep_directory import SweepDirectory
    from experiments.sweep_view import SweepView
    from pipeseg.settings import Settings

LOOK_SECONDS = 0.5


def sweeps(
    limit: Annotated[int, typer.Option(min=0, help="At most so many, newest first; 0 = all.")] = 20,
    as_json: Json = False,
) -> None:
    """List the sweeps, newest first."""
    from experiments.sweep_directory import FOLDER
    from experiments.sweeps import list_sweeps
    from pipeseg.settings import Settings

    settings = Settings.load()
    views = list_sweeps(settings)[: limit or None]
    if as_json:
        print_json([sweep_record(view) for view in views])
        return
    if not views:
        note(f"{settings.runs_dir / FOLDER}: no sweeps; `launch EXPERIMENT --set seed=1,2,3` starts one")
        return
    rows = [[view.sweep_id, status_cell(view.status), _counted(view), _varied(view), view.name] for view in views]
    print_table(["sweep", "status", "runs", "values", "name"], rows)


def sweep(
    text: Annotated[str, typer.Argument(metavar="SWEEP", help="Sweep id, the beginning of one, or latest.")] = "latest",
    as_json: Json = False,
) -> None:
    """Show every run of a sweep: its values, how far it is, its scores; and the spread over the seeds."""
    from experiments.sweep_view import seconds_left, spreads
    from experiments.sweeps import find_sweep, view
    from pipeseg.settings import Settings

    settings = Settings.load()
    found = view(settings, find_sweep(settings, text))
    if as_json:
        print_json(sweep_record(found) | {"runs": [_combination_record(each) for each in found.combinations]})
        return
    left = seconds_left(found) if found.is_active else None
    facts = [
        ("sweep", found.sweep_id),
        ("name", found.name),
        ("experiment", found.experiment),
        ("status", status_cell(found.status)),
        ("runs", _counted(found)),
        ("at a time", found.jobs),
        ("left", duration(left)),
        ("created", when(found.created)),
        ("ended", when(found.ended)),
    ]
    print_table(["", ""], [row for row in facts if row[1]])
    print()
    keys = list(found.varied)
    rows = []
    for each in found.combinations:
        run = each.run
        scores = [score(run.best_iou), score(run.test.get("iou"))] if run else ["", ""]
        values = [each.values.get(key) for key in keys]
        rows.append([each.place + 1, *values, status_cell(each.status), *scores, run.run_id if run else ""])
    scores = ["val IoU", "test IoU"]
    print_table(["#", *keys, "status", *scores, "run"], rows, right=["#", *keys, *scores])
    if spread := spreads(found):
        print("\ntest IoU over the seeds")
        others = list(dict.fromkeys(key for each in spread for key, _ in each.values))
        cells = [
            [*(dict(each.values).get(key) for key in others), each.n, score(each.mean), score(each.deviation)]
            for each in spread
        ]
        columns = ["seeds", "mean", "std"]
        print_table([*others, *columns], cells, right=[*others, *columns])
    for each in found.combinations:
        if each.has_failed:
            note(f"{each.label}: {each.refused or (each.run.error if each.run else None) or each.status}")


def sweep_record(view: "SweepView") -> dict[str, Any]:
    """Return what `sweeps --json` says of one sweep; times are unix seconds."""
    from experiments.sweep_view import seconds_left, spreads

    return {
        "sweep_id": view.sweep_id,
        "path": str(view.directory.path),
        "experiment": view.experiment,
        "name": view.name,
        "status": view.status,
        "created": view.created,
        "ended": view.ended,
        "jobs": view.jobs,
        "overrides": view.overrides,
        "command": view.plan.get("command"),
        "user": view.plan.get("user"),
        "host": view.plan.get("host"),
        "counts": dict(view.counts),
        "eta_seconds": seconds_left(view) if view.is_active else None,
        "test_iou": [
            {"values": dict(each.values), "seeds": each.n, "mean": each.mean, "std": each.deviation}
            for each in spreads(view)
        ],
    }


def _combination_record(combination: Any) -> dict[str, Any]:
    run = combination.run
    return {
        "place": combination.place + 1,
        "overrides": combination.overrides,
        "values": combination.values,
        "status": combination.status,
        "error": combination.refused or (run.error if run else None),
        "run_id": run.run_id if run else None,
        "run": run_record(run) if run else None,
    }


def _counted(view: "SweepView") -> str:
    """Return `6: 2 finished, 1 running, 3 waiting`."""
    return f"{len(view.combinations)}: " + ", ".join(f"{count} {status}" for status, count in view.counts.items())


def _varied(view: "SweepView") -> str:
    """Return `learning_rate=1e-4,3e-4 seed=1,2,…,40`."""

    def short(values: list[str]) -> list[str]:
        return values if len(values) <= 6 else [*values[:2], "…", values[-1]]

    return " ".join(f"{key}={','.join(short(values))}" for key, values in view.varied.items())


def stop_sweep(settings: "Settings", text: str, wait: bool) -> None:
    """Ask a sweep to stop; with `wait`, until nothing of it works any more."""
    from experiments import sweeps
    from pipeseg.errors import RunFailed

    directory = sweeps.find_sweep(settings, text)
    sweeps.stop(settings, directory)
    print(directory.sweep_id)
    if not wait:
        note("asked to stop; the runs that work save a checkpoint first, no more are started")
        return
    now = sweeps.view(settings, directory)
    while now.is_active or any(each.run and each.run.is_active for each in now.combinations):
        time.sleep(LOOK_SECONDS)
        now = sweeps.view(settings, directory)
    if now.status in ("finished", "failed"):
        raise RunFailed(f"{directory.sweep_id}: ended ({now.status}) before it could stop")
    note(f"{directory.sweep_id}: stopped; `python -m experiments resume {directory.sweep_id}` goes on")


def resume_sweep(settings: "Settings", text: str, wait: bool, retry_failed: bool, jobs: int | None) -> None:
    """Go on with a sweep in the background."""
    from experiments import sweeps

    directory = sweeps.find_sweep(settings, text)
    sweeps.resume(settings, directory, jobs=jobs, retry_failed=retry_failed)
    print(directory.sweep_id, flush=True)
    if wait:
        raise typer.Exit(follow_sweep(settings, directory))
    note(f"goes on; look at it with `python -m experiments sweep {directory.sweep_id}`")


def follow_sweep(settings: "Settings", directory: "SweepDirectory") -> int:
    """Tell on stderr how far a sweep is until it ends and MLflow has it; return its exit code, 130 after Ctrl-C."""
    from experiments.sweep_display import open_display, tell_end
    from experiments.sweeps import view

    try:
        with open_display() as display:
            while True:
                now = view(settings, directory)
                display(now)
                if not now.is_active:
                    break
                time.sleep(LOOK_SECONDS)
        return tell_end(now)
    except KeyboardInterrupt:
        note(f"detached; the sweep goes on, stop it with `python -m experiments stop {directory.sweep_id}`")
        return 130
