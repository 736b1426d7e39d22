"""Diagnosing a run that may still work: its own facts, and those of the runs that it has started."""

from collections.abc import Sequence
from dataclasses import replace

from experiments.diagnosis import SEVERITIES, Verdict, diagnose
from experiments.journal import ACTIVE
from experiments.run_facts import FactsReader, RunFacts
from pipeseg.run_directory import RunDirectory


class Diagnoser:
    """Looks at one run again and again; one thread at a time."""

    def __init__(self, directory: RunDirectory) -> None:
        self._run = FactsReader(directory)
        self._children: dict[str, FactsReader] = {}

    def look(self) -> list[Verdict]:
        """Return what is wrong now, the gravest first; what is wrong with a run of a study carries that run's id."""
        facts = self._run.read()
        directory = self._run.directory
        names = self._run.children if facts.status in ACTIVE else set()
        # a reader that goes on reads only what is new
        self._children = {
            name: self._children.get(name) or FactsReader(RunDirectory(directory.path.with_name(name)))
            for name in names
            if directory.path.with_name(name).is_dir()
        }
        children = [reader.read() for reader in self._children.values()]
        found = diagnose(heard_through(facts, children))
        found += [replace(verdict, run_id=child.run_id) for child in children for verdict in diagnose(child)]
        return sorted(found, key=lambda verdict: SEVERITIES.index(verdict.severity))


def heard_through(facts: RunFacts, children: Sequence[RunFacts]) -> RunFacts:
    """Return the facts of a run that waits for others: as long as they are heard of, so is it."""
    signs = [each.last_sign for each in (facts, *children) if each.last_sign is not None]
    return replace(facts, last_sign=max(signs, default=None))
