"""How soon the commands answer, against a reference in the same run: `python benchmarks/startup.py [--json] [--quick]`.

| figure | reference |
|---|---|
| `python -m experiments --help` | `python -c "import rich.console, typer"` |

The dashboard's start is in `dashboard.py`.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.figures import Figures


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def measure(rounds: int) -> Figures:
    """Measure figure and reference in turn, and keep the best of each: noise only ever adds."""
    help_, imports = [], []
    for _ in range(rounds):
        help_.append(seconds(["-m", "experiments", "--help"]))
        imports.append(seconds(["-c", "import rich.console, typer"]))
    figures = Figures()
    figures.record("experiments --help", min(help_), "s", min(imports))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="three rounds instead of ten")
    options = parser.parse_args()
    measure(3 if options.quick else 10).show(options.json)


if __name__ == "__main__":
    main()
