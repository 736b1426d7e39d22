"""Where things live on this machine: working folders and tracking store, from the environment and `.env`."""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Settings:
    """Resolved once at the start of a command; every path is absolute.

    Attributes:
        tracking_uri: MLflow tracking URI; an sqlite file in the project unless MLFLOW_TRACKING_URI says otherwise.
        user: name recorded with every run.
        pictures: how the dashboard shows pictures: auto, blocks or kitty.
        notifications: how it tells that a run has ended: auto, osc9, osc777, bell or off.
        language: of the dashboard: en, ru or auto.
        read_only: whether the dashboard refuses what changes something.
    """

    root: Path
    datasets_dir: Path
    models_dir: Path
    runs_dir: Path
    experiments_dir: Path
    tracking_uri: str
    user: str
    pictures: str = "auto"
    notifications: str = "auto"
    language: str = "auto"
    read_only: bool = False

    @classmethod
    def load(cls, root: Path = ROOT) -> "Settings":
        """Read `.env` below `root` (python-dotenv); variables that are already set win over the file."""
        values = {**_dotenv(root / ".env"), **os.environ}

        def folder(key: str, default: str) -> Path:
            return (root / Path(values.get(key) or default).expanduser()).resolve()

        return cls(
            root=root,
            datasets_dir=folder("DATASETS_DIR", "datasets"),
            models_dir=folder("MODELS_DIR", "models"),
            runs_dir=folder("RUNS_DIR", "runs"),
            experiments_dir=folder("EXPERIMENTS_DIR", "scripts/experiment"),
            tracking_uri=values.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').as_posix()}",
            user=values.get("USERNAME") or values.get("USER") or getpass.getuser(),
            pictures=values.get("PIPESEG_PICTURES") or "auto",
            notifications=values.get("PIPESEG_NOTIFICATIONS") or "auto",
            language=values.get("PIPESEG_LANGUAGE") or "auto",
            read_only=(values.get("PIPESEG_READ_ONLY") or "").casefold() not in ("", "0", "no", "false", "off"),
        )


def _dotenv(file: Path) -> dict[str, str | None]:
    if not file.exists():
        return {}  # the import takes a twentieth of the dashboard's start
    from dotenv import dotenv_values

    return dotenv_values(file)
