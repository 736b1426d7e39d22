"""Study: split, baselines, refine, finals and comparison, for every class and seed."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.study import study

if __name__ == "__main__":
    main(__file__, study)
