"""The last health check of this machine: `<RUNS_DIR>/.health-<host>.json`, written by whoever ran it to its end."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from experiments.environment import Fact
from experiments.health import Check, healthy
from experiments.processes import this_host
from experiments.state_folder import cache_folder
from pipeseg.run_directory import read_json, write_json
from pipeseg.settings import Settings


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What was found.

    Attributes:
        time: when, in unix seconds.
        environment: title -> facts.
    """

    time: float
    checks: tuple[Check, ...] = ()
    environment: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    @property
    def failures(self) -> list[Check]:
        return [check for check in self.checks if check.state == "fail"]


def report_file(settings: Settings) -> Path:
    # several machines may share the folder
    return cache_folder(settings) / f".health-{this_host()}.json"


def record(checks: Sequence[Check], environment: Mapping[str, Sequence[Fact]]) -> dict[str, Any]:
    """Return what `health_check.py --json` prints."""
    facts = {title: [asdict(fact) for fact in found] for title, found in environment.items()}
    return {"healthy": healthy(list(checks)), "checks": [asdict(check) for check in checks], "environment": facts}


def save_report(settings: Settings, checks: Sequence[Check], environment: Mapping[str, Sequence[Fact]]) -> None:
    """Keep a report, where the folder is there: looking makes none.

    Raises:
        OSError: it cannot be written there.
    """
    if settings.runs_dir.is_dir():
        report_file(settings).parent.mkdir(parents=True, exist_ok=True)
        write_json(report_file(settings), {"time": time.time(), **record(checks, environment)})


def last_report(settings: Settings) -> HealthReport | None:
    """Return the last report; None where there is none, or it is of another form."""
    values = read_json(report_file(settings))
    try:
        checks = tuple(Check(**entry) for entry in values["checks"])
        facts = {title: tuple(Fact(**entry) for entry in found) for title, found in values["environment"].items()}
        return HealthReport(float(values["time"]), checks, facts)
    except (KeyError, TypeError, ValueError, AttributeError):  # none, or of another version
        return None
