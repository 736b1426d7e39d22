"""One sweep as it stands now, made from its plan and its runs."""

import math
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.journal import number
from experiments.run_view import RunView
from experiments.sweep_directory import SweepDirectory
from pipeseg.run_directory import RunDirectory

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Combination:
    """One run of a sweep, begun or not.

    Attributes:
        place: in the sweep, counted from 0.
        overrides: `key=value` texts of this run, all of them.
        differs: those in which it differs from the others.
        run: None as long as it waits.
        refused: why it could not begin or go on.
    """

    place: int
    overrides: tuple[str, ...]
    differs: tuple[str, ...]
    run: RunView | None
    refused: str | None = None

    @property
    def status(self) -> str:
        """A status of a run, or `waiting`; `failed` when it could not begin."""
        if self.run is None:
            return "failed" if self.refused else WAITING
        return self.run.status

    @property
    def has_failed(self) -> bool:
        return self.refused is not None or self.status in ("failed", "lost")

    @property
    def label(self) -> str:
        return " ".join(self.differs)

    @property
    def values(self) -> dict[str, str]:
        """Key -> value of what differs from the others."""
        return {key: value for key, _, value in (text.partition("=") for text in self.differs)}


@dataclass(frozen=True, slots=True)
class SweepView:
    """A snapshot of a sweep.

    Attributes:
        status: `running`; `finished` (every run has), `failed` (all have ended, not all well), `stopped` (some are
            still to be done, and it was asked to leave them), `lost` (some are, and its process is gone).
        created: unix seconds.
        jobs: how many runs work at a time.
        overrides: as they were typed.
    """

    directory: SweepDirectory
    experiment: str
    name: str | None
    status: str
    created: float
    jobs: int
    overrides: tuple[str, ...]
    combinations: tuple[Combination, ...]
    plan: Mapping[str, Any]

    @property
    def sweep_id(self) -> str:
        return self.directory.sweep_id

    @property
    def is_active(self) -> bool:
        return self.status == "running"

    @property
    def varied(self) -> dict[str, list[str]]:
        """Key -> its values, for the keys in which the runs differ."""
        found: dict[str, dict[str, None]] = {}
        for combination in self.combinations:
            for key, value in combination.values.items():
                found.setdefault(key, {})[value] = None
        return {key: list(values) for key, values in found.items()}

    @property
    def counts(self) -> Counter[str]:
        """How many combinations have each status."""
        return Counter(combination.status for combination in self.combinations)

    @property
    def done(self) -> int:
        """How many combinations have ended."""
        return sum(combination.status in ("finished", "failed", "lost") for combination in self.combinations)

    @property
    def ended(self) -> float | None:
        """When the last run ended (unix seconds), None while something works."""
        ends = [each.run.ended for each in self.combinations if each.run and each.run.ended]
        return max(ends) if ends and not self.is_active else None


def make_view(directory: SweepDirectory, runs: Mapping[int, RunView]) -> SweepView:
    """Put a sweep together from its plan and `runs` (place -> its newest run)."""
    plan, session = directory.read_plan(), directory.read_session()
    refused = session.get("refused", {})
    made = tuple(
        Combination(place, tuple(item["overrides"]), tuple(item["differs"]), runs.get(place), refused.get(str(place)))
        for place, item in enumerate(plan.get("combinations", []))
    )
    return SweepView(
        directory=directory,
        experiment=str(plan.get("experiment", "")),
        name=plan.get("name"),
        status=_derive_status(directory, made),
        created=number(plan.get("created")) or 0.0,
        jobs=int(session.get("jobs") or plan.get("jobs") or 1),
        overrides=tuple(plan.get("overrides", [])),
        combinations=made,
        plan=plan,
    )


def _derive_status(directory: SweepDirectory, combinations: tuple[Combination, ...]) -> str:
    if directory.is_worked_on():
        return "running"
    statuses = {combination.status for combination in combinations}
    if statuses <= {"finished"}:
        return "finished"
    if statuses <= {"finished", "failed"} or (statuses <= {"finished", "failed", "lost"} and directory.read_exit()):
        return "failed"
    return "stopped" if directory.read_exit() else "lost"


def seconds_left(view: SweepView, now: float | None = None) -> float | None:
    """Estimate how long a sweep still takes, in seconds: runs that wait take as long as the finished ones did.

    None while nothing is known.
    """
    now = time.time() if now is None else now
    runs = [combination.run for combination in view.combinations if combination.run]
    # the clock of a run that was broken off and goes on says nothing about its length
    lengths = [run.ended - run.started for run in runs if _is_whole(run) and run.ended and run.started]
    working = [run for run in runs if run.is_active]
    lengths = lengths or [
        now - run.started + run.eta_seconds for run in working if run.started and run.eta_seconds is not None
    ]
    if not lengths:
        return None
    usual = statistics.mean(lengths)
    rest = [
        run.eta_seconds if run.eta_seconds is not None else max(0.0, usual - (now - (run.started or now)))
        for run in working
    ]
    unfinished = (WAITING, "stopped")
    waiting = sum(combination.status in unfinished for combination in view.combinations)
    return max([*rest, (sum(rest) + waiting * usual) / max(1, view.jobs)])


def _is_whole(run: RunView) -> bool:
    return run.status == "finished" and not run.info.get("attempts")


@dataclass(frozen=True, slots=True)
class Spread:
    """Scores of runs that differ in nothing but the seed.

    Attributes:
        mean, deviation: of the mean test IoU per run, in [0, 1]; the deviation is the sample's (n - 1).
    """

    values: tuple[tuple[str, str], ...]
    n: int
    mean: float
    deviation: float


def spreads(view: SweepView) -> list[Spread]:
    """Return mean and standard deviation of the test IoU over the seeds, wherever two or more seeds have finished."""
    groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
    for combination in view.combinations:
        score = combination.run.test.get("iou") if combination.run and combination.status == "finished" else None
        if "seed" in combination.values and score is not None and math.isfinite(score):
            others = tuple((key, value) for key, value in combination.values.items() if key != "seed")
            groups.setdefault(others, []).append(score)
    return [
        Spread(values, len(scores), statistics.mean(scores), statistics.stdev(scores))
        for values, scores in groups.items()
        if len(scores) > 1
    ]


def directories(view: SweepView) -> list[RunDirectory]:
    """Return the runs that have been begun, in the order of the combinations."""
    return [combination.run.directory for combination in view.combinations if combination.run]
