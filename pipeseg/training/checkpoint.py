"""Checkpoints: weights in safetensors with a header that says how to build the network and where it stood.

`last` also holds what a training needs to go on: one file, so that weights and optimizer are never of different steps,
and no pickle, so that nothing in it can run.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeseg.errors import BadInput
from pipeseg.registry import MODELS, build
from pipeseg.run_directory import write_atomically

# tensors that are no weights; a network's own names hold dots, never a slash
STATE = "state/"
# of a binary network whose config names no class
UNNAMED_CLASS = "defect"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is in the header of a checkpoint file.

    Attributes:
        model: `{"name", "args"}` as in the config.
        image_size: (height, width) that the network was trained at.
        threshold: probability from which a pixel is defect.
        score: value of the metric that chose it, None where none did.
        defect_classes: of a network that learned several; it has no `defect_class`.
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
    defect_classes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """What the network's outputs mean, in order."""
        return self.defect_classes or (self.defect_class or UNNAMED_CLASS,)


def save_checkpoint(path: Path, model: nn.Module, header: Checkpoint, state: dict[str, Any] | None = None) -> None:
    """Write atomically: a reader finds the old file or the new one, whatever kills the writer.

    Args:
        state: what else a training needs to go on: numbers, texts, tensors, in dicts, lists and tuples.
    """
    fields = {name: getattr(header, name) for name in Checkpoint.__slots__}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {"pipeseg": json.dumps(fields)}
    if state is not None:
        metadata["state"] = json.dumps(_pack(state, STATE, tensors))
    write_atomically(path, save(tensors, metadata=metadata))


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Turn `value` into JSON; its tensors go to `tensors` under their place in it."""
    match value:
        case Tensor():
            tensors[name] = value.detach().cpu().contiguous()
            return {"tensor": name}
        case dict():
            # pairs, because an optimizer counts its parameters: JSON would turn the numbers into texts
            return {"dict": [[key, _pack(inner, f"{name}{key}/", tensors)] for key, inner in value.items()]}
        case list() | tuple():
            packed = [_pack(inner, f"{name}{index}/", tensors) for index, inner in enumerate(value)]
            return {type(value).__name__: packed}
        case None | bool() | int() | float() | str():
            return value
        case other:
            raise TypeError(f"{name}: a checkpoint cannot hold {type(other).__name__}")


def _unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(packed, dict):
        return packed
    [(kind, inner)] = packed.items()
    match kind:
        case "tensor":
            return tensors[inner]
        case "dict":
            return {key: _unpack(value, tensors) for key, value in inner}
    return {"list": list, "tuple": tuple}[kind](_unpack(value, tensors) for value in inner)


def read_header(path: Path) -> Checkpoint:
    """Read the header of a checkpoint.

    Raises:
        BadInput: no such file, or not one of our checkpoints.
    """
    try:
        with safe_open(path, framework="pt") as file:
            fields = json.loads((file.metadata() or {})["pipeseg"])
        sizes = {"image_size": tuple(fields["image_size"]), "defect_classes": tuple(fields.get("defect_classes", ()))}
        return Checkpoint(**{**fields, **sizes})
    except FileNotFoundError:
        raise BadInput(f"{path}: no such checkpoint; has the run saved one?") from None
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(f"{path}: not a checkpoint of pipeseg ({error}); name a checkpoints/best.safetensors") from None


def load_model(path: Path) -> tuple[nn.Module, Checkpoint]:
    """Build the network that a checkpoint describes and fill in its weights; on the CPU, in eval mode."""
    header = read_header(path)
    # every weight comes from the file: nothing to download
    args = {**header.model["args"], "encoder_weights": None, "classes": len(header.classes)}
    model = build(MODELS, header.model["name"], **args)
    load_weights(model, path)
    return model.eval(), header


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill `model` with the weights of a checkpoint of the same network."""
    model.load_state_dict({name: value for name, value in load_file(path).items() if not name.startswith(STATE)})


def load_training(model: nn.Module, path: Path) -> dict[str, Any]:
    """Fill `model` and return the state that `save_checkpoint` was given, tensors on the CPU.

    Raises:
        BadInput: the checkpoint holds weights only.
    """
    read_header(path)
    with safe_open(path, framework="pt") as file:
        packed = file.metadata().get("state")
    if packed is None:
        raise BadInput(f"{path}: holds weights only, so no training can go on from it; launch a new run")
    tensors = load_file(path)
    state = _unpack(json.loads(packed), tensors)
    model.load_state_dict({name: value for name, value in tensors.items() if not name.startswith(STATE)})
    return state
