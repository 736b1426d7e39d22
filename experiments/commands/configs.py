"""new and diff: a new experiment, and what differs between configs."""

from typing import Annotated, Any

import typer

from experiments.commands.output import Json, experiment_record, note, print_json, print_table


def new(
    name: Annotated[str, typer.Argument(help="Name of the new folder; a/b makes a nested one.")],
    source: Annotated[str, typer.Option("--from", metavar="EXPERIMENT", help="The experiment to copy.")] = "baseline",
    as_json: Json = False,
) -> None:
    """Copy an experiment into a new one: README title and experiment_name are adapted."""
    from experiments.new_experiment import create
    from pipeseg.settings import Settings

    made = create(Settings.load(), name, source)
    if as_json:
        print_json(experiment_record(made, None))
        return
    print(made.path)
    if made.problem:
        note(f"warning: {made.problem}")


def diff(
    left: Annotated[str, typer.Argument(metavar="EXPERIMENT|RUN", help="Experiment name or run id.")],
    right: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="What to hold it against; without one, the last run of it.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Compare the texts line by line, as diff -u does.")] = False,
    as_json: Json = False,
) -> None:
    """Show what differs between two configs: resolved values, key by key."""
    from experiments.config_diff import ABSENT, as_text, line_diff
    from experiments.config_sides import compare, find_side, last_run_side
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    settings = Settings.load()
    first = find_side(settings, left)
    if right is None:
        try:
            second = last_run_side(settings, first.name)
        except BadInput:
            if (settings.runs_dir / first.name).is_dir():
                raise BadInput(f"{first.name} is a run; name what to compare it with") from None
            raise
    else:
        second = find_side(settings, right)
    for problem in filter(None, (first.problem, second.problem)):
        note(f"warning: {problem}")
    if lines:
        for line in line_diff(second.text, first.text, (second.name, first.name)):
            print(line)
        return
    found = compare(first, second)
    if as_json:

        def side(value: object) -> dict[str, Any]:
            return {} if value is ABSENT else {"value": value}

        rows = [{"key": each.key, "left": side(each.left), "right": side(each.right)} for each in found]
        print_json({"left": first.name, "right": second.name, "differences": rows})
    elif not found:
        note(f"{first.name} and {second.name}: the same config")
    else:
        print_table(
            ["key", first.name, second.name], [[each.key, as_text(each.left), as_text(each.right)] for each in found]
        )
