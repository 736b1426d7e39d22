"""The pictures whose hand masks would teach most, as a VIA project to draw in: `next_masks.py pipe --class leak`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def next_masks(
    dataset: Annotated[str, typer.Argument(help="Name in DATASETS_DIR, or a folder.")],
    defect_class: Annotated[
        list[str] | None, typer.Option("--class", help="Only this class; repeatable. Default: all that were trained.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[,RUN...]",
            help="Networks to ask, as for predict.py; default: the newest baseline or final of each class, every seed.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures to draw.")] = 50,
    out: Annotated[Path | None, typer.Option(help="Folder to draw in; default: <dataset>_next right here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier list in the folder.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """Rank the pictures without a hand mask by the uncertainty they stand for, and write the first of them to --out.

    In the folder: via_project.json (open it in VIA 2, put its via.html beside it), images/, next_masks.csv and a
    contact sheet. Correct the outlines, set the file attribute `drawn` to yes, save the project, and take the masks
    back: import_dataset.py via_project.json --labels-of DATASET.
    """
    import json

    from experiments.next_masks import named_checkpoints, newest_checkpoints
    from experiments.tool import ticking
    from pipeseg.data.description import read_description
    from pipeseg.errors import BadInput
    from pipeseg.next_masks.folder import check_folder
    from pipeseg.prediction.checks import check_hardware
    from pipeseg.settings import Settings

    settings = Settings.load()
    folder = settings.datasets_dir / dataset
    if not folder.is_dir() and Path(dataset).expanduser().is_dir():
        folder = Path(dataset).expanduser().resolve()
    if not (folder / "images").is_dir():
        raise BadInput(f"{folder}: no dataset there (images/ is missing); `python -m experiments datasets` lists them")
    check_hardware(device, precision)
    target = (out.expanduser() if out else Path(f"{folder.name}_next")).absolute()
    check_folder(target, force=force)
    wanted = list(dict.fromkeys(defect_class or []))
    if run:
        checkpoints = named_checkpoints(settings, run)
    else:
        found = newest_checkpoints(settings, folder.name, wanted)
        wanted = wanted or sorted(found)
        checkpoints = list(dict.fromkeys(path for paths in found.values() for path in paths))

    from pipeseg.data.export import ONLY_CLASS
    from pipeseg.next_masks.networks import choose_networks
    from pipeseg.next_masks.project import row_of, write_project
    from pipeseg.next_masks.ranking import rank_pictures
    from pipeseg.training.device import Hardware

    networks, classes = choose_networks(checkpoints, Hardware.choose(device, precision), wanted)
    names = ", ".join(network.header.run_id for network in networks)
    print(f"{', '.join(name or ONLY_CLASS for name in classes)}: asking {names}", file=sys.stderr)
    with ticking("looking at") as tick:
        ranking = rank_pictures(folder, classes, networks, count, batch_size=batch_size, tick=tick)
    if 2 * ranking.blind > ranking.candidates:
        print(
            f"the networks see nothing in {ranking.blind} of {ranking.candidates} pictures: the list is little more"
            " than diverse; train them longer first",
            file=sys.stderr,
        )
    labels = read_description(folder).get("classes", {})
    keys = [name or ONLY_CLASS for name in classes]
    write_project(target, folder.name, {key: labels.get(key) or key for key in keys}, ranking.chosen)
    if len(ranking.chosen) < count:
        print(f"{folder.name}: no more than {len(ranking.chosen)} groups without a hand mask are left", file=sys.stderr)
    if as_json:
        facts = {"out": str(target), "candidates": ranking.candidates, "hand_masks": ranking.drawn}
        print(json.dumps({**facts, "pictures": list(map(row_of, ranking.chosen))}, indent=2, ensure_ascii=False))
        return
    print(f"{target}: {len(ranking.chosen)} of {ranking.candidates} pictures to draw, {ranking.drawn} are drawn")


if __name__ == "__main__":
    run_tool(next_masks)
