"""Is this machine ready? Every check is one line with the mend; a broken part is a finding, never a crash."""

import importlib.metadata
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments.environment import without_password
from pipeseg.settings import Settings

OLDEST_PYTHON = (3, 11)
TORCH_SECONDS = 180
SERVER_SECONDS = 5
GIB = 2**30
DISK_FAIL_GIB, DISK_WARN_GIB = 1, 10

MEND_PACKAGES = "python -m pip install -r requirements.txt"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        state: ok, warn (works, but less well) or fail.
        mend: one sentence that says what to do; empty for ok.
    """

    name: str
    state: str
    detail: str
    mend: str = ""


def check_all(settings: Settings) -> Iterator[Check]:
    """Yield the findings one by one, as they come: the tensor step takes seconds."""
    checks: tuple[Callable[[Settings], list[Check]], ...] = (
        _python, _packages, _terminal, _folders, _disk, tracking_store, _driver, _torch,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check(settings)
        except Exception as error:
            name = check.__name__.removeprefix("_").replace("_", " ")
            yield Check(name, "fail", f"the check itself broke: {type(error).__name__}: {error}", "report this line")


def healthy(checks: list[Check]) -> bool:
    return all(check.state != "fail" for check in checks)


def _python(_: Settings) -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return [Check("Python", "fail", version, "install Python 3.11 or newer and build the environment again")]
    return [Check("Python", "ok", f"{version} ({sys.executable})")]


def _packages(settings: Settings) -> list[Check]:
    """Compare what is installed with requirements.txt."""
    file = settings.root / "requirements.txt"
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return [Check("packages", "fail", "the package `packaging` is missing", MEND_PACKAGES)]
    try:
        lines = [line.split(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        return [Check("packages", "fail", f"{file}: {error.strerror}", "restore requirements.txt from the repository")]
    found, good = [], 0
    for line in lines:
        if not line or line.startswith(("#", "-")):
            continue
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            found.append(Check("packages", "warn", f"requirements.txt: {line!r} is not understood", "correct the line"))
            continue
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found.append(Check(wanted.name, "fail", f"missing (wanted: {wanted})", MEND_PACKAGES))
            continue
        if wanted.specifier.contains(version, prereleases=True):
            good += 1
        else:
            found.append(Check(wanted.name, "warn", f"{version} is not {wanted.specifier}", MEND_PACKAGES))
    if _installed("opencv-python") and _installed("opencv-python-headless"):
        mend = "uninstall both, then install opencv-python-headless"
        found.append(Check("cv2", "warn", "opencv-python and opencv-python-headless overwrite each other", mend))
    return [Check("packages", "ok", f"{good} as in requirements.txt"), *found] if good else found


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _terminal(_: Settings) -> list[Check]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    term = os.environ.get("TERM", "")
    if encoding != "utf8":
        mend = "set LANG=C.UTF-8 (Windows: use Windows Terminal and PYTHONUTF8=1)"
        return [Check("terminal", "warn", f"text encoding is {sys.stdout.encoding}; glyphs may break", mend)]
    if term == "dumb":
        return [Check("terminal", "warn", "TERM=dumb draws no dashboard", "set TERM=xterm-256color")]
    return [Check("terminal", "ok", f"UTF-8, TERM={term or 'unset'}")]


def _folders(settings: Settings) -> list[Check]:
    folders = {"DATASETS_DIR": settings.datasets_dir, "MODELS_DIR": settings.models_dir, "RUNS_DIR": settings.runs_dir}
    checks = []
    for key, folder in folders.items():
        # the folder is made when it is first needed; until then its nearest parent must let us
        place = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        try:
            with tempfile.TemporaryFile(dir=place):
                checks.append(Check(key, "ok", f"{folder}{'' if folder.exists() else ' (made when first needed)'}"))
        except OSError as error:
            mend = f"change its rights, or set {key} in .env"
            checks.append(Check(key, "fail", f"{folder}: cannot be written ({error.strerror})", mend))
    if not any(path.is_dir() for path in _children(settings.datasets_dir)):
        mend = "import your own, or run `python scripts/tools/make_sample_dataset.py`"
        checks.append(Check("datasets", "warn", f"{settings.datasets_dir} holds no dataset", mend))
    return checks


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _disk(settings: Settings) -> list[Check]:
    free = free_disk(settings)
    detail = f"{free:.1f} GiB free for runs"
    if free >= DISK_WARN_GIB:
        return [Check("disk", "ok", detail)]
    mend = "free some space, or move RUNS_DIR in .env to a larger disk"
    return [Check("disk", "fail" if free < DISK_FAIL_GIB else "warn", detail, mend)]


def free_disk(settings: Settings) -> float:
    """Return the free space where runs are written, GiB."""
    place = next(path for path in (settings.runs_dir, *settings.runs_dir.parents) if path.exists())
    return shutil.disk_usage(place).free / GIB


def tracking_store(settings: Settings) -> list[Check]:
    """Tell whether the store that runs are recorded in answers."""
    uri = settings.tracking_uri
    shown = without_password(uri)
    if uri.startswith("sqlite:///"):
        return [_sqlite(Path(uri.removeprefix("sqlite:///")))]
    if uri.startswith(("http://", "https://")):
        return [_server(uri, shown)]
    return [Check("tracking store", "warn", f"{shown}: this kind is not checked", "use sqlite:/// or http(s)://")]


def _sqlite(file: Path) -> Check:
    mend = "change its rights, or set MLFLOW_TRACKING_URI in .env"
    if not file.exists():
        if os.access(next(path for path in file.absolute().parents if path.exists()), os.W_OK):
            return Check("tracking store", "ok", f"{file} (made by the first run)")
        return Check("tracking store", "fail", f"{file} cannot be made: the folder is not writable", mend)
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=SERVER_SECONDS)
        try:
            (tables,) = connection.execute("select count(*) from sqlite_master where name = 'experiments'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Check(
            "tracking store", "fail", f"{file}: {error}", "move the file away; a new one is made by the next run"
        )
    if not os.access(file, os.W_OK):
        return Check("tracking store", "fail", f"{file} cannot be written", mend)
    return Check("tracking store", "ok", f"{file}{'' if tables else ' (empty)'}")


def _server(uri: str, shown: str) -> Check:
    import urllib.request

    mend = "start it (`make mlflow`), or unset MLFLOW_TRACKING_URI to use the embedded store"
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=SERVER_SECONDS) as answer:
            answer.read(64)
        return Check("tracking store", "ok", f"{shown} answers")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        return Check("tracking store", "fail", f"{shown} does not answer ({why})", mend)


def _driver(_: Settings) -> list[Check]:
    """Ask the NVIDIA driver, which answers without torch."""
    from experiments.nvml import nvml

    # no package, no driver or no card: the torch check tells what runs instead
    checks = []
    for gpu in nvml.gpus():
        detail, tight = f"{gpu.name}, driver {nvml.driver_version() or 'unknown'}", False
        if gpu.memory_free is not None and gpu.memory_total:
            detail += f", {gpu.memory_free / GIB:.1f} of {gpu.memory_total / GIB:.1f} GiB free"
            tight = gpu.memory_free < gpu.memory_total / 10
        mend = "end what else uses the card (`nvidia-smi` lists it)" if tight else ""
        checks.append(Check(f"GPU {gpu.index}", "warn" if tight else "ok", detail, mend))
    return checks


# In a process of its own: a broken CUDA set-up may kill the interpreter, and a dashboard must not hold torch.
TENSOR_STEP = """
import json, warnings
warnings.simplefilter("ignore")
import torch, torchvision
cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
device = "cuda" if cuda else "mps" if mps else "cpu"
result = {"torch": torch.__version__, "torchvision": torchvision.__version__, "built": torch.version.cuda,
          "device": device, "name": torch.cuda.get_device_name(0) if cuda else device}
try:
    weight = torch.ones(64, 64, device=device, requires_grad=True)
    (weight @ torch.ones(64, 64, device=device)).sum().backward()
    result["gradient"] = float(weight.grad.mean())
except Exception as error:
    result["error"] = str(error).strip().splitlines()[0]
print(json.dumps(result))
"""


def _torch(_: Settings) -> list[Check]:
    """Do one real step on the device that a run would take."""
    command = [sys.executable, "-c", TENSOR_STEP]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TORCH_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        mend = "try again when the machine is less busy; if it stays, install torch again"
        return [Check("torch", "fail", f"no tensor step within {TORCH_SECONDS} s", mend)]
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        mend = f"{MEND_PACKAGES} (torch and torchvision must come together, from one index)"
        return [Check("torch", "fail", last[:200], mend)]
    result = json.loads(done.stdout.strip().splitlines()[-1])
    detail = f"{result['torch']}, torchvision {result['torchvision']}, built for CUDA {result['built'] or 'none'}"
    if "error" in result:
        mend = "install the torch build that fits the driver (pytorch.org), or set device=cpu"
        return [
            Check("torch", "ok", detail),
            Check("tensor step", "fail", f"{result['name']}: {result['error']}", mend),
        ]
    if result["gradient"] != 64:
        wrong = f"{result['name']}: gradient {result['gradient']} instead of 64"
        return [
            Check("torch", "ok", detail),
            Check("tensor step", "fail", wrong, "set device=cpu; the card computes wrongly"),
        ]
    step = Check("tensor step", "ok", f"forward and backward on {result['name']}")
    return [Check("torch", "ok", detail), step, *_cpu_only(result)]


def _cpu_only(result: dict) -> list[Check]:
    if result["device"] != "cpu":
        return []
    if shutil.which("nvidia-smi"):
        mend = "install the torch build that fits the driver (`nvidia-smi` shows its CUDA version)"
        return [Check("device", "warn", "there is an NVIDIA driver, but torch does not use it", mend)]
    return [
        Check("device", "warn", "no GPU: training runs on the CPU", "fine for the sample study; train on a GPU machine")
    ]
