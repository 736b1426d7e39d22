"""Baseline: one binary model per defect class, learned from hand masks alone."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.train import train_from_start

if __name__ == "__main__":
    main(__file__, train_from_start)
