"""note, archive and unarchive: what is said about runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from experiments.commands.output import Json, RunText, note, print_json

if TYPE_CHECKING:
    from pipeseg.settings import Settings

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, or the beginning of one each.")]


def note_run(
    run: RunText = "latest",
    text: Annotated[str | None, typer.Option(help="The note; an empty one takes it away.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add a tag. Repeatable.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take a tag away. Repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Write a note and tags to a run, or show them; MLflow gets them as the tags `note` and `tags`."""
    from experiments.annotating import annotate, find_any
    from pipeseg.settings import Settings

    settings = Settings.load()
    found = find_any(settings, run)
    if text is not None or tag or untag:
        annotate(settings, [found], text=text, add=tag or (), remove=untag or ())
        found = find_any(settings, found.run_id)
    if as_json:
        print_json({"run_id": found.run_id, "note": found.note, "tags": found.tags, "archived": found.archived})
        return
    print(f"{found.run_id}  {' '.join(f'#{each}' for each in found.tags)}".rstrip())
    if found.note:
        print(found.note)


def archive(runs: Runs) -> None:
    """Put runs aside: hidden in lists and never chosen by itself; nothing is deleted."""
    from pipeseg.settings import Settings

    _archive(Settings.load(), runs, True)


def unarchive(runs: Runs) -> None:
    """Take runs out of the archive."""
    from pipeseg.settings import Settings

    _archive(Settings.load(), runs, False)


def _archive(settings: "Settings", texts: list[str], archived: bool) -> None:
    from experiments.annotating import annotate, find_any

    # all are found before the first is changed
    found = [find_any(settings, text) for text in texts]
    annotate(settings, found, archived=archived)
    for run in found:
        note(f"{run.run_id}: {'archived' if archived else 'no longer archived'}")
