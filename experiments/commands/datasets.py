"""datasets, audit, verify and next-masks: the data, how it was split, whether it is sound, what to draw next."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.output import Json, note, print_json, print_table, when

if TYPE_CHECKING:
    from experiments.dataset_jobs import Job
    from experiments.datasets import DatasetView

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a dataset; `datasets` lists them.")]


def datasets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one dataset instead of the list.")] = None,
    as_json: Json = False,
) -> None:
    """List the datasets, or show one: pictures, classes, splits, health."""
    from experiments.datasets import MAKE_SAMPLE, find_dataset, health_text, kind_text, list_datasets
    from pipeseg.settings import Settings

    settings = Settings.load()
    if name is not None:
        view = find_dataset(settings, name)
        print_json(dataset_record(view)) if as_json else _show(view)
        return
    views = list_datasets(settings)
    if as_json:
        print_json([dataset_record(view) for view in views])
        return
    if not views:
        note(f"{settings.datasets_dir}: no datasets here; make the sample with `{MAKE_SAMPLE}`")
        return
    columns = ["dataset", "kind", "pictures", "classes", "hand", "groups", "health"]
    rows = [
        [
            "  " * view.depth + view.name,
            kind_text(view),
            view.pictures or "",
            ", ".join(f"{key} {view.class_counts.get(key, '')}".strip() for key in view.classes),
            "" if view.hand_labelled is None else view.hand_labelled,
            "" if view.groups is None else view.groups,
            health_text(view),
        ]
        for view in views
    ]
    print_table(columns, rows, right=["pictures", "hand", "groups"])
    for view in views:
        if view.problem:
            note(f"{view.name}: {view.problem}")


def audit(name: Name) -> None:
    """Audit a dataset: duplicates, suspect boxes, unreadable pictures; the report stays for the dashboard."""
    raise typer.Exit(_run(name, "audit"))


def verify(name: Name) -> None:
    """Verify that no group straddles two splits and no picture has changed; exit code 1 when one has."""
    raise typer.Exit(_run(name, "verify"))


def next_masks(
    name: Name,
    defect_class: Annotated[list[str] | None, typer.Option("--class", help="Only this class; repeatable.")] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN[,RUN...]", help="Whom to ask; default: the newest.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures to draw.")] = 50,
    out: Annotated[Path | None, typer.Option(help="Folder to draw in; default: <dataset>_next right here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier list in the folder.")] = False,
    as_json: Json = False,
) -> None:
    """Rank the pictures without hand masks by what a mask would teach, and export the first to draw in VIA."""
    options = [part for key in defect_class or () for part in ("--class", key)]
    # absolute, so that it is found from elsewhere
    target = (out.expanduser() if out else Path(f"{name}_next")).absolute()
    options += [*(("--run", run) if run else ()), "--count", str(count), "--out", str(target)]
    options += [flag for flag, on in (("--force", force), ("--json", as_json)) if on]
    raise typer.Exit(_run(name, "next", options))


def _run(name: str, kind: str, options: Sequence[str] = ()) -> int:
    """Run the script in this terminal, with its progress and its exit code."""
    from experiments.dataset_jobs import run_job
    from experiments.datasets import find_dataset
    from pipeseg.settings import Settings

    settings = Settings.load()
    return run_job(settings, find_dataset(settings, name).name, kind, print, options)


def dataset_record(view: "DatasetView") -> dict[str, Any]:
    """Return what `datasets --json` says of one dataset."""
    fields = (
        *("name", "path", "kind", "part", "source", "pictures", "classes", "class_counts", "box_counts"),
        *("hand_counts", "hand_labelled", "groups", "splits", "seed", "parameters", "fingerprint", "health", "problem"),
    )
    report = view.report
    return {field: getattr(view, field) for field in fields} | {
        "problems": [{"file": file, "reason": reason} for file, reason in view.problems],
        "report": {
            "path": report.path,
            "written": report.written,
            "stale": report.stale,
            "suspect_boxes": report.count("suspect"),
            "duplicate_groups": report.count("duplicate"),
            "conflicts": report.count("conflict"),
            "unreadable": report.count("unreadable"),
            "notes": report.notes,
        }
        if report
        else None,
        "audit": job_record(view.audit),
        "verification": job_record(view.verification),
        "next_masks": job_record(view.next_masks) and {**job_record(view.next_masks), "list": next_record(view)},
    }


def job_record(job: "Job | None") -> dict[str, Any] | None:
    if job is None:
        return None
    return {key: getattr(job, key) for key in ("status", "started", "ended", "code", "line", "log")}


def next_record(view: "DatasetView") -> dict[str, Any] | None:
    """Return what is to be drawn next: folder, VIA project, pictures; None while there is no list."""
    from experiments.next_lists import read_next

    found = read_next(view.next_masks)
    return found and {"folder": found.folder, "project": found.project, "pictures": found.pictures}


def _show(view: "DatasetView") -> None:
    from experiments.datasets import FINDING_WORDS, health_text, kind_text

    rows: list[tuple[str, Any]] = [
        ("dataset", view.name),
        ("folder", view.path),
        ("kind", kind_text(view)),
        ("made from", view.source),
        ("problem", view.problem),
        ("pictures", view.pictures or None),
        ("hand-labelled", view.hand_labelled),
        ("groups", view.groups),
        ("splits", ", ".join(f"{part} {count}" for part, count in view.splits.items())),
        ("seed", view.seed),
        ("parameters", "  ".join(f"{key}={value}" for key, value in view.parameters.items())),
        ("fingerprint", view.fingerprint),
        ("health", health_text(view)),
    ]
    if view.report:
        counts = (f"{view.report.count(kind)} {words}" for kind, words in FINDING_WORDS.items())
        rows.append(("audit", f"{when(view.report.written)}: {', '.join(counts)}; {view.report.page}"))
    for word, job in (
        ("audit job", view.audit),
        ("verification", view.verification),
        ("next masks", view.next_masks),
    ):
        if job:
            told = f"{job.status} with code {job.code}" if job.code else job.status
            rows.append((word, ": ".join(part for part in (f"{told}, {when(job.started)}", job.line) if part)))
    print_table(["", ""], [row for row in rows if row[1] not in (None, "")])
    if view.classes:
        print()
        counted = [
            [key, label, view.class_counts.get(key), view.box_counts.get(key), view.hand_counts.get(key)]
            for key, label in view.classes.items()
        ]
        print_table(["class", "label", "pictures", "boxes", "hand"], counted, right=["pictures", "boxes", "hand"])
    for file, reason in view.problems:
        note(f"{file}: {reason}" if file else reason)
