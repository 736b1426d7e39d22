"""The comparison: the one kept from last time at once, then read again in another process, of the runs chosen."""

import time
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages, reading
from app.comparison import METRICS, Question
from app.language import _
from app.layers.launching import Launching

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from experiments.comparison_report import Report

AGE_SECONDS = 1.0


@messages.message
class Compared(Message):
    """A comparison is there; `is_kept` tells that it is from last time."""

    question: Question
    report: "Report"
    is_kept: bool = False


@messages.message
class NotCompared(Message):
    """The comparison could not be read; one sentence says why."""

    question: Question
    problem: str


@messages.message
class ReadingRuns(Message):
    """So many runs are read."""

    done: int
    total: int


class Comparing(Launching):
    """Between the Compare pane and `python -m experiments compare`.

    Attributes:
        compared: the runs that could be compared when the comparison was read last; None = it was not.
        question: which runs; kept as long as the dashboard is open.
        metric: the one that is shown.
        comparison: of the question, as it was read last.
    """

    compared: frozenset[str] | None = None
    question = Question()
    metric = METRICS[0]
    comparison: "Report | None" = None
    _problem: str | None = None
    _since: float | None = None
    _progress: tuple[int, int] | None = None

    def begin(self) -> None:
        super().begin()
        self.set_interval(AGE_SECONDS, self._tell_age)

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "compare" and self.compared is None:
            self.compare()

    def action_refresh(self) -> None:
        super().action_refresh()
        if self.pane == "compare":
            self.compare()

    @on(messages.Listed)
    def compare_again(self) -> None:
        if self.compared is not None and reading.comparable(self.runs or []) != self.compared:
            self.compare()

    # -- reading -------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Read the comparison; what was read before stays on the screen until then."""
        if self.furnished:
            self.compared = reading.comparable(self.runs or [])
            self._since, self._progress = time.monotonic(), None
            self.draw_comparison()
            self._read_comparison(self.question, show_kept=self.comparison is None or not self.comparison.made)

    @work(exclusive=True, group="compare", exit_on_error=False)
    async def _read_comparison(self, question: Question, show_kept: bool) -> None:
        import asyncio

        from app.comparison import kept, read
        from pipeseg.errors import BadInput, RunFailed

        def tell(done: int, total: int) -> None:
            self.post_message(ReadingRuns(done, total))

        try:
            if show_kept and (known := await asyncio.to_thread(kept, self.settings, question)):
                self.post_message(Compared(question, known, is_kept=True))
            self.post_message(Compared(question, await read(self.settings, question, tell)))
        except (BadInput, RunFailed, OSError) as error:
            self.post_message(NotCompared(question, str(error)))

    @on(ReadingRuns)
    def show_progress_of_comparison(self, message: ReadingRuns) -> None:
        self._progress = message.done, message.total
        self._tell_age()

    @on(Compared)
    def show_comparison(self, message: Compared) -> None:
        if message.question is self.question:
            self.comparison = message.report
            if not message.is_kept:
                self._since = self._problem = None
            self.draw_comparison()

    @on(NotCompared)
    def show_why_not(self, message: NotCompared) -> None:
        if message.question is self.question:
            self._since, self._problem = None, message.problem
            self.draw_comparison()

    def draw_comparison(self) -> None:
        from app.compare_view import State

        state = State(self.comparison, self.metric, self.question, self._problem, self._since, self._progress)
        self.part("#compare").show(state)

    def _tell_age(self) -> None:
        if self.furnished and self.pane == "compare" and (pane := self.part("#compare")).state:
            if pane.state.progress != self._progress:
                self.draw_comparison()
            else:
                pane.show_head()

    def action_copy(self) -> None:
        if run := self.current_run:
            self.copy_to_clipboard(run.run_id)
            self.notify(f"copied {run.run_id}", timeout=2)

    # -- what is shown -------------------------------------------------------------------------------------------

    @on(messages.CursorMoved)
    def other_class_meant(self) -> None:
        if self.pane == "compare":
            self.part("#compare").show_row()

    def action_metric(self) -> None:
        """Show the next metric; all of them were read."""
        self.metric = METRICS[(METRICS.index(self.metric) + 1) % len(METRICS)]
        if self.furnished:
            self.draw_comparison()

    def action_choose(self, side: str) -> None:
        """Let the runs of one side be chosen among those that were found."""
        from app.screens.choose_runs import ChooseRuns

        if self.comparison is None or not self.comparison.candidates:
            waiting = self._since is not None
            text = _("the runs are still being read") if waiting else _("MLflow holds no run to choose; r reads again")
            self.notify(text, severity="warning")
            return

        def answer(runs: tuple[str, ...] | None) -> None:
            if runs is not None and set(runs) != set(self.question.sides[side]):
                self.ask_for(self.question.choosing(side, runs))

        self.push_screen(ChooseRuns(side, self.comparison.candidates, self.question), answer)

    def ask_for(self, question: Question) -> None:
        """Compare other runs; the table of the ones before goes, for it is not theirs."""
        candidates = self.comparison.candidates if self.comparison else ()
        self.question, self.comparison, self._problem = question, None, None
        if candidates:
            from experiments.comparison_report import Report

            # who chose wrongly chooses again, without waiting
            self.comparison = Report(made=0.0, candidates=candidates)
        self.compare()

    # -- one class -----------------------------------------------------------------------------------------------

    @on(messages.Opened)
    def class_opened(self, message: messages.Opened) -> None:
        if message.control.id == "compare-grid":
            self.action_drill()

    def action_drill(self) -> None:
        """Look at the pictures of the class under the cursor."""
        row: Comparison | None = self.part("#compare").row if self.furnished else None
        if row is None or self.comparison is None:
            self.notify(_("no class to look into: there is no table yet"), severity="warning")
            return
        if row.kind == "mean":
            self.notify(_("the mean has no pictures of its own: choose a class"), severity="warning")
            return
        from app.screens.drill_down import DrillDown

        self.push_screen(DrillDown(self.settings, self.question, self.comparison, row))
