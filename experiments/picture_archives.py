"""The test pictures of the two runs that are looked at side by side, fetched once and kept."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.tracking import PICTURES
from pipeseg.errors import os_error_sentence

if TYPE_CHECKING:
    import numpy as np

    from experiments.pairing import Pairing
    from experiments.tracking import TrackedRun, TrackingReader

SIDES = ("baseline", "final")


@dataclass(frozen=True, slots=True)
class Archives:
    """Where the pictures of either side lie.

    Attributes:
        runs: run ids, baseline and final.
        seeds: of those runs.
        paths: of their archives; None where a run has none.
        problems: why, in sentences.
    """

    runs: tuple[str, str]
    seeds: tuple[int, int]
    paths: tuple[Path | None, Path | None]
    problems: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        paths = [str(path) if path else None for path in self.paths]
        sides = zip(SIDES, self.runs, self.seeds, paths, strict=True)
        found = {side: {"run": run, "seed": seed, "path": path} for side, run, seed, path in sides}
        return {**found, "problems": list(self.problems)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Archives":
        """Raises: KeyError, TypeError: it is no such record."""
        sides = [record[side] for side in SIDES]
        paths = (Path(side["path"]) if side["path"] else None for side in sides)
        runs, seeds = (tuple(side[key] for side in sides) for key in ("run", "seed"))
        return cls(runs, seeds, tuple(paths), tuple(record["problems"]))  # type: ignore[arg-type]

    @property
    def are_there(self) -> bool:
        """Whether what was fetched is still kept."""
        return all(path is None or path.is_file() for path in self.paths)


def first_of_both(pairing: "Pairing") -> "tuple[TrackedRun, TrackedRun]":
    """Return baseline and final of the first seed that both have, else the first of each."""
    finals = {run.seed: run for run in pairing.finals}
    for run in pairing.baselines:
        if run.seed in finals:
            return run, finals[run.seed]
    return pairing.baselines[0], pairing.finals[0]


def fetch(pairing: "Pairing", reader: "TrackingReader", folder: Path) -> Archives:
    """Fetch the archives of `first_of_both` into `folder`; one that lies there is not fetched again.

    Raises:
        StoreUnreachable: the tracking store does not answer.
        OSError: the folder cannot be written.
    """
    runs = first_of_both(pairing)
    problems: list[str] = []
    paths = [_fetch(run, reader, folder, problems) for run in runs]
    ids, seeds = (runs[0].run_id, runs[1].run_id), (runs[0].seed, runs[1].seed)
    return Archives(ids, seeds, (paths[0], paths[1]), tuple(problems))


def _fetch(run: "TrackedRun", reader: "TrackingReader", folder: Path, problems: list[str]) -> Path | None:
    # a run that went on after its end has other pictures and another end
    name = re.sub(r"[^\w.-]+", "_", f"{run.mlflow_run_id}-{run.ended:.0f}-{run.results}")
    path = folder / f"{name}.zip"
    if path.is_file():
        path.touch()
        return path
    with reader.artifact(run, f"{run.results}/{PICTURES}") as found:
        if found is None:
            problems.append(f"{run.run_id} kept none of its test pictures; train it again")
            return None
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        shutil.copyfile(found, partial)
        partial.replace(path)
    return path


@dataclass(frozen=True, slots=True)
class Pictured:
    """One test picture with what both sides predict in it; a side without pictures has no mask.

    Attributes:
        thumbnail: uint8 RGB (h, w, 3), scaled down.
        truth, baseline, final: bool (H, W), at the picture's own size.
    """

    thumbnail: "np.ndarray"
    truth: "np.ndarray"
    baseline: "np.ndarray | None"
    final: "np.ndarray | None"


class PairPictures:
    """Reads pictures from the archives, each when it is asked for; used by one thread at a time.

    Raises (`read`):
        ValueError: one sentence: there is no such picture, or an archive is damaged.
    """

    def __init__(self, archives: Archives) -> None:
        self.archives = archives
        self._open: list[Any] | None = None

    def read(self, file: str) -> Pictured:
        found = [archive.read(file) if archive else None for archive in self._opened()]
        first = found[1] or found[0]
        if first is None:
            said = "; ".join(self.archives.problems) or f"the runs kept no picture of {file}"
            raise ValueError(said)
        masks = [None if each is None else each.prediction for each in found]
        return Pictured(first.thumbnail, first.truth, *masks)

    def _opened(self) -> Sequence[Any]:
        from pipeseg.data.scored_pictures import ScoredArchive

        if self._open is None:
            try:
                self._open = [ScoredArchive(path) if path else None for path in self.archives.paths]
            except OSError as error:
                raise ValueError(os_error_sentence(error)) from error
        return self._open
