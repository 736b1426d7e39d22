#!/usr/bin/env python
"""Start an MLflow server on loopback over the embedded store: its runs, now in a browser and over HTTP."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

import os
import subprocess
from typing import Annotated
from urllib.parse import urlsplit

import typer

from experiments.tool import run_tool

DEFAULT_PORT = 5001


def serve(
    port: Annotated[int | None, typer.Option(help="Default: the port of MLFLOW_TRACKING_URI, else 5001.")] = None,
) -> None:
    """Serve mlflow.db and mlartifacts/ at http://127.0.0.1:PORT; Ctrl-C ends it."""
    from experiments.mlflow_store import ENVIRONMENT, artifacts_beside, sqlite_file
    from pipeseg.errors import BadInput
    from pipeseg.settings import Settings

    settings = Settings.load()
    uri = urlsplit(settings.tracking_uri)
    if uri.scheme in ("http", "https") and uri.hostname not in ("127.0.0.1", "localhost"):
        raise BadInput(f"MLFLOW_TRACKING_URI: {settings.tracking_uri} is on another machine; start its server there")
    chosen = port or (uri.port if uri.scheme.startswith("http") else None) or DEFAULT_PORT
    database = sqlite_file(settings.tracking_uri) or settings.root / "mlflow.db"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(chosen)),
        *("--backend-store-uri", f"sqlite:///{database.as_posix()}"),
        *("--artifacts-destination", artifacts_beside(database).as_uri()),
    ]
    print(f"MLflow at http://127.0.0.1:{chosen}", file=sys.stderr)
    try:
        code = subprocess.run(command, cwd=settings.root, env={**ENVIRONMENT, **os.environ}, check=False).returncode
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


if __name__ == "__main__":
    run_tool(serve)
