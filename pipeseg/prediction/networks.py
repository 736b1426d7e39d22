"""What predicts: a checkpoint of ours run by torch, or a network that was exported to ONNX."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pipeseg.errors import BadInput, RunFailed, first_line
from pipeseg.prediction.checks import check_hardware
from pipeseg.training.checkpoint import Checkpoint, load_model
from pipeseg.training.device import Hardware
from pipeseg.training.memory import is_out_of_memory

# key of an ONNX file's metadata that holds what a checkpoint's header holds
METADATA = "pipeseg"
# a probability of exactly 1 would be an infinite logit, and infinity times a weight of 0 is no number
SURE = 1e-7


@dataclass(frozen=True, slots=True)
class Facts:
    """What a network was trained as.

    Attributes:
        classes: one per channel.
        threshold: probability from which a pixel is defect.
        image_size: (height, width) that it was trained at.
        fixed: takes pictures of that size only.
    """

    classes: tuple[str, ...]
    threshold: float
    image_size: tuple[int, int]
    run_id: str
    step: int
    fixed: bool = False


class Network(Protocol):
    """Turns uint8 RGB (N, 3, h, w) on its device into logits, float32 (N, K, h, w) there."""

    facts: Facts
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor: ...

    def describe(self) -> str:
        """Return where and how it runs, for people."""
        ...


class TorchNetwork:
    """A network in torch, on any device, in any number format."""

    def __init__(self, model: nn.Module, facts: Facts, hardware: Hardware):
        self.facts = facts
        self.device = hardware.device
        self._hardware = hardware
        self._model = model.eval().to(hardware.device, memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> Tensor:
        try:
            with torch.inference_mode():
                images = self._hardware.to_input(images)
                with self._hardware.autocast():
                    return self._model(images).float()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            count, _, height, width = images.shape
            raise RunFailed(
                f"out of memory on {self.describe()} with {count} pictures of {height}x{width} at once;"
                " lower --batch-size or --tile"
            ) from error

    def describe(self) -> str:
        return self._hardware.describe()


class OnnxNetwork:
    """A network that `export_model.py` wrote, run by onnxruntime in float32; it takes one size of pictures."""

    def __init__(self, path: Path, device: torch.device):
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
        known = set(runtime.get_available_providers())
        if set(wanted) - known:
            raise BadInput(f"device: this onnxruntime runs on {', '.join(sorted(known))} only; add --device cpu")
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=[*wanted, "CPUExecutionProvider"])
        # the runtime's errors have no common class of their own
        except Exception as error:
            raise BadInput(f"{path}: cannot be read as ONNX ({first_line(error)}); export it again") from error
        self.facts = _read_metadata(path, self._session.get_modelmeta().custom_metadata_map)
        # pictures and probabilities pass through ordinary memory
        self.device = torch.device("cpu")

    def __call__(self, images: Tensor) -> Tensor:
        (probability,) = self._session.run(None, {"image": images.contiguous().numpy()})
        return torch.logit(torch.from_numpy(probability), eps=SURE)

    def describe(self) -> str:
        return f"onnxruntime, {self._session.get_providers()[0]}, float32"


def load_network(path: Path, device: str = "auto", precision: str = "auto") -> Network:
    """Load a checkpoint (.safetensors) or an exported network (.onnx).

    Raises:
        BadInput: not such a file, a device or number format that is not there, or a package that is missing.
    """
    check_hardware(device, precision)
    if path.suffix.lower() == ".onnx":
        if precision not in ("auto", "float32"):
            raise BadInput(f"precision: an exported network computes in float32, not {precision}; leave it out")
        if device == "auto":
            device = "cpu"
        return OnnxNetwork(path, Hardware.choose(device, "float32").device)
    hardware = Hardware.choose(device, precision)
    try:
        model, header = load_model(path)
    except (KeyError, RuntimeError) as error:
        raise BadInput(f"{path}: its header and its weights do not match ({first_line(error)})") from error
    return TorchNetwork(model, facts_of(header), hardware)


def facts_of(header: Checkpoint) -> Facts:
    return Facts(header.classes, header.threshold, header.image_size, header.run_id, header.step)


def needed(package: str) -> Any:
    """Import a package that only ONNX needs.

    Raises:
        BadInput: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise BadInput(
            f"{package} is not installed, and ONNX needs it; `python -m pip install onnx onnxscript onnxruntime`"
        ) from error


def _read_metadata(path: Path, metadata: dict[str, str]) -> Facts:
    try:
        fields = json.loads(metadata[METADATA])
        height, width = fields["image_size"]
        return Facts(
            tuple(fields["classes"]),
            float(fields["threshold"]),
            (int(height), int(width)),
            str(fields["run_id"]),
            int(fields["step"]),
            fixed=True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: was not written by export_model.py ({first_line(error)}); export it again") from error
