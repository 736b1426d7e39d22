"""`python -m experiments.note_sender RUN_DIR...`: tells MLflow what was said about runs, as their tags."""

import sys
from pathlib import Path

from experiments.annotating import is_unsent, mark_sent, set_tags
from experiments.mlflow_store import StoreUnreachable
from experiments.notes import read_notes
from pipeseg.run_directory import RunDirectory


def send(directory: RunDirectory) -> None:
    """Tell MLflow, until nothing newer was said meanwhile.

    Raises:
        StoreUnreachable: no answer.
    """
    while is_unsent(directory):
        notes, info = read_notes(directory), directory.read_info()
        set_tags(info["tracking_uri"], info["mlflow_run_id"], notes)
        mark_sent(directory, notes)


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: python -m experiments.note_sender RUN_DIR...", file=sys.stderr)
        return 2
    for argument in arguments:
        directory = RunDirectory(Path(argument).resolve())
        try:
            send(directory)
        except StoreUnreachable as error:
            print(f"{directory.run_id}: {error}; `python -m experiments sync` tells it later", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
