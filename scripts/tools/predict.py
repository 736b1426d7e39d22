"""Masks, overlays and tables of pictures or a video, by a trained network: `predict.py latest photos --out found`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool


def predict(
    model: Annotated[
        str,
        typer.Argument(
            help="Run id (or its beginning), latest, latest:EXPERIMENT, run directory, .safetensors or .onnx file."
        ),
    ],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A picture, a folder (with its sub-folders), a video.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for masks, overlays and tables.")],
    threshold: Annotated[
        float | None, typer.Option(help="Probability from which a pixel is defect; default: the model's.")
    ] = None,
    tile: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Slide a window of SIZE or HEIGHTxWIDTH pixels over the picture at native resolution; default: the"
            " whole picture at the size that the model was trained at, as in its test.",
        ),
    ] = None,
    overlap: Annotated[float, typer.Option(help="Share of a tile that the next one covers again.")] = 0.5,
    flips: Annotated[bool, typer.Option("--flips", help="Average over the mirror images: slower by four.")] = False,
    soft: Annotated[bool, typer.Option("--soft", help="Masks hold probabilities, 0..255.")] = False,
    overlays: Annotated[
        bool, typer.Option("--overlays/--no-overlays", help="Outlines in copies of the pictures.")
    ] = True,
    min_area: Annotated[
        int, typer.Option(min=1, help="Pixels of the smallest region that the tables list; masks keep all.")
    ] = 1,
    every: Annotated[int | None, typer.Option(min=1, help="Of a video, each so many frames; default 1.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a prediction that was broken off.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier prediction in the folder.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures or tiles at once.")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Predict pictures or a video: masks/, overlays/, predictions.csv and predictions.coco.json in the folder --out.

    A picture that cannot be read costs only itself (exit code 1). Ctrl-C keeps what is done, and --resume goes on.
    """
    import json
    from functools import partial

    from experiments.checkpoints import find_checkpoint
    from experiments.tool import ticking
    from pipeseg.errors import BadInput
    from pipeseg.prediction.checks import check_hardware, check_output, check_overlap, check_threshold, parse_tile
    from pipeseg.prediction.inputs import find_pictures, is_video
    from pipeseg.settings import Settings

    def say(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    check_threshold(threshold)
    check_overlap(overlap)
    check_hardware(device, precision)
    window = parse_tile(tile)
    source, out = source.expanduser(), out.expanduser()
    check_output(out, resume=resume, replace=force)
    checkpoint = find_checkpoint(Settings.load(), model)
    video = source.is_file() and is_video(source)
    if every is not None and not video:
        raise BadInput("--every: is for videos; leave it out")
    items = None if video else find_pictures(source, out)
    if items and source.is_file():
        # the only one: unreadable, it leaves nothing to do
        items[0].read()

    from pipeseg.prediction.job import Job, run_job
    from pipeseg.prediction.predict import Options

    job = Job(
        checkpoint,
        source,
        items,
        out,
        Options(threshold, batch_size, flips, soft, overlays, min_area),
        tile=window,
        overlap=overlap,
        every=every or 1,
        resume=resume,
        replace=force,
        device=device,
        precision=precision,
    )
    done = run_job(job, say=say, ticks=partial(ticking, "predicting"))
    totals = done.totals
    for sentence in (*totals.failures, *done.warnings):
        say(sentence)
    if done.interrupted:
        say(f"interrupted: {totals.pictures + done.skipped} are done; the same command with --resume goes on")
    facts = {
        "out": str(out),
        "run_id": done.run_id,
        "threshold": done.threshold,
        "pictures": totals.pictures,
        "with_defect": totals.having,
        "regions": totals.regions,
        "skipped": done.skipped,
        "unreadable": len(totals.failures),
        "seconds": round(done.seconds, 3),
        "images_per_second": round(totals.pictures / done.seconds, 3),
    }
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        also = {"done before": done.skipped, "unreadable": len(totals.failures)}
        shown = [
            f"{totals.pictures} {'frames' if video else 'pictures'}",
            f"{totals.having} with defect",
            f"{totals.regions} regions",
            f"{facts['images_per_second']:.1f} images/s",
            *(f"{count} {what}" for what, count in also.items() if count),
        ]
        print(f"{out}: {', '.join(shown)}")
    if done.interrupted or totals.failures:
        raise typer.Exit(130 if done.interrupted else 1)


if __name__ == "__main__":
    run_tool(predict)
