"""queue: runs that wait for a free device; and preflight: what is to be known before one starts."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.commands.output import Json, duration, note, print_json, print_table, run_record, status_cell

if TYPE_CHECKING:
    from experiments.queue import EntryView

Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Name of an experiment folder.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE[,VALUE]", help="Override a key; several values make as many runs. Repeatable."
    ),
]
Device = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda:N", help="Where it computes; auto leaves it to the config.")
]
EntryText = Annotated[str, typer.Argument(metavar="ID", help="Id of an entry, or its beginning or end.")]
GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗"}


def preflight(experiment: Name, overrides: Sets = None, device: Device = "auto", as_json: Json = False) -> None:
    """Tell what is to be known before a run starts; exit code 2 where it cannot start."""
    from experiments.launch_check import NAMES, can_start, check_launch
    from pipeseg.settings import Settings

    checks = list(check_launch(Settings.load(), experiment, overrides or [], device))
    checks.sort(key=lambda check: NAMES.index(check.name))
    ready = can_start(checks)
    if as_json:
        print_json({"experiment": experiment, "can_start": ready, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mend = f"; {check.mend}" if check.mend else ""
            print(f"{GLYPHS[check.state]} {check.name:<10}  {check.detail}{mend}")
    if not ready:
        raise typer.Exit(2)


def build() -> typer.Typer:
    """Return the verbs of the queue."""
    app = typer.Typer(
        help="Runs that wait for a free device and start one after another.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("add")(add)
    app.command("list")(list_entries)
    app.command()(move)
    for verb, text in _VERBS.items():
        app.command(verb, help=text)(_verb(verb))
    app.command()(pause)
    app.command()(resume)
    return app


def add(
    experiment: Name,
    overrides: Sets = None,
    device: Device = "auto",
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GIB",
            min=0.0,
            help="Free GPU memory to wait for; by default what the last such run took, else a guess.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What you call this run.")] = None,
) -> None:
    """Put a run at the end of the queue and print the entry's id; lists of values become as many entries."""
    from experiments import queue
    from pipeseg.settings import Settings

    settings = Settings.load()
    for entry in queue.add(settings, experiment, overrides or [], name=name, device=device, memory=memory):
        print(entry.entry_id, flush=True)
    note("queued; `python -m experiments queue list` shows what each waits for")


def list_entries(as_json: Json = False) -> None:
    """List the entries: what waits, in its order and for what, then what works and what is over."""
    from experiments import queue
    from pipeseg.settings import Settings

    settings = Settings.load()
    queue.ensure_runner(settings)
    found = queue.view(settings)
    if as_json:
        print_json({"paused": found.paused, "entries": [entry_record(each) for each in found.entries]})
        return
    if not found.entries:
        note("the queue is empty; `python -m experiments queue add EXPERIMENT` fills it")
        return
    if found.paused:
        note("the queue is paused; `python -m experiments queue resume` lets it go on")
    print_table(
        ["", "entry", "experiment", "overrides", "device", "state", "why", "age"], map(_row, found.entries), right=[""]
    )


def _row(each: "EntryView") -> list[Any]:
    import time

    entry = each.entry
    wanted = f"{entry.where} {entry.memory:.1f} GiB" if entry.memory is not None else entry.where
    told = each.reason or (each.run.run_id if each.run else "")
    return [
        *(each.position or "", entry.entry_id, entry.experiment, " ".join(entry.overrides), wanted),
        *(status_cell(each.status), told, duration(time.time() - entry.added)),
    ]


def entry_record(each: "EntryView") -> dict[str, Any]:
    """Return what `queue list --json` says of one entry; times are unix seconds, memory is GiB."""
    entry = each.entry
    fields = (
        *("experiment", "overrides", "name", "device", "place", "devices", "memory", "memory_from", "user"),
        *("added", "held"),
    )
    return {
        "id": entry.entry_id,
        "position": each.position,
        "status": each.status,
        "reason": each.reason,
        **{field: getattr(entry, field) for field in fields},
        "run_id": entry.run_id,
        "run": run_record(each.run) if each.run else None,
    }


def move(
    entry: EntryText, to: Annotated[str, typer.Argument(metavar="up|down|N", help="Where to; N counts from 1.")]
) -> None:
    """Move an entry that waits."""
    from experiments import queue
    from pipeseg.settings import Settings

    settings = Settings.load()
    queue.move(settings, entry, to)
    waiting = queue.view(settings).waiting
    note("; ".join(f"{each.position} {each.entry.label}" for each in waiting))


_VERBS = {
    "hold": "Let an entry wait until it is released; others pass it.",
    "release": "Let an entry that was held start when its turn comes.",
    "start": "Start an entry at once, whatever works on its device.",
    "remove": "Take an entry out of the queue; its run, if it has one, stays.",
}
_DONE = {"hold": "held", "release": "released", "start": "starts now", "remove": "removed"}


def _verb(verb: str) -> Callable[[str], None]:
    def command(entry: EntryText) -> None:
        from experiments import queue
        from pipeseg.settings import Settings

        act = {
            "hold": queue.hold,
            "release": queue.release,
            "start": queue.start_now,
            "remove": queue.remove,
        }
        done = act[verb](Settings.load(), entry)
        print(done.entry_id)
        note(f"{done.label}: {_DONE[verb]}")

    return command


def pause() -> None:
    """Start no more entries; what works is left alone."""
    _set_paused(True)


def resume() -> None:
    """Let a queue that was paused go on."""
    _set_paused(False)


def _set_paused(paused: bool) -> None:
    from experiments import queue
    from pipeseg.settings import Settings

    queue.set_paused(Settings.load(), paused)
    note("the queue is paused" if paused else "the queue goes on")
