"""A trained network as ONNX, checked against torch: `export_model.py latest --out model.onnx`."""

import sys
from pathlib import Path
from typing import Annotated

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import typer

from experiments.tool import run_tool

# pictures that the parity check looks at
COMPARED = 8


def export_model(
    model: Annotated[
        str, typer.Argument(help="Run id (or its beginning), latest, latest:EXPERIMENT, run directory or .safetensors.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; default: <run id>.onnx right here.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Picture or folder to compare on; default: seeded ones are drawn.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Export a network: uint8 RGB (N, 3, H, W) in, probabilities (N, K, H, W) out, any N, H and W as trained.

    Normalisation and sigmoid are inside; classes, threshold, size and run stand in the file's metadata (pipeseg).
    onnxruntime must give torch's probabilities to within 0.001, else nothing is written (exit code 1).
    """
    import json

    from experiments.checkpoints import find_checkpoint
    from pipeseg.errors import BadInput
    from pipeseg.prediction.inputs import find_pictures
    from pipeseg.settings import Settings

    checkpoint = find_checkpoint(Settings.load(), model)
    if checkpoint.suffix.lower() == ".onnx":
        raise BadInput(f"{checkpoint}: is ONNX already; name a run or a .safetensors file")
    items = find_pictures(pictures.expanduser()) if pictures else []
    shown = [item.read() for item in items[:: max(1, len(items) // COMPARED)][:COMPARED]]

    from pipeseg.prediction.onnx_model import export_onnx
    from pipeseg.training.checkpoint import read_header

    target = out.expanduser() if out else Path(f"{read_header(checkpoint).run_id}.onnx")
    print(f"exporting {checkpoint}", file=sys.stderr)
    done = export_onnx(checkpoint, target, shown)
    if as_json:
        facts = {
            "out": str(done.path),
            "bytes": done.size,
            "largest_difference": done.difference,
            "compared": done.pictures,
            **done.metadata,
        }
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        compared = f"{done.pictures} {'pictures' if shown else 'seeded pictures'}"
        size = f"{done.size / 2**20:.1f} MiB"
        print(f"{done.path}: {size}, differs from torch by at most {done.difference:.2g} on {compared}")


if __name__ == "__main__":
    run_tool(export_model)
