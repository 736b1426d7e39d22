"""What this machine and its settings are, as facts beside the checks of `experiments.health`; no secret is shown."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeseg.settings import Settings

GIB = 2**30
PACKAGES = (
    *("torch", "torchvision", "segmentation-models-pytorch", "timm", "albumentations", "opencv-python-headless"),
    *("numpy", "scipy", "mlflow", "textual", "pydantic", "nvidia-ml-py"),
)
SETTINGS = (
    *("DATASETS_DIR", "MODELS_DIR", "RUNS_DIR", "EXPERIMENTS_DIR", "MLFLOW_TRACKING_URI", "USERNAME"),
    "PIPESEG_PICTURES",
)
# not ours, but they change what a run does
OTHERS = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "HF_HOME", "HF_HUB_OFFLINE", "NO_COLOR", "LANG")
SECRETS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "HF_TOKEN")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what, its value, and where that comes from or what belongs to it."""

    name: str
    value: str
    note: str = ""


def environment(settings: Settings) -> dict[str, list[Fact]]:
    """Return title -> facts: packages, machine, GPUs, folders, settings."""
    return {
        "settings": list(settings_in_force(settings)),
        "folders": list(_folders(settings)),
        "machine": list(_machine()),
        "GPU": list(_gpus()),
        "packages": [Fact(name, version) for name in PACKAGES if (version := _version(name))],
    }


def settings_in_force(settings: Settings, shell: Mapping[str, str] = os.environ) -> list[Fact]:
    """Return every setting with its source: `environment`, `.env` or `default`."""
    from dotenv import dotenv_values

    file = dotenv_values(settings.root / ".env")
    resolved = {
        "DATASETS_DIR": settings.datasets_dir,
        "MODELS_DIR": settings.models_dir,
        "RUNS_DIR": settings.runs_dir,
        "EXPERIMENTS_DIR": settings.experiments_dir,
        "MLFLOW_TRACKING_URI": without_password(settings.tracking_uri),
        "USERNAME": settings.user,
        "PIPESEG_PICTURES": settings.pictures,
    }

    def source(key: str) -> str:
        return "environment" if shell.get(key) else ".env" if file.get(key) else "default"

    facts = [Fact(key, str(resolved[key]), source(key)) for key in SETTINGS]
    facts += [Fact(key, shell[key], "environment") for key in OTHERS if key in shell]
    return facts + [Fact(key, "set, not shown", source(key)) for key in SECRETS if shell.get(key) or file.get(key)]


def without_password(uri: str) -> str:
    """Return a URI without the name and password that it may carry: `http://***@host`."""
    scheme, separator, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    return f"{scheme}{separator}***@{host}{slash}{path}" if separator and at and user else uri


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _folders(settings: Settings) -> list[Fact]:
    folders = {
        "datasets": settings.datasets_dir,
        "models": settings.models_dir,
        "runs": settings.runs_dir,
        "project": settings.root,
    }
    facts = []
    for name, folder in folders.items():
        place = next((path for path in (folder, *folder.parents) if path.exists()), Path(folder.anchor))
        usage = shutil.disk_usage(place)
        free = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free"
        facts.append(Fact(name, str(folder), free if folder.exists() else f"{free}; made when first needed"))
    return facts


def _machine() -> list[Fact]:
    facts = [
        Fact("system", platform.platform(terse=True), platform.machine()),
        Fact("host", platform.node()),
        Fact("Python", platform.python_version(), sys.executable),
        Fact("cores", str(os.cpu_count() or "?")),
    ]
    try:
        import psutil
    except ImportError:  # the check of the packages says so
        return facts
    memory = psutil.virtual_memory()
    return [*facts, Fact("memory", f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free")]


def _gpus() -> list[Fact]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver or no card, each with an error of its own
        return [Fact("GPU", "none that NVIDIA's driver knows of")]
    try:
        facts = [Fact("driver", _text(pynvml.nvmlSystemGetDriverVersion()))]
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            free = f"{memory.free / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
            facts.append(Fact(f"GPU {index}", _text(pynvml.nvmlDeviceGetName(handle)), free))
        return facts
    except pynvml.NVMLError as error:
        return [Fact("GPU", "the driver does not answer", str(error))]
    finally:
        pynvml.nvmlShutdown()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
