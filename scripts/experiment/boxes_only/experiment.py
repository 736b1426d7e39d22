"""Boxes only: one network for all classes, learned from filled detection boxes and scored on them."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.study import study

if __name__ == "__main__":
    main(__file__, study)
