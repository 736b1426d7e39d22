"""A study as it stands: every step of its graph with its state, from the journals; nothing is hashed or started.

A reader keeps its place in the study's journal, so that asking again costs what is new.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from experiments import runs
from experiments.run_view import RunView
from experiments.study_plan import COMPARE, Node, plan
from experiments.study_results import COMPARISON
from experiments.study_reuse import ANEW
from pipeseg.events import Event, LineReader
from pipeseg.run_directory import RunDirectory
from pipeseg.schema import StudyConfig
from pipeseg.settings import Settings

# what may stand beside the word of a state: nothing is told by colour alone
STATE_GLYPHS = {
    "waiting": "○",
    "running": "●",
    "paused": "‖",
    "done": "✓",
    "cached": "↺",
    "failed": "✗",
    "stopped": "■",
    "lost": "?",
    "blocked": "⊘",
}
WORKING = ("running", "paused")
DONE = ("done", "cached")
BROKEN = ("failed", "lost", "blocked")
# of a plan that nobody has started: whether the step would be done, and where that cannot be known
NEW, UNKNOWN = "new", "unknown"

_COMPARE_PROBLEM = re.compile(r"\bcompare: (.*?)(?:\. `python|$)")


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a study; a snapshot.

    Attributes:
        defect_class, seed: None for a step of all classes, or without a seed.
        needs: names of the steps before it.
        state: one of `STATE_GLYPHS`; `cached` = a run of another study or session served, `blocked` = a step that it
            needs is broken.
        run: what does it or did it; None while there is none.
        fraction: of a step that works, in [0, 1].
        eta_seconds: of a step that works, as it says itself.
        seconds: how long its run has worked.
        test_iou: in [0, 1].
        problem: one sentence of what went wrong.
        blocked_by: the first step that it needs and that is broken.
        forecast: of a plan: `NEW`, `UNKNOWN`, else None.
    """

    name: str
    stage: str
    defect_class: str | None = None
    seed: int | None = None
    needs: tuple[str, ...] = ()
    state: str = "waiting"
    run: RunView | None = None
    fraction: float | None = None
    eta_seconds: float | None = None
    seconds: float | None = None
    test_iou: float | None = None
    problem: str | None = None
    blocked_by: str | None = None
    forecast: str | None = None


@dataclass(frozen=True)
class StudyView:
    """A study, or the plan of one.

    Attributes:
        experiment: name of its folder.
        run: None for a plan.
        steps: in the order of the plan; `compare` last, where the study ends in a table.
        jobs: steps at a time; None where only its start will tell.
        problem: one sentence where there is no plan.
    """

    experiment: str
    run: RunView | None
    steps: tuple[StepView, ...]
    jobs: int | None = None
    problem: str | None = None

    @cached_property
    def by_name(self) -> dict[str, StepView]:
        return {step.name: step for step in self.steps}

    @cached_property
    def counts(self) -> Counter[str]:
        """State -> number of steps."""
        return Counter(step.state for step in self.steps)

    @property
    def is_active(self) -> bool:
        return self.run is not None and self.run.is_active

    @property
    def eta_seconds(self) -> float | None:
        """How long it still takes, as it said last; None while it does not work or cannot know."""
        return self.run.eta_seconds if self.run and self.run.status == "running" else None

    @property
    def next_steps(self) -> list[str]:
        """What begins next: as many waiting steps as work at a time whose needs are done or at work."""
        ready = (*DONE, *WORKING)
        waiting = (
            step.name
            for step in self.steps
            if step.state == "waiting" and all(self.by_name[need].state in ready for need in step.needs)
        )
        return list(waiting)[: self.jobs or 1]

    def dependents(self, name: str) -> list[str]:
        """Return the steps that need a step directly."""
        return [step.name for step in self.steps if name in step.needs]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the study said of a step last."""

    time: float
    run_id: str | None
    status: str
    reused: bool
    problem: str | None


class StudyReader:
    """Reads one study again and again."""

    def __init__(self, settings: Settings, directory: RunDirectory):
        self.settings, self.directory = settings, directory
        self._events = LineReader(directory.events_file)
        self._said: dict[str, _Said] = {}
        self._outline: tuple[StepView, ...] = ()
        self._problem: str | None = None

    def read(self) -> StudyView:
        """Return the study as it stands now."""
        run = runs.view(self.directory)
        if not self._outline and self._problem is None:
            self._read_plan()
        while events := self._events.poll():
            for event in events:
                self._fold(event)
        anew = run.info.get(ANEW) if isinstance(run.info.get(ANEW), dict) else {}
        made: dict[str, StepView] = {}
        for step in self._outline:
            made[step.name] = self._compare(step, run, made) if step.stage == COMPARE else self._step(step, anew, made)
        jobs = run.info.get("jobs")
        return StudyView(
            run.experiment, run, tuple(made.values()), jobs if isinstance(jobs, int) else None, self._problem
        )

    def _read_plan(self) -> None:
        from pipeseg.config import ConfigError, load_config

        try:
            config, _ = load_config(self.directory.config_file)
        except ConfigError as error:
            self._problem = str(error)
            return
        if isinstance(config, StudyConfig):
            self._outline = outline(config)
        else:
            self._problem = f"{self.directory.run_id}: is no study"

    def _fold(self, event: Event) -> None:
        step = event.get("step")
        match event.get("kind"):
            case "child" if isinstance(step, str):
                run_id, problem = event.get("run_id"), event.get("problem")
                self._said[step] = _Said(
                    float(event.get("time") or 0.0),
                    run_id if isinstance(run_id, str) else None,
                    str(event.get("status")),
                    event.get("reused") is True,
                    str(problem) if problem else None,
                )
            case "status" if event.get("status") == "starting":
                # another session: what has not finished will be tried again
                self._said = {name: said for name, said in self._said.items() if said.status == "finished"}

    def _step(self, step: StepView, anew: Mapping[str, float], made: Mapping[str, StepView]) -> StepView:
        said = self._said.get(step.name)
        if said is None or said.time < anew.get(step.name, 0.0):
            broken = next((need for need in step.needs if made[need].state in BROKEN), None)
            return replace(step, state="blocked", blocked_by=broken) if broken else step
        if said.status == "left out":
            broken = next((need for need in step.needs if made[need].state not in DONE), None)
            return replace(step, state="blocked", blocked_by=broken, problem=said.problem)
        directory = RunDirectory(self.settings.runs_dir / said.run_id) if said.run_id else None
        run = runs.view(directory) if directory and directory.info_file.is_file() else None
        is_own = run is not None and run.info.get("study") == self.directory.run_id
        state = _state(said, run, is_own)
        works = run is not None and state in WORKING
        return replace(
            step,
            state=state,
            run=run,
            fraction=run.step / run.total if works and run.step is not None and run.total else None,
            eta_seconds=run.eta_seconds if works and state == "running" else None,
            seconds=_seconds(run) if run else None,
            test_iou=run.test.get("iou") if run else None,
            problem=said.problem or (run.error if run and state not in DONE else None),
        )

    def _compare(self, step: StepView, run: RunView, made: Mapping[str, StepView]) -> StepView:
        has_table = (run.directory.results / COMPARISON).is_file()
        if run.is_active:
            return replace(step, state="running" if run.phase == COMPARE else "waiting")
        if run.status in ("stopped", "lost"):
            return step
        if run.status == "finished" or has_table:
            return replace(step, state="done")
        found = _COMPARE_PROBLEM.search(run.error or "")
        broken = next((name for name, each in made.items() if each.state not in DONE), None)
        if found:
            return replace(step, state="failed", problem=found[1], blocked_by=broken)
        return replace(step, state="blocked", blocked_by=broken) if broken else replace(step, state="failed")


def _state(said: _Said, run: RunView | None, is_own: bool) -> str:
    if said.problem:
        return said.status if said.status in ("failed", "stopped", "lost") else "failed"
    status = run.status if run else said.status
    if status == "finished":
        return "cached" if said.reused and not is_own else "done"
    return {"starting": "running"}.get(status, status) if status != "left out" else "blocked"


def _seconds(run: RunView) -> float | None:
    if run.started is None:
        return None
    if run.is_active:
        return time.time() - run.started
    return run.ended - run.started if run.ended else None


def outline(config: StudyConfig) -> tuple[StepView, ...]:
    """Return the steps of a config, all of them waiting."""
    nodes = plan(config)
    steps = [StepView(node.name, node.stage, _class_of(node), _seed_of(node), node.needs) for node in nodes]
    if config.refine is not None and config.track_experiment:
        needed = {need for node in nodes for need in node.needs}
        ends = tuple(node.name for node in nodes if node.name not in needed)
        steps.append(StepView(COMPARE, COMPARE, needs=ends))
    return tuple(steps)


def _class_of(node: Node) -> str | None:
    value = node.values.get("defect_class")
    return value if isinstance(value, str) else None


def _seed_of(node: Node) -> int | None:
    # a step that serves all seeds has one in its config, but not in its name
    seed = node.values.get("seed")
    return seed if isinstance(seed, int) and node.name.endswith(f" seed {seed}") else None


def list_studies(settings: Settings) -> list[RunView]:
    """Return the runs that are studies, newest first."""
    return [run for run in runs.list_runs(settings) if run.stage == "study"]


def first_study(studies: Sequence[RunView]) -> RunView | None:
    """Return which of the studies (newest first) to look at: one that works, else the last."""
    return next((run for run in studies if run.is_active), studies[0] if studies else None)
