"""The study: its graph read again and again, started, held, stopped, and steps of it done anew."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages
from app.language import _, ngettext
from app.layers.launching import Launching
from app.text import escape
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView
    from experiments.study_view import StudyReader, StudyView

LOOK_SECONDS = 1.0


@messages.message
class StudyRead(Message):
    """A study, or the plan of one, was read; `choices` are all there are to choose from, oldest first, plans last."""

    view: "StudyView | None"
    key: str | None
    choices: list[str]


@messages.message
class RerunWanted(Message):
    """What a person wants done anew, and every step that this means."""

    run: "RunView"
    step: str
    steps: list[str]


@messages.message
class Rerunning(Message):
    """A study goes on to do steps anew."""

    run_id: str
    steps: list[str]


class Studying(Launching):
    """Between the Study pane and `experiments.study_view`.

    Attributes:
        study_key: what the pane shows: the run id of a study, or the name of an experiment for its plan.
        study_choices: as in `StudyRead`.
    """

    study_key: str | None = None
    study_choices: tuple[str, ...] = ()
    _study_wanted: str | None = None
    _reading_study = False
    _plan_known: "tuple[object, StudyView] | None" = None

    def begin(self) -> None:
        super().begin()
        self._study_readers: dict[str, StudyReader] = {}
        self.set_interval(LOOK_SECONDS, self._look_at_study)

    @property
    def is_on_study(self) -> bool:
        return self.pane == "study" and not self.is_on_list

    @property
    def current_run(self) -> "RunView | None":
        """In the Study pane the study itself, so that pause, stop and copy mean it."""
        if self.is_on_study and self.furnished:
            view = self.part("#study").view
            return view.run if view else None
        return super().current_run

    # -- reading -------------------------------------------------------------------------------------------------

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "study":
            self.read_study()

    def _look_at_study(self) -> None:
        if self.is_on_study:
            self.read_study()

    def action_refresh(self) -> None:
        if self.is_on_study:
            self._plan_known = None
            self.read_study()
        super().action_refresh()

    def read_study(self) -> None:
        if self.furnished and self.runs is not None and not self._reading_study:
            self._reading_study = True
            studies = [run for run in self.runs if run.stage == "study"]
            self._read_study(studies, list(self.experiments), self._study_wanted)

    @work(thread=True, group="study", exit_on_error=False)
    def _read_study(self, studies: "list[RunView]", experiments: "list[Experiment]", wanted: str | None) -> None:
        from experiments.study_preview import is_study
        from experiments.study_view import first_study

        try:
            plans = {each.name: each for each in experiments if not each.problem and is_study(each)}
            by_id = {run.run_id: run for run in reversed(studies)}
            choices = [*by_id, *plans]
            first = first_study(studies)
            named = next((name for name in (self.selected, "study") if name in plans), next(iter(plans), None))
            key = wanted if wanted in choices else first.run_id if first else named
            if key is None:
                self.post_message(StudyRead(None, None, choices))
            elif key in by_id:
                self.post_message(StudyRead(self._reader(by_id[key]).read(), key, choices))
            else:
                self._read_plan(plans[key], choices, len(studies))
        finally:
            self._reading_study = False

    def _reader(self, run: "RunView") -> "StudyReader":
        from experiments.study_view import StudyReader

        if run.run_id not in self._study_readers:
            # one at a time: a journal that is not looked at is not kept
            self._study_readers = {run.run_id: StudyReader(self.settings, run.directory)}
        return self._study_readers[run.run_id]

    def _read_plan(self, experiment: "Experiment", choices: list[str], ended: int) -> None:
        """Post the plan at once, and again when it is known what is done already."""
        from experiments.study_preview import foretold, planned

        stat = experiment.config_file.stat()
        stamp = (experiment.name, stat.st_mtime_ns, stat.st_size, ended)
        if self._plan_known is None or self._plan_known[0] != stamp:
            self.post_message(StudyRead(planned(experiment), experiment.name, choices))
            self._plan_known = stamp, foretold(self.settings, experiment)
        self.post_message(StudyRead(self._plan_known[1], experiment.name, choices))

    @on(StudyRead)
    def study_read(self, message: StudyRead) -> None:
        if self._study_wanted in message.choices and message.key != self._study_wanted:
            self.read_study()  # another one was chosen meanwhile
            return
        self.study_key, self.study_choices = message.key, tuple(message.choices)
        place = message.choices.index(message.key) + 1 if message.key else 0
        self.part("#study").show(message.view, place, len(message.choices))
        if self.is_on_study:
            self.draw_frame()

    @on(messages.CursorMoved)
    def other_step_meant(self) -> None:
        if self.is_on_study:
            self.part("#study").show_detail()

    # -- choosing ------------------------------------------------------------------------------------------------

    def action_older_study(self) -> None:
        self._choose(-1)

    def action_newer_study(self) -> None:
        self._choose(1)

    def _choose(self, way: int) -> None:
        if self.study_key in self.study_choices:
            place = self.study_choices.index(self.study_key) + way
            if 0 <= place < len(self.study_choices):
                self._study_wanted = self.study_key = self.study_choices[place]
                self.read_study()
            else:
                end = _("the oldest study") if way < 0 else _("the last of the plans")
                self.notify(_("this is {end}").format(end=end), timeout=2)

    # -- acting --------------------------------------------------------------------------------------------------

    @on(messages.Opened)
    def step_opened(self, message: messages.Opened) -> None:
        if message.control.id == "study-graph":
            self.action_open_step()

    def action_open_step(self) -> None:
        step = self.part("#study").selected if self.furnished else None
        if step and step.run:
            self.watch_run(step.run.path)
            self.action_show("live")
        elif step:
            self.notify(_("{step}: has no run yet").format(step=step.name), timeout=3, markup=False)

    def _settled(self, launch: Callable[[], None]) -> None:
        """In the Study pane it is the study there that is launched, whatever the list has."""
        if not self.is_on_study or not self.furnished:
            super()._settled(launch)
            return
        view = self.part("#study").view
        if view is None or view.experiment not in {each.name for each in self.experiments}:
            self.notify(_("no experiment is a study: nothing to start"), severity="warning")
            return

        def start() -> None:
            self.part(ExperimentList).select(view.experiment)
            self.select(view.experiment)
            super(Studying, self)._settled(launch)

        if not view.is_active:
            start()
            return
        question = _("{run} works already. Start another one beside it?").format(run=self.study_key)
        self.ask(question, [("y", _("start it")), ("n", _("leave it"))], lambda key: start() if key == "y" else None)

    @on(messages.Launched)
    def study_launched(self, message: messages.Launched) -> None:
        """Whoever started a study in its pane stays there."""
        if self.is_on_study:
            self._study_wanted = message.path.name
            self.call_later(self.action_show, "study")

    def action_stop(self) -> None:
        run = self.current_run if self.is_on_study else None
        if not run or not run.is_active:
            super().action_stop()
            return
        question = _("Stop {run}? Its steps that work save a checkpoint and stop too; p lets all of it go on.")
        self.ask(
            question.format(run=run.run_id),
            [("y", _("stop it")), ("n", _("let it run"))],
            lambda key: self._send(run, "stop") if key == "y" else None,
        )

    def action_rerun(self) -> None:
        pane = self.part("#study") if self.furnished else None
        step, run = (pane.selected, pane.view.run) if pane and pane.view else (None, None)
        if not step or not run:
            self.notify(_("a plan has nothing to do anew: l starts it"), severity="warning")
            return
        if run.is_active:
            self.notify(_("{run} works: stop it first (s)").format(run=run.run_id), severity="warning", markup=False)
            return
        self._ask_rerun(run, step.name)

    @work(thread=True, group="rerun", exit_on_error=False)
    def _ask_rerun(self, run: "RunView", step: str) -> None:
        from experiments.study_rerun import dependents, nodes_of

        self.post_message(RerunWanted(run, step, dependents(nodes_of(run.directory), step)))

    @on(RerunWanted)
    def confirm_rerun(self, message: RerunWanted) -> None:
        run, step = message.run, message.step
        more = [name for name in message.steps if name != step]
        question = _("Do {step} anew").format(step=step)
        if more:
            count = len(more)
            after = ngettext("with {count} step after it", "with {count} steps after it", count).format(count=count)
            shown = ", ".join(more[:6]) + (", …" if count > 6 else "")
            question += f", {after} ({shown})"
        question += _("? The runs that did it before stay as they are.")
        answers = [("y", _("do it anew")), ("n", _("leave it"))]
        self.ask(question, answers, lambda key: self._rerun(run, step) if key == "y" else None)

    @work(thread=True, group="rerun", exit_on_error=False)
    def _rerun(self, run: "RunView", step: str) -> None:
        from experiments.study_rerun import rerun

        self.post_message(Rerunning(run.run_id, rerun(self.settings, run.directory, step)))

    @on(Rerunning)
    def rerunning(self, message: Rerunning) -> None:
        text = ngettext("{run}: {count} step anew", "{run}: {count} steps anew", len(message.steps))
        self.notify(text.format(run=escape(message.run_id), count=len(message.steps)), timeout=4)
        self.read_list()
        self.read_study()
