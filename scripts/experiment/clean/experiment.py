"""Clean: a copy of a dataset without duplicates, false boxes and contradictions."""

import sys
from pathlib import Path

sys.path[:0] = [str(p) for p in Path(__file__).resolve().parents if (p / "pipeseg").is_dir()]

from experiments.entry import main
from experiments.preparation import clean_dataset

if __name__ == "__main__":
    main(__file__, clean_dataset)
