"""The files of a run: in its directory, or what MLflow keeps of a run of another machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

from experiments.mlflow_runs import ask_mlflow
from experiments.run_view import RunView
from pipeseg.errors import BadInput, did_you_mean
from pipeseg.settings import Settings

# what was fetched from MLflow; may be deleted at any time
FETCHED = ".fetched"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file.

    Attributes:
        name: below the run, `/` separated.
        size: in bytes, None where it is not known.
        path: where it lies here; None: it has to be fetched, see `fetch`.
    """

    name: str
    size: int | None
    path: Path | None

    @property
    def is_picture(self) -> bool:
        return PurePosixPath(self.name).suffix.lower() in PICTURES


def files_of(settings: Settings, run: RunView) -> list[RunFile]:
    """Return the files of a run: results first, then checkpoints, then what lies at the top.

    Raises:
        BadInput: its directory is gone.
        RunFailed: MLflow does not answer.
    """
    folder = run.path if not run.elsewhere else local_artifacts(run)
    if folder is not None:
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder; the files of {run.run_id} are gone")
        return sorted(_below(folder), key=_place)
    listed = json.loads(ask_mlflow(settings, "files", run.info["mlflow_run_id"]))
    known = [(each["path"], each["size"]) for each in listed]
    files = [RunFile(name, size, _fetched(settings, run, name)) for name, size in known]
    return sorted(files, key=_place)


def find_file(files: list[RunFile], name: str) -> RunFile:
    """Return the file of that name.

    Raises:
        BadInput: there is none.
    """
    found = next((file for file in files if file.name == name), None)
    if found is None:
        raise BadInput(f"no file {name!r} in this run{did_you_mean(name, [file.name for file in files])}")
    return found


def fetch(settings: Settings, run: RunView, file: RunFile) -> Path:
    """Return where a file lies on this machine, after fetching it from MLflow if need be.

    Raises:
        RunFailed: MLflow does not answer.
    """
    if file.path is not None:
        return file.path
    target = settings.runs_dir / FETCHED / run.info["mlflow_run_id"]
    target.mkdir(parents=True, exist_ok=True)
    return Path(ask_mlflow(settings, "fetch", run.info["mlflow_run_id"], file.name, str(target)).strip())


def local_artifacts(run: RunView) -> Path | None:
    """Return the folder of a run's MLflow artifacts where it is on this machine."""
    uri = run.info.get("artifact_uri") or ""
    parts = urlparse(uri)
    if parts.scheme in ("", "file") and uri:
        folder = Path(unquote(parts.path))
        return folder if folder.is_dir() else None
    return None


def _fetched(settings: Settings, run: RunView, name: str) -> Path | None:
    path = settings.runs_dir / FETCHED / run.info["mlflow_run_id"] / name
    return path if path.is_file() else None


def _below(folder: Path) -> Iterator[RunFile]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        # locks and files that are being written
        if not any(part.startswith(".") for part in relative.parts) and path.is_file():
            yield RunFile(relative.as_posix(), path.stat().st_size, path)


def _place(file: RunFile) -> tuple[int, str]:
    folder = file.name.partition("/")[0] if "/" in file.name else ""
    return {"results": 0, "checkpoints": 1, "": 2}.get(folder, 3), file.name
