"""Scripts run in the process of the tests: what a fresh interpreter adds is seconds, and few tests are about that."""

import os
import runpy
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest


@dataclass(frozen=True)
class Ended:
    """As much of `subprocess.CompletedProcess` as the tests ask for."""

    returncode: int
    stdout: str
    stderr: str


def run_inside(command: Sequence[str], environment: dict[str, str], cwd: Path | None = None) -> Ended:
    """Run `[python, script, argument, ...]` as `python script argument ...` would, and return how it ended."""
    _, script, *arguments = command
    with pytest.MonkeyPatch.context() as patch, _stream(1) as out, _stream(2) as err:
        for key, value in environment.items():
            if os.environ.get(key) != value:
                patch.setenv(key, value)
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", [script, *arguments])
        patch.setattr(sys, "path", [*sys.path])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(script, run_name="__main__")
        texts = [_read(stream) for stream in (out, err)]
    return Ended(left.value.code or 0, *texts)


@contextmanager
def _stream(number: int) -> Iterator[IO[str]]:
    """Let descriptor and stream 1 (stdout) or 2 (stderr) go to a file: libraries write to the descriptor."""
    name = {1: "stdout", 2: "stderr"}[number]
    before = os.dup(number)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file, pytest.MonkeyPatch.context() as patch:
        os.dup2(file.fileno(), number)
        patch.setattr(sys, name, file)
        try:
            yield file
        finally:
            file.flush()
            os.dup2(before, number)
            os.close(before)


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
