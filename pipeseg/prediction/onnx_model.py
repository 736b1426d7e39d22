"""A trained network as ONNX: pixels in, probabilities out, and the proof that both give the same."""

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeseg.data.loading import resize
from pipeseg.errors import BadInput, RunFailed, first_line
from pipeseg.prediction.networks import METADATA, facts_of, needed
from pipeseg.training.checkpoint import load_model
from pipeseg.training.device import MEAN, STD

# probabilities; two orders above what reordered float32 sums differ by
TOLERANCE = 1e-3
SEEDED_PICTURES = 6


class Deployed(nn.Module):
    """A network with what surrounds it: uint8 RGB (N, 3, h, w) in 0..255 -> probability, float32 (N, K, h, w)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        for name, values in (("mean", MEAN), ("deviation", STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1) * 255)

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.model((image.to(torch.float32) - self.mean) / self.deviation))


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export has written.

    Attributes:
        size: bytes.
        difference: largest absolute difference of a probability between onnxruntime and torch.
        pictures: that were compared.
    """

    path: Path
    size: int
    difference: float
    pictures: int
    metadata: dict[str, Any]


def export_onnx(
    checkpoint: Path, out: Path, pictures: Sequence[np.ndarray] = (), tolerance: float = TOLERANCE
) -> Exported:
    """Write the network of a checkpoint as ONNX, compare it with torch in float32, and keep it if they agree.

    The batch is of any size, height and width are those that it was trained at; both stand in the file's metadata,
    under `pipeseg`, with classes, threshold and run.

    Args:
        pictures: uint8 RGB (H, W, 3) to compare on; without any, seeded ones are drawn.
        tolerance: largest difference of a probability that is let through.

    Raises:
        BadInput: no checkpoint, a package that is missing, or `out` is no .onnx.
        RunFailed: the network cannot be exported, or the two differ by more than `tolerance`; `out` is as before.
    """
    if out.suffix.lower() != ".onnx":
        raise BadInput(f"{out}: must end in .onnx")
    if out.is_dir():
        raise BadInput(f"{out}: is a folder; name a file")
    for package in ("onnx", "onnxscript", "onnxruntime"):
        needed(package)
    model, header = load_model(checkpoint)
    deployed = Deployed(model).eval()
    facts = facts_of(header)
    height, width = facts.image_size
    metadata = {
        "format": 1,
        "run_id": facts.run_id,
        "step": facts.step,
        "classes": facts.classes,
        "threshold": facts.threshold,
        "image_size": facts.image_size,
        "input": f"image: uint8 RGB (N, 3, {height}, {width}), 0..255, resized by area averaging where it shrinks"
        " both sides, else bilinearly",
        "output": f"probability: float32 (N, {len(facts.classes)}, {height}, {width}), a channel per class",
        "model": header.model,
    }
    inputs = _inputs(pictures, facts.image_size)
    out.parent.mkdir(parents=True, exist_ok=True)
    # beside its place, so that putting it there is one step
    with tempfile.TemporaryDirectory(prefix=".onnx-", dir=out.parent) as folder:
        draft = Path(folder) / "model.onnx"
        _export(deployed, torch.zeros(2, 3, height, width, dtype=torch.uint8), metadata, draft)
        difference = _difference(draft, deployed, inputs)
        if not difference <= tolerance:
            raise RunFailed(
                f"{out}: not written: its probabilities differ from torch's by up to {difference:.2g}, more than"
                f" {tolerance:g}; another onnxruntime or torch may do better"
            )
        os.replace(draft, out)
    return Exported(out, out.stat().st_size, difference, len(inputs), metadata)


def _export(deployed: Deployed, example: Tensor, metadata: dict[str, Any], out: Path) -> None:
    chatter = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript")
    levels = [logger.level for logger in chatter]
    try:
        for logger in chatter:
            logger.setLevel(logging.ERROR)
        # what the exporter prints and warns of is about itself
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                deployed,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["image"],
                output_names=["probability"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            )
        program.model.metadata_props[METADATA] = json.dumps(metadata, ensure_ascii=False)
        program.save(str(out), external_data=False)
    except Exception as error:  # the exporter raises whatever its parts raise
        reason = first_line(error)
        raise RunFailed(f"{metadata['model']['name']} cannot be exported to ONNX ({reason})") from error
    finally:
        for logger, level in zip(chatter, levels, strict=True):
            logger.setLevel(level)


def _inputs(pictures: Sequence[np.ndarray], size: tuple[int, int]) -> Tensor:
    """Return uint8 (N, 3, height, width): the pictures, or seeded smooth ones with noise, which are no pure noise."""
    if not pictures:
        random = np.random.default_rng(0)
        coarse = random.integers(0, 256, (SEEDED_PICTURES, 5, 5, 3), dtype=np.uint8)
        noise = random.integers(-20, 21, (SEEDED_PICTURES, *size, 3))
        smooth = np.stack([resize(picture, size) for picture in coarse])
        pictures = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    return torch.from_numpy(np.stack([resize(picture, size).transpose(2, 0, 1) for picture in pictures]))


def _difference(path: Path, deployed: Deployed, inputs: Tensor) -> float:
    """Return the largest difference, over one picture alone and all of them together: the batch must be free."""
    runtime = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        differences = []
        for batch in (inputs[:1], inputs):
            with torch.inference_mode():
                expected = deployed(batch).numpy()
            (found,) = session.run(None, {"image": batch.numpy()})
            differences.append(float(np.abs(found - expected).max()))
    except Exception as error:  # the runtime's errors have no common class of their own
        reason = first_line(error)
        raise RunFailed(f"onnxruntime cannot run the exported network ({reason})") from error
    # NaN must not pass for small
    return max(differences, key=lambda value: (np.isnan(value), value))
