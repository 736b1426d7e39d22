"""What is wrong with a dataset, and a cleaned copy of it: `clean_dataset.py DIR [--report F.json] [--clean]`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import signal

import typer

from experiments.tool import run_tool, ticking

if TYPE_CHECKING:
    from pipeseg.data.audit.findings import Audit
    from pipeseg.data.cleaning import Choices
    from pipeseg.data.formats import Source


def clean_dataset(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="A folder, or a dataset in DATASETS_DIR.")],
    report: Annotated[Path | None, typer.Option(help="Write the findings as JSON.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a page to read, thumbnails beside it (.jpg).")] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Write the cleaned dataset <name>_CLEAN.")] = False,
    out: Annotated[str | None, typer.Option(metavar="NAME", help="Write it under this name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a cleaned dataset of that name.")] = False,
    drop: Annotated[str, typer.Option(metavar="CLASS,...", help="Classes that go, with their pictures.")] = "",
    min_images: Annotated[int, typer.Option(min=0, help="Classes of fewer pictures go.")] = 0,
    spare: Annotated[
        list[str] | None, typer.Option("--except", metavar="FILE", help="Withdraw nothing of this picture; repeatable.")
    ] = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Copies stay, in one group.")] = False,
    content: Annotated[
        bool, typer.Option("--content/--no-content", help="Look at what boxes show: hand polygons, and --learn.")
    ] = True,
    learn: Annotated[
        bool, typer.Option("--learn/--no-learn", help="Learn from all boxes what classes look like; takes minutes.")
    ] = True,
    restore: Annotated[
        list[str] | None,
        typer.Option(metavar="ITEM", help="Put an item of DIR's quarantine.csv back, a file, or all; repeatable."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="How many at once; 0 means all cores.")] = 0,
) -> None:
    """Audit a dataset: copies, boxes that cannot be right, unreadable files, labels that contradict each other.

    Nothing is changed and nothing deleted: a cleaned dataset is a new one, with what was withdrawn in its quarantine/.
    """
    from pipeseg.data.formats import read_source
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    # whoever ends this politely (a job manager, a closed terminal) gets the same clean-up as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    datasets = Settings.load().datasets_dir
    folder = _find(directory, datasets)
    name = out or (f"{folder.name}_CLEAN" if clean else None)
    if restore:
        if name or report or markdown or drop or min_images or spare:
            raise BadInput("--restore: takes DIR only; audit or clean in a second call")
        _restore(folder, restore)
        return
    if not name and (drop or min_images or spare or keep_duplicates or force):
        raise BadInput("--drop, --min-images, --except, --keep-duplicates and --force need --clean or --out NAME")
    target = _new_dataset(datasets, name, folder, force) if name else None
    for file in (report, markdown):
        _check_place(file)
    source = read_source(folder)
    choices = _choices(source, keep_duplicates, drop, min_images, spare)
    audit = _audit(source, content, learn, workers or None)
    _write_reports(audit, source, report, markdown)
    _print(audit)
    if target:
        _clean(source, audit, target, choices)


def _find(directory: str, datasets: Path) -> Path:
    """A name means the dataset of that name, anything else is a path."""
    from pipeseg.errors import BadInput, did_you_mean

    if Path(directory).name == directory and (datasets / directory).is_dir():
        return datasets / directory
    folder = Path(directory).expanduser().resolve()
    if folder.is_dir():
        return folder
    known = [entry.name for entry in datasets.iterdir() if entry.is_dir()] if datasets.is_dir() else []
    raise BadInput(f"{directory}: no such folder, and no dataset in {datasets}{did_you_mean(directory, known)}")


def _new_dataset(datasets: Path, name: str, source: Path, force: bool) -> Path:
    from pipeseg.data.quarantine import FOLDER, TABLE
    from pipeseg.errors import BadInput

    if Path(name).name != name or name.startswith("."):
        raise BadInput(f"--out: {name!r} is no name of a dataset; datasets go into {datasets}")
    target = datasets / name
    if target.resolve() == source.resolve():
        raise BadInput(f"--out: {name} is the source itself; choose another name")
    if target.exists():
        if not (target / FOLDER / TABLE).is_file():
            raise BadInput(f"{target}: exists and was not made by cleaning; choose another --out")
        if not force:
            raise BadInput(f"{target}: exists already; --force replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _check_place(file: Path | None) -> None:
    """A report that cannot be written is better refused before minutes of work than after."""
    from pipeseg.errors import BadInput

    if file is None:
        return
    if not file.resolve().parent.is_dir():
        raise BadInput(f"{file}: no such folder; make it or choose another")
    if file.is_dir():
        raise BadInput(f"{file}: is a folder; name a file")


def _audit(source: "Source", content: bool, learn: bool, workers: int | None) -> "Audit":
    from pipeseg.data.audit.audit import audit

    with ticking(f"auditing {source.path.name}") as tick:
        return audit(source, workers=workers, content=content, learn=learn, tick=tick)


def _write_reports(audit: "Audit", source: "Source", report: Path | None, page: Path | None) -> None:
    import io

    from pipeseg.data.audit.report import markdown
    from pipeseg.data.audit.sheet import draw_sheet
    from pipeseg.run_directory import write_atomically, write_json

    if report:
        write_json(report, audit.as_json())
    if page:
        sheet = draw_sheet(audit, {annotation.name: annotation.image for annotation in source.annotations})
        picture = page.with_name(f"{page.stem}.jpg")
        if sheet:
            data = io.BytesIO()
            sheet.save(data, format="JPEG", quality=85)
            write_atomically(picture, data.getvalue())
        write_atomically(page, markdown(audit, picture.name if sheet else None))


def _print(audit: "Audit") -> None:
    from experiments.commands.output import print_table
    from pipeseg.data.audit.report import class_rows, finding_rows, headline

    print(headline(audit))
    if rows := class_rows(audit):
        print()
        print_table(("class", "pictures", "boxes", "hand regions"), rows, right=("pictures", "boxes", "hand regions"))
    print()
    if rows := finding_rows(audit):
        print_table(("what", "found", "when cleaned", "for example"), rows, right=("found",))
    else:
        print("nothing to complain about")


def _choices(source: "Source", keep_duplicates: bool, drop: str, min_images: int, spare: list[str] | None) -> "Choices":
    from pipeseg.data.cleaning import Choices, check_choices

    names = tuple(part.strip() for part in drop.split(",") if part.strip())
    choices = Choices(keep_duplicates, names, min_images, tuple(spare or ()))
    check_choices(choices, source)
    return choices


def _clean(source: "Source", audit: "Audit", target: Path, choices: "Choices") -> None:
    from collections import Counter

    from pipeseg.data.cleaning import clean

    with ticking(f"writing {target.name}") as tick:
        cleaned = clean(source, audit, target, choices, tick=tick)
    gone = {item.file for item in cleaned.withdrawn if item.what == "picture"}
    kinds = Counter(item.kind for item in cleaned.withdrawn)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
    print(f"\n{target.name}: {len(cleaned.entries) - len(gone)} pictures; in quarantine: {listed}")


def _restore(folder: Path, items: list[str]) -> None:
    from pipeseg.data.quarantine import restore

    with ticking(f"restoring {folder.name}") as tick:
        back = restore(folder, items, tick)
    for item in back:
        print(f"{item.item}: back ({item.what}, {item.kind})")
    if not back:
        print(f"{folder.name}: nothing is in quarantine")


if __name__ == "__main__":
    run_tool(clean_dataset)
