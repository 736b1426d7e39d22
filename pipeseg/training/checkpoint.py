"""Checkpoints: weights in safetensors with a header that says how to build the network and where it stood."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from pipeseg.errors import BadInput
from pipeseg.registry import MODELS, build
from pipeseg.run_directory import write_atomically


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is in the header of a checkpoint file.

    Attributes:
        model: `{"name", "args"}` as in the config.
        image_size: (height, width) that the network was trained at.
        threshold: probability from which a pixel is defect.
        score: value of the metric that chose it, None where none did.
    """

    model: dict[str, Any]
    image_size: tuple[int, int]
    threshold: float
    step: int
    epoch: int
    score: float | None
    metric: str
    defect_class: str | None
    run_id: str


def save_checkpoint(path: Path, model: nn.Module, header: Checkpoint) -> None:
    """Write atomically: a reader finds the old file or the new one, whatever kills the writer."""
    fields = {name: getattr(header, name) for name in Checkpoint.__slots__}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(state, metadata={"pipeseg": json.dumps(fields)}))


def read_header(path: Path) -> Checkpoint:
    """Read the header of a checkpoint.

    Raises:
        BadInput: no such file, or not one of our checkpoints.
    """
    try:
        with safe_open(path, framework="pt") as file:
            fields = json.loads((file.metadata() or {})["pipeseg"])
        return Checkpoint(**{**fields, "image_size": tuple(fields["image_size"])})
    except FileNotFoundError:
        raise BadInput(f"{path}: no such checkpoint; has the run saved one?") from None
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(f"{path}: not a checkpoint of pipeseg ({error}); name a checkpoints/best.safetensors") from None


def load_model(path: Path) -> tuple[nn.Module, Checkpoint]:
    """Build the network that a checkpoint describes and fill in its weights; on the CPU, in eval mode."""
    header = read_header(path)
    # every weight comes from the file: nothing to download
    args = {**header.model["args"], "encoder_weights": None}
    model = build(MODELS, header.model["name"], **args)
    load_weights(model, path)
    return model.eval(), header


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill `model` with the weights of a checkpoint of the same network."""
    model.load_state_dict(load_file(path))
