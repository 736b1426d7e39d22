"""The comparison table, read through the command line: MLflow is imported in that process, never in the dashboard's."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

from pipeseg.settings import ROOT, Settings


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as `python -m experiments compare --json` prints them, what it narrated, and the sentence if it failed."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None


async def read(settings: Settings) -> Table:
    code, out, err = await _experiments(settings, "compare", "--json")
    notes = [line.strip() for line in err.splitlines() if line.strip()]
    if code != 0:
        return Table(problem=notes[-1] if notes else f"compare ended with exit code {code}")
    try:
        value = json.loads(out)
    except ValueError:
        return Table(problem="compare printed something that is not JSON", notes=notes)
    rows = value.get("rows", []) if isinstance(value, dict) else value
    return Table([row for row in rows if isinstance(row, dict)], notes)


async def read_markdown(settings: Settings) -> str:
    code, out, err = await _experiments(settings, "compare", "--format", "markdown")
    if code != 0:
        raise RuntimeError(err.strip().splitlines()[-1] if err.strip() else f"compare ended with exit code {code}")
    return out


async def _experiments(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    from experiments.launcher import child_environment

    environment = {**child_environment(settings), "NO_COLOR": "1", "COLUMNS": "1000"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "experiments",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
