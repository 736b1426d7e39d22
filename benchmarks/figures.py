"""What the benchmarks share: figures with their references, and measuring in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Figures:
    """Figures in the order in which they were measured; a ratio is value / reference."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def record(self, name: str, value: float, unit: str, reference: float | None = None) -> None:
        self.rows[name] = {
            "value": float(f"{value:.4g}"),
            "unit": unit,
            "reference": reference and float(f"{reference:.4g}"),
            "ratio": reference and round(value / reference, 3),
        }

    def show(self, as_json: bool) -> None:
        """Print a table, or `{figure: {value, unit, reference, ratio}}`."""
        if as_json:
            print(json.dumps(self.rows, indent=2))
            return
        width = max(map(len, self.rows)) + 2
        print(f"{'figure':<{width}}{'value':>10}{'':<10}{'reference':>10}{'ratio':>8}")
        for name, row in self.rows.items():
            reference, ratio = ("" if row[key] is None else row[key] for key in ("reference", "ratio"))
            print(f"{name:<{width}}{row['value']:>10} {row['unit']:<9}{reference:>10}{ratio:>8}")


def measured(script: str, part: str, *arguments: object, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run one part of a benchmark in a process of its own; its result, and its peak memory in MiB as `peak`."""
    command = [sys.executable, script, "--part", part, *map(str, arguments)]
    return json.loads(subprocess.check_output(command, cwd=ROOT, encoding="utf-8", env=env).splitlines()[-1])


def run_part(parts: Mapping[str, Callable[..., dict[str, Any]]], part: list[str]) -> None:
    """Do what `measured` has asked this process for; children's memory is not counted."""
    import psutil

    name, *arguments = part
    result = parts[name](*arguments)
    memory = psutil.Process().memory_info()
    # peak_wset on Windows; elsewhere the kernel keeps it for getrusage
    print(json.dumps({**result, "peak": getattr(memory, "peak_wset", 0) / 2**20 or _peak()}))


def _peak() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
