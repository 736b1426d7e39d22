"""Proof that derived sets are unchanged and share no picture: `verify_dataset.py sample`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def verify_dataset(
    datasets: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME_OR_DIR...",
            help="Source (all sets derived from it), or a set (with its siblings), in DATASETS_DIR or by path.",
        ),
    ],
    duplicate_search: Annotated[
        bool, typer.Option("--duplicate-search/--no-duplicate-search", help="Look for copies that are not identical.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Prove that sets are what they were made as, and that no test picture is learned from.

    Per set: its fingerprint, its list of files, its masks. Between sets that must be apart: duplicate groups, pictures
    of the same pixels, and copies (saved again, cut, brightened, turned, mirrored). Exit code 1 if one is violated.
    """
    import json
    import os
    from contextlib import ExitStack

    from experiments.tool import ticking
    from pipeseg.data.proof import CHECKS
    from pipeseg.data.verify import verify
    from pipeseg.settings import Settings

    folder = Settings.load().datasets_dir
    wanted = []
    for name in datasets:
        places = [folder / name, Path(os.path.abspath(name))]
        wanted.append(next((place for place in places if (place / "images").is_dir()), places[0]))
    with ExitStack() as steps:

        def tick(step: str):
            steps.close()
            return steps.enter_context(ticking(step))

        report = verify(wanted, duplicate_search=duplicate_search, tick=tick)
    for note in report.notes:
        print(note, file=sys.stderr)
    if as_json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        for name, pictures in report.sets.items():
            for check in CHECKS:
                counted = f", {pictures} pictures" if check == "files" else ""
                print(f"{name}: {check}: {report.state(name, check)}{counted}")
        for violation in report.violations:
            print(f"violated: {violation.check}: {violation.text}")
    if any(violation.check == "copies" for violation in report.violations):
        mend = "preprocess_dataset.py SOURCE --duplicate-search --force"
        print(f"copies that the groups of the source do not know: `{mend}` splits again with them", file=sys.stderr)
    if not report.is_proven:
        raise typer.Exit(1)


if __name__ == "__main__":
    run_tool(verify_dataset)
