"""study: the graph of a study, step by step, and doing steps of it anew; the table at the end of `launch study --wait`.

A study is launched, paused, resumed and stopped like any run.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.output import Json, duration, follow, note, print_json, print_table, run_record, score

if TYPE_CHECKING:
    from experiments.study_view import StepView, StudyView
    from pipeseg.run_directory import RunDirectory
    from pipeseg.settings import Settings

_NOTHING = "no study has run yet, and no experiment is one"


def build_app() -> typer.Typer:
    """Return the verbs `study show` and `study rerun`."""
    app = typer.Typer(
        help="The graph of a study: what is done, works, comes next.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command()(show)
    app.command()(rerun)
    return app


def show(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="Run of a study, the beginning of its id, or an experiment: what it would do. Default: the study that"
            " works, else the last.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show every step of a study: state, test IoU, time, run."""
    from pipeseg.settings import Settings

    view = _find(Settings.load(), study)
    if as_json:
        print_json(study_record(view))
        return
    _print(view)


def rerun(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="Run of a study, or the beginning of its id.")],
    step: Annotated[
        str, typer.Option("--from", metavar="STEP", help="Name of a step, e.g. 'refine crack seed 0', or a beginning.")
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Follow the study to its end and exit with its code.")] = False,
) -> None:
    """Do a step, and all that depends on it, anew although it is done; the runs before stay."""
    from experiments.runs import find_run
    from experiments.study_rerun import rerun as start_again
    from pipeseg.settings import Settings

    settings = Settings.load()
    directory = find_run(settings, study)
    steps = start_again(settings, directory, step)
    print(directory.run_id, flush=True)
    note(f"anew: {', '.join(steps) or 'the comparison alone'}")
    if not wait:
        note(f"look at it with `python -m experiments study show {directory.run_id}`")
        return
    code = follow(directory)
    print_comparison(directory)
    raise typer.Exit(code)


def _find(settings: "Settings", text: str | None) -> "StudyView":
    """Return the study or the plan that is meant.

    Raises:
        BadInput: there is none.
    """
    from experiments.folders import list_experiments
    from experiments.runs import find_run, view
    from experiments.study_preview import foretold, is_study
    from experiments.study_view import StudyReader, first_study, list_studies
    from pipeseg.errors import BadInput

    experiments = {each.name: each for each in list_experiments(settings)}
    if text in experiments:
        found = foretold(settings, experiments[text])
    elif text is not None and text != "latest":
        directory = find_run(settings, text)
        if view(directory).stage != "study":
            raise BadInput(f"{directory.run_id}: is no study; `python -m experiments runs --stage study` lists them")
        found = StudyReader(settings, directory).read()
    elif run := first_study(list_studies(settings)):
        found = StudyReader(settings, run.directory).read()
    elif plans := [each for each in experiments.values() if is_study(each)]:
        named = [each for each in plans if each.name == "study"]
        found = foretold(settings, (named or plans)[0])
    else:
        raise BadInput(f"{settings.experiments_dir}: {_NOTHING}; an experiment with `stage: study` is one")
    if found.problem:
        raise BadInput(found.problem)
    return found


def study_record(view: "StudyView") -> dict[str, Any]:
    """Return what `study show --json` says; times in seconds."""
    return {
        "experiment": view.experiment,
        "run": run_record(view.run) if view.run else None,
        "jobs": view.jobs,
        "counts": dict(view.counts),
        "eta_seconds": view.eta_seconds,
        "next": view.next_steps,
        "steps": [step_record(step) for step in view.steps],
    }


def step_record(step: "StepView") -> dict[str, Any]:
    fields = (
        *("name", "stage", "defect_class", "seed", "needs", "state", "fraction", "eta_seconds", "seconds"),
        *("test_iou", "problem", "blocked_by", "forecast"),
    )
    return {field: getattr(step, field) for field in fields} | {"run_id": step.run.run_id if step.run else None}


def _print(view: "StudyView") -> None:
    from rich.text import Text

    from experiments.commands.output import status_cell
    from experiments.study_view import STATE_GLYPHS

    counts = ", ".join(f"{count} {state}" for state, count in view.counts.items())
    facts: list[tuple[str, Any]] = [
        ("study", view.run.run_id if view.run else f"{view.experiment}, not started"),
        ("status", status_cell(view.run.status) if view.run else None),
        ("steps", f"{len(view.steps)}: {counts}"),
        ("at a time", view.jobs),
        ("left", duration(view.eta_seconds)),
        ("next", ", ".join(view.next_steps) if view.is_active or not view.run else None),
    ]
    print_table(["", ""], [row for row in facts if row[1]])
    print()
    rows = [
        [
            step.name,
            Text(f"{STATE_GLYPHS[step.state]} {step.state}"),
            score(step.test_iou),
            duration(step.seconds),
            _told(step),
            step.run.run_id if step.run else "",
        ]
        for step in view.steps
    ]
    print_table(["step", "state", "test IoU", "took", "", "run"], rows, right=["test IoU", "took"])


def _told(step: "StepView") -> str:
    """Return what else there is to say of a step, in a few words."""
    from experiments.study_view import NEW, UNKNOWN

    if step.problem:
        return step.problem
    if step.blocked_by:
        return f"needs {step.blocked_by}"
    if step.fraction is not None:
        left = f", {duration(step.eta_seconds)} left" if step.eta_seconds is not None else ""
        return f"{step.fraction:.0%}{left}"
    return {NEW: "would be done", UNKNOWN: "unknown until it starts"}.get(step.forecast or "", "")


def print_comparison(directory: "RunDirectory") -> None:
    """Print the table of a study that has compared its runs; nothing for any other run."""
    from experiments.commands.compare import compare
    from experiments.study_results import COMPARISON, pairs_of

    if (directory.results / COMPARISON).is_file():
        baselines, finals = pairs_of(directory.results)
        compare(baseline=baselines, final=finals)
