"""Works on the graph of a study: reuses what is done, adopts what works, starts the rest, a few at a time.

How far a study is, is nowhere written: its runs say it, each with the key of its step in `run.json`. So it may be
killed at any moment, and whoever goes on finds everything.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filelock import FileLock

from experiments import launcher, runs
from experiments.folders import find_experiment
from experiments.narration import duration
from experiments.study_plan import OF_DATA, TRAININGS, Node
from experiments.study_reuse import ANEW, Reuse, Step
from experiments.sweep_devices import auto_jobs, list_devices, start
from pipeseg.errors import BadInput, StopRequested
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import StudyConfig

POLL_SECONDS = 0.2
TELL_SECONDS = 2.0
# of run.json of a step: the study has paused it, not a person, and lets it go on
HELD = "held"
# a training of unknown duration counts as one of these, where its own kind has not ended yet
LIKE = {"final": "baseline", "equal_budget": "final", "full_masks": "equal_budget"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step.

    Attributes:
        status: finished, failed, stopped, lost, or `left out` where a step that it needs has not finished.
        problem: one sentence, None for a finished step.
        reused: nothing was done, an earlier run served.
        seconds: how long it worked in this session; None where that is not known.
    """

    status: str
    run: RunDirectory | None = None
    problem: str | None = None
    reused: bool = False
    seconds: float | None = None


@dataclass(slots=True)
class _Work:
    run: RunDirectory
    began: float
    adopted: bool


class StudyRunner:
    """One session of work on a study.

    Attributes:
        outcomes: of the steps that have ended, by name.
    """

    def __init__(self, run: Run, nodes: list[Node]):
        assert isinstance(run.config, StudyConfig)
        self.run, self.settings, self.config = run, run.settings, run.config
        self.nodes = {node.name: node for node in nodes}
        self.outcomes: dict[str, Outcome] = {}
        self.waiting = list(nodes)
        self.working: dict[str, _Work] = {}
        self.reuse = Reuse(self.settings, self.nodes, self._hashing)
        self._anew: Mapping[str, float] = run.directory.read_info().get(ANEW) or {}
        self._held_since = 0.0
        self._devices = list_devices(os.environ)
        cores = os.cpu_count() or 1
        jobs = self.config.jobs
        self.jobs = auto_jobs(self._devices, cores, self._devices_each()) if jobs == "auto" else jobs
        self._environment: dict[str, str] = {}
        if self.jobs > 1 and not self._devices and "OMP_NUM_THREADS" not in os.environ:
            # each of them would take every core
            self._environment = {"OMP_NUM_THREADS": str(max(1, cores // self.jobs))}
        self._retried: set[str] = set()
        self._told: tuple[float, int, str] = (0.0, 0, "")

    def _devices_each(self) -> int:
        """Return how many devices the step asks for that asks for most."""
        from pipeseg.config import read_yaml

        counts = [1]
        for node in self.nodes.values():
            own = read_yaml(find_experiment(self.settings, node.experiment).config_file)
            counts.append({**own, **node.values}.get("devices", 1))
        return max(counts)

    def work(self) -> dict[str, Outcome]:
        """Do what is left and return what became of every step, in the order of the plan.

        Raises:
            StopRequested: the steps that worked have been stopped as well.
        """
        while self.waiting or self.working:
            self.obey()
            self._collect()
            while self._fill():
                pass
            self._tell()
            if self.working:
                time.sleep(POLL_SECONDS)
        return {name: self.outcomes[name] for name in self.nodes}

    def obey(self) -> None:
        """Answer what a person asked of the study; see `work`."""
        try:
            self.run.obey(lambda: None, self._hold)
        except StopRequested:
            self._stop()
            raise

    def _hold(self, paused: bool) -> None:
        """Pause the steps that work, or let those go on that the study has paused."""
        for work in self.working.values():
            if not self._is_ours(work.run) or (paused and runs.run_status(work.run) == "paused"):
                continue  # another study's, or a person has paused it before
            if paused or work.run.read_info().get(HELD):
                work.run.update(**{HELD: paused})
                with contextlib.suppress(BadInput):  # it has just ended by itself
                    runs.send(self.settings, work.run, "pause" if paused else "resume")
        if paused:
            self._held_since = time.monotonic()
            return
        for work in self.working.values():  # nobody worked meanwhile
            work.began += time.monotonic() - self._held_since

    def _stop(self) -> None:
        ours = {name: work for name, work in self.working.items() if self._is_ours(work.run)}
        for work in ours.values():
            with contextlib.suppress(BadInput):  # it has just ended by itself
                runs.send(self.settings, work.run, "stop")
        for name, work in ours.items():
            launcher.wait(work.run)
            self._say(name, work.run, runs.run_status(work.run))
        study = self.run.directory.run_id
        done = sum(outcome.status == "finished" for outcome in self.outcomes.values())
        self.run.message(f"{done} of {len(self.nodes)} steps are done; `python -m experiments resume {study}` goes on")

    def _collect(self) -> None:
        for name, work in list(self.working.items()):
            if not launcher.has_ended(work.run):
                if work.adopted:
                    self._start_orphan(name, work.run)
                continue
            del self.working[name]
            now = runs.view(work.run)
            if now.status == "lost" and work.adopted and name not in self._retried:
                # it was dying already when this session found it
                self._retried.add(name)
                self.waiting.insert(0, self.nodes[name])
                continue
            self._say(name, work.run, now.status)
            seconds = time.monotonic() - work.began
            problem = None if now.status == "finished" else now.error or _ending(now)
            if not problem and not self.reuse.is_whole(self.nodes[name], work.run):
                problem = "what it made is gone or was changed meanwhile; resume the study to make it again"
            status = "failed" if problem and now.status == "finished" else now.status
            self._end(name, Outcome(status, work.run, problem, seconds=None if work.adopted else seconds))

    def _start_orphan(self, name: str, run: RunDirectory) -> None:
        """Start a run that a study wrote down and did not live to start."""
        if runs.is_prepared_only(runs.view(run)):
            with self._alone():
                if runs.is_prepared_only(runs.view(run)):
                    start(self.settings, run, self._devices, self._others(name), self._environment)

    def _alone(self) -> FileLock:
        # two studies of the same steps: the second must see what the first has begun
        return FileLock(self.settings.runs_dir / ".study.lock")

    def _end(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        if outcome.problem:
            self.run.warn(f"{name}: {outcome.problem}")
            run_id = outcome.run.run_id if outcome.run else None
            self.run.emit("child", run_id=run_id, step=name, status=outcome.status, problem=outcome.problem)

    def _fill(self) -> bool:
        """Begin what can begin, in the order of the plan; return whether that may let others begin."""
        for node in list(self.waiting):
            ended = [self.outcomes[name] for name in node.needs if name in self.outcomes]
            if broken := [name for name in node.needs if name in self.outcomes and self.outcomes[name].problem]:
                self.waiting.remove(node)
                self._end(node.name, Outcome("left out", problem=f"left out, for it needs {broken[0]}"))
                return True
            busy = len(self.working) >= self.jobs
            of_data = node.stage in OF_DATA and any(self.nodes[name].stage in OF_DATA for name in self.working)
            if len(ended) < len(node.needs) or busy or of_data:
                continue
            self.waiting.remove(node)
            try:
                self._begin(node)
            except BadInput as error:
                self._end(node.name, Outcome("failed", problem=str(error)))
            return True
        return False

    def _begin(self, node: Node) -> None:
        """Find the run of a step, or start it.

        Raises:
            BadInput: it cannot begin.
        """
        step = self.reuse.step(node, {name: self._run_of(name) for name in node.needs})
        with self._alone():
            if self._take(step):
                return
            overrides = step.overrides
            if "replace" in type(step.config).model_fields and self.reuse.may_replace(step.config):
                overrides = [*overrides, "replace=true"]
            facts = {"study": self.run.directory.run_id, "study_key": step.key, "study_step": node.name}
            name = f"{self.run.directory.run_id}: {node.name}"
            child = launcher.prepare(self.settings, step.experiment, overrides, name, facts=facts)
            self._start(node, child)

    def _take(self, step: Step) -> bool:
        """Use a run of this key: a finished one, one that works, or one that broke off; return whether there is one."""
        node, found = step.node, self.reuse.candidates(step, self._anew)
        if not self.config.reuse:
            found = [run for run in found if self._is_ours(run)]
        if run := self.reuse.finished(node, found):
            self._say(node.name, run, "finished", reused=True)
            self.run.message(f"{node.name}: already done by {run.run_id}")
            self._end(node.name, Outcome("finished", run, reused=True))
            return True
        for run in found:
            if runs.view(run).is_active:
                if not self._is_alive(run.read_info().get("study")):
                    run.update(study=self.run.directory.run_id)
                if self._is_ours(run) and run.read_info().get(HELD):
                    # the session that paused it has not lived to let it go on
                    run.update(**{HELD: False})
                    with contextlib.suppress(BadInput):  # it has just ended by itself
                        runs.send(self.settings, run, "resume")
                self.working[node.name] = _Work(run, time.monotonic(), adopted=True)
                self._say(node.name, run, "running")
                self.run.message(f"{node.name}: works already, as {run.run_id}")
                return True
        for run in found:
            now = runs.view(run)
            if node.stage not in TRAININGS or not now.can_go_on:
                continue
            try:
                launcher.reopen(self.settings, run)
            except BadInput as error:
                self.run.warn(f"{node.name}: {error}; begins anew")
                continue
            run.update(study=self.run.directory.run_id, **{HELD: False})
            self.run.message(f"{node.name}: goes on, {run.run_id} was {now.status}")
            self._start(node, run)
            return True
        return False

    def _start(self, node: Node, run: RunDirectory) -> None:
        start(self.settings, run, self._devices, self._others(node.name), self._environment)
        self.working[node.name] = _Work(run, time.monotonic(), adopted=False)
        self._say(node.name, run, "running")

    def _others(self, name: str) -> list[RunDirectory]:
        return [work.run for other, work in self.working.items() if other != name]

    def _hashing(self, done: int, total: int) -> None:
        self.run.progress(len(self.outcomes), len(self.nodes), phase=f"reading datasets, file {done} of {total}")
        self.obey()

    def _is_ours(self, run: RunDirectory) -> bool:
        return run.read_info().get("study") == self.run.directory.run_id

    def _is_alive(self, study: object) -> bool:
        directory = RunDirectory(self.settings.runs_dir / str(study))
        return study != self.run.directory.run_id and bool(directory.read_info()) and runs.view(directory).is_active

    def _run_of(self, name: str) -> RunDirectory:
        run = self.outcomes[name].run
        assert run is not None, name
        return run

    def _say(self, name: str, run: RunDirectory, status: str, **facts: Any) -> None:
        self.run.emit("child", run_id=run.run_id, step=name, status=status, **facts)

    def _tell(self) -> None:
        """Tell how far the study is: at every change, and now and then."""
        names, now, done = list(self.working), time.monotonic(), len(self.outcomes)
        phase = f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0] if names else "between steps"
        if (done, phase) == self._told[1:] and now - self._told[0] < TELL_SECONDS:
            return
        self._told = now, done, phase
        left = self._seconds_left()
        facts = {} if left is None else {"eta_seconds": round(left, 1)}
        self.run.progress(done, len(self.nodes), force=True, phase=phase, **facts)

    def _seconds_left(self) -> float | None:
        known: dict[str, list[float]] = {}
        for name, outcome in self.outcomes.items():
            if outcome.seconds is not None:
                known.setdefault(self.nodes[name].stage, []).append(outcome.seconds)
        working = []
        for name, work in self.working.items():
            stage, spent = self.nodes[name].stage, time.monotonic() - work.began
            working.append((stage, spent))
            left = runs.view(work.run).eta_seconds
            if stage not in known and left is not None:  # none of its kind has ended; it says itself how long it takes
                known[stage] = [spent + left]
        return seconds_left(known, [node.stage for node in self.waiting], working, self.jobs)


def seconds_left(
    known: Mapping[str, list[float]], waiting: list[str], working: list[tuple[str, float]], jobs: int
) -> float | None:
    """Return about how many seconds a study will still take, None where no training says how long one takes.

    Args:
        known: stage -> seconds that its steps took.
        waiting: stages of the steps that have not begun.
        working: stage of each step that works, and for how many seconds it has.
        jobs: steps at a time.
    """
    every = [seconds for each in known.values() for seconds in each]
    left_to_do = {*waiting, *(stage for stage, _ in working)}
    if not every or (left_to_do & {*TRAININGS} and not {*known} & {*TRAININGS}):
        return None

    def expected(stage: str) -> float:
        alike: str | None = stage
        while alike and alike not in known:
            alike = LIKE.get(alike)
        seconds = known[alike] if alike else every
        return sum(seconds) / len(seconds)

    left = sum(map(expected, waiting)) + sum(max(0.0, expected(stage) - spent) for stage, spent in working)
    return left / jobs


def _ending(now: runs.RunView) -> str:
    lasted = duration(now.ended - now.started) if now.ended and now.started else ""
    return f"ended as {now.status}{f' after {lasted}' if lasted else ''}; see {now.directory.log_file}"
