"""artifacts and diff-runs: the files of a run, and runs side by side."""

from typing import Annotated

import typer

from experiments.commands.output import Json, RunText, note, print_json, print_table
from experiments.commands.run_notes import Runs


def artifacts(
    run: RunText = "latest",
    get: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print where this file lies; it is fetched from MLflow if need be."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the files of a run, also of one that only MLflow knows."""
    from experiments.annotating import find_any
    from experiments.artifacts import fetch, files_of, find_file
    from pipeseg.settings import Settings

    settings = Settings.load()
    found = find_any(settings, run)
    files = files_of(settings, found)
    if get is not None:
        print(fetch(settings, found, find_file(files, get)))
    elif as_json:
        print_json([{"name": file.name, "size": file.size, "path": file.path and str(file.path)} for file in files])
    else:
        rows = [["" if file.size is None else f"{file.size:,}", file.name] for file in files]
        print_table(["bytes", "file"], rows, right=["bytes"])


def diff_runs(
    runs: Runs,
    form: Annotated[str, typer.Option("--format", help="table, markdown or csv.")] = "table",
    as_json: Json = False,
) -> None:
    """Show runs side by side: of their configs only what differs, and below it how they ended."""
    from experiments.annotating import find_any
    from experiments.run_table import as_csv, markdown, table_of
    from pipeseg.errors import BadInput, did_you_mean
    from pipeseg.settings import Settings

    forms = ("table", "markdown", "csv")
    if form not in forms:
        raise BadInput(f"--format: unknown {form!r}{did_you_mean(form, list(forms))} (known: {', '.join(forms)})")
    if len(runs) < 2:
        raise BadInput("diff-runs: name two runs or more; `diff EXPERIMENT RUN` compares a run with a folder")
    settings = Settings.load()
    table = table_of([find_any(settings, text) for text in runs])
    if as_json:
        rows = [{"key": row.key, "result": row.is_result, "values": row.texts} for row in table.rows]
        print_json({"runs": table.runs, "alike": table.alike, "rows": rows})
    elif form != "table":
        print(markdown(table) if form == "markdown" else as_csv(table), end="")
    else:
        print_table(["key", *table.runs], [[row.key, *row.texts] for row in table.rows])
        note(f"{table.alike} keys are the same")
