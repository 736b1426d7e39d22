"""Split: train, val and test sets of the labelled pictures, by duplicate group."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.preparation import split_dataset

if __name__ == "__main__":
    main(__file__, split_dataset)
