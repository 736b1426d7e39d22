"""Refine: a baseline sharpens the coarse box masks; the result is the hybrid dataset."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.teacher import refine_with_teacher

if __name__ == "__main__":
    main(__file__, refine_with_teacher)
