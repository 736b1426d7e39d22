"""The list of masks to draw next that a job has written: where its VIA project lies, and which pictures it names."""

import csv
from dataclasses import dataclass
from pathlib import Path

from experiments.dataset_jobs import Job
from experiments.datasets import DatasetView, remembered
from pipeseg.settings import Settings

# as `pipeseg.next_masks.folder` writes them
PROJECT, TABLE = "via_project.json", "next_masks.csv"
DEFAULT_COUNT = 50


@dataclass(frozen=True, slots=True)
class NextList:
    """Pictures to draw, the one that would teach most first; each is (file name, classes)."""

    folder: Path
    pictures: tuple[tuple[str, str], ...]

    @property
    def project(self) -> Path:
        """What VIA 2 opens."""
        return self.folder / PROJECT


@dataclass(frozen=True, slots=True)
class NextWish:
    """What a person asks for.

    Attributes:
        run: runs to ask, separated by commas; empty = the newest of each class.
        defect_class: classes, separated by commas; empty = all that were trained.
        out: folder to draw in.
    """

    out: str
    run: str = ""
    defect_class: str = ""
    count: str = str(DEFAULT_COUNT)

    def options(self) -> list[str]:
        """Return the options of `next_masks.py`.

        Raises:
            ValueError: one sentence for the user.
        """
        if not self.count.strip().isdecimal() or int(self.count) < 1:
            raise ValueError(f"count: {self.count!r} is no number of pictures, e.g. {DEFAULT_COUNT}")
        if not self.out.strip():
            raise ValueError("folder: where is it to be drawn? Name a folder that is not there yet")
        classes = [name.strip() for name in self.defect_class.split(",") if name.strip()]
        options = [part for name in classes for part in ("--class", name)]
        options += ["--run", self.run.strip()] if self.run.strip() else []
        return [*options, "--count", self.count.strip(), "--out", str(Path(self.out.strip()).expanduser().absolute())]


def default_wish(settings: Settings, view: DatasetView) -> NextWish:
    """Return what to ask for if a person says nothing: the classes that a run can be asked about, a new folder here."""
    from experiments.next_masks import newest_checkpoints
    from pipeseg.errors import BadInput

    try:
        classes = sorted(newest_checkpoints(settings, view.name, ()))
    except BadInput:  # no run yet: whoever starts it reads the sentence
        classes = []
    names = (Path.cwd() / f"{view.name}_next{number or ''}" for number in (0, *range(2, 1000)))
    return NextWish(str(next(path for path in names if not path.exists())), defect_class=", ".join(classes))


def read_next(job: Job | None) -> NextList | None:
    """Return the list that a job has written; None while it works, where it failed, or when the folder is gone."""
    if job is None or job.status != "finished" or job.out is None:
        return None
    table = job.out / TABLE
    if not table.is_file():
        return None
    return NextList(job.out, remembered("next", table, lambda: _read(table)))


def _read(table: Path) -> tuple[tuple[str, str], ...]:
    with table.open(encoding="utf-8", newline="") as file:
        return tuple((row.get("file") or "", row.get("classes") or "") for row in csv.DictReader(file))
