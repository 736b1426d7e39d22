"""The Runs pane: every run of disk and MLflow, filtered, sorted and marked; what takes time happens in threads."""

import time
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from app import messages
from app.language import _
from app.layers.listing import Listing

if TYPE_CHECKING:
    from app.widgets.runs_pane import RunsPane
    from experiments.mlflow_runs import Elsewhere, MlflowRuns
    from experiments.run_choice import Choice
    from experiments.runs import RunView

ELSEWHERE_SECONDS = 5.0
# how long configs are read for before what was found is shown
SHOW_SECONDS = 0.4


@messages.message
class Chosen(Message):
    """Runs were filtered and sorted; `wish` counts the wishes."""

    wish: int
    choice: "Choice"
    total: int


@messages.message
class QueryWrong(Message):
    """A query cannot be understood; one sentence says why."""

    wish: int
    sentence: str


@messages.message
class ElsewhereRead(Message):
    """MLflow was asked for runs that are not here."""

    elsewhere: "Elsewhere"


class Sifting(Listing):
    """Owns filter, order and marks.

    Attributes:
        filter_text: the filter that is shown; what is being typed may be wrong.
        marked: run ids, in the order in which they were marked.
        elsewhere: the runs that only MLflow knows.
    """

    filter_text = ""
    sort_field = "started"
    sort_reversed = False
    _unread = 0
    _wish = 0
    _asking = False

    def begin(self) -> None:
        self.marked: dict[str, None] = {}
        self.elsewhere: list[RunView] = []
        self._answer: Elsewhere | None = None
        self._mlflow: MlflowRuns | None = None
        self._here: list[RunView] | None = None
        self._done: tuple[object, ...] = ()
        super().begin()
        self.set_interval(ELSEWHERE_SECONDS, self._look_elsewhere)

    @property
    def runs_pane(self) -> "RunsPane":
        return self.part("#runs")

    # -- what there is -------------------------------------------------------------------------------------------

    @on(messages.Listed)
    def take_runs(self, message: messages.Listed) -> None:
        if message.runs is not None:
            self._here, self._unread = message.runs, message.unread
            self.sift()
            if message.unread:
                self.set_timer(0.05, self.read_list)

    @on(messages.Furnished)
    def show_runs(self) -> None:
        self.sift()

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "runs":
            self.draw_runs()
            self.ask_mlflow()

    def action_refresh(self) -> None:
        super().action_refresh()
        if self.pane == "runs":
            self.ask_mlflow(thorough=True)

    def _look_elsewhere(self) -> None:
        if self.pane == "runs":
            self.ask_mlflow()

    def ask_mlflow(self, *, thorough: bool = False) -> None:
        """Ask for the runs that are not here; a server is asked once a minute unless it has to be `thorough`."""
        if not self._asking and self._here is not None:
            self._asking = True
            self._ask_mlflow(thorough)

    @work(thread=True, group="elsewhere", exit_on_error=False)
    def _ask_mlflow(self, thorough: bool) -> None:
        from experiments.mlflow_runs import MlflowRuns

        try:
            if self._mlflow is None:
                self._mlflow = MlflowRuns(self.settings)
            here = {run.run_id for run in self._here or ()}
            self.post_message(ElsewhereRead(self._mlflow.look(here, thorough=thorough)))
        finally:
            self._asking = False

    @on(ElsewhereRead)
    def take_elsewhere(self, message: ElsewhereRead) -> None:
        self._answer, self.elsewhere = message.elsewhere, message.elsewhere.runs
        self.sift()

    # -- what is shown -------------------------------------------------------------------------------------------

    def sift(self) -> None:
        """Filter and sort anew, where something has changed."""
        if not self.furnished or self._here is None:
            return
        minute = int(time.time() // 60) if "age" in self.filter_text else 0
        wanted = (self._here, self.elsewhere, self.filter_text, self.sort_field, self.sort_reversed, minute)
        if len(wanted) == len(self._done) and all(a is b or a == b for a, b in zip(wanted, self._done, strict=True)):
            if self.pane == "runs":
                self.draw_runs()  # how long ago has changed
            return
        self._done = wanted
        self._wish += 1
        self._sift(
            self._wish, self._here, self.elsewhere, self.filter_text, f"{'-' * self.sort_reversed}{self.sort_field}"
        )

    # the description, else Textual makes one of the arguments: ten thousand runs as text
    @work(thread=True, exclusive=True, group="sift", exit_on_error=False, description="filter and sort")
    def _sift(self, wish: int, here: "list[RunView]", elsewhere: "list[RunView]", text: str, order: str) -> None:
        from experiments.run_choice import Order, choose, together, understood
        from experiments.run_query import BadQuery

        worker = get_current_worker()
        runs = together(here, elsewhere)
        try:
            query = understood(text, runs)
        except BadQuery as error:
            self.post_message(QueryWrong(wish, str(error)))
            return
        unread = 1
        while unread and not worker.is_cancelled:
            choice = choose(self.settings, runs, query, Order.of(order), seconds=SHOW_SECONDS)
            unread = choice.unread
            self.post_message(Chosen(wish, choice, len(runs)))

    @on(Chosen)
    def take_choice(self, message: Chosen) -> None:
        if message.wish == self._wish:
            self._choice, self._total = message.choice, message.total
            self.draw_runs()

    @on(QueryWrong)
    def tell_what_is_wrong(self, message: QueryWrong) -> None:
        if message.wish == self._wish:
            self.runs_pane.tell(message.sentence)

    _choice: "Choice | None" = None
    _total = 0

    def draw_runs(self) -> None:
        """Show what was chosen last; only what has changed is drawn."""
        from app.widgets.runs_pane import Sifted

        if self._choice is None or not self.furnished:
            return
        answer = self._answer
        sifted = Sifted(
            runs=self._choice.runs,
            total=self._total,
            elsewhere=len(self.elsewhere),
            read=answer.read if answer else None,
            unread=self._choice.unread + self._unread,
            query=self.filter_text,
            sort=self.sort_field,
            reverse=self.sort_reversed,
            problem=answer.problem if answer else None,
        )
        before = self.runs_pane.cursor_key
        self.runs_pane.show(sifted, self.marked)
        if self.runs_pane.cursor_key != before:
            self.draw_frame()

    # -- filter --------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        if self.pane == "runs" and not self.is_on_list and self.furnished:
            self.runs_pane.open_filter()
        else:
            super().action_filter()

    @on(messages.RunsFiltered)
    def filter_while_typing(self, message: messages.RunsFiltered) -> None:
        from experiments.run_query import BadQuery, parse

        if message.is_done:
            self.runs_pane.close_filter()
        try:
            parse(message.text)
        except BadQuery as error:
            self.runs_pane.tell(str(error))  # what was understood last stays
            return
        self.runs_pane.tell(None)
        self.filter_text = message.text.strip()
        self.sift()

    # -- order and marks -----------------------------------------------------------------------------------------

    def action_sort_left(self) -> None:
        self._sort_by(-1)

    def action_sort_right(self) -> None:
        self._sort_by(1)

    def _sort_by(self, step: int) -> None:
        """To the next column that is shown, round the end."""
        from app.widgets.runs_pane import FIELDS

        if not self.furnished:
            return
        shown = self.part("#runs-grid").shown_columns()
        fields = [name for index in shown if (name := FIELDS[index])]
        if not fields:
            return  # no room for any, or not laid out yet
        place = fields.index(self.sort_field) if self.sort_field in fields else -step
        self.sort_field, self.sort_reversed = fields[(place + step) % len(fields)], False
        self.sift()

    def action_sort_reverse(self) -> None:
        self.sort_reversed = not self.sort_reversed
        self.sift()

    def action_mark(self) -> None:
        if self.furnished and (run_id := self.runs_pane.cursor_key):
            if run_id in self.marked:
                del self.marked[run_id]
            else:
                self.marked[run_id] = None
            self.part("#runs-grid").action_move(1)
            self.draw_runs()

    @on(messages.RunsEscaped)
    def show_all_runs(self) -> None:
        """Esc: the filter goes first, then the marks."""
        if self.filter_text:
            self.runs_pane.clear_filter()
        elif self.marked:
            self.marked.clear()
            self.draw_runs()

    @property
    def run_meant(self) -> "RunView | None":
        """The run under the cursor of Runs, also one that only MLflow knows."""
        return self._find(self.runs_pane.cursor_key) if self.furnished else None

    @property
    def runs_meant(self) -> "list[RunView]":
        """The marked runs, else the one under the cursor; what has gone meanwhile is left out."""
        if self.marked:
            by_id = {run.run_id: run for run in (*self.elsewhere, *(self._here or ()))}
            return [by_id[run_id] for run_id in self.marked if run_id in by_id]
        return [run] if (run := self.run_meant) else []

    def _find(self, run_id: str | None) -> "RunView | None":
        return next((run for run in (*(self._here or ()), *self.elsewhere) if run.run_id == run_id), None)

    @on(messages.Opened)
    def run_opened(self, message: messages.Opened) -> None:
        if message.control.id != "runs-grid" or not (run := self._find(message.key)):
            return
        if run.elsewhere:
            self.run_worker(self.run_action("artifacts"), exit_on_error=False)
            return
        self.watch_run(run.path)
        self.action_show("live")

    def _ask_run(self, command: str) -> None:
        if self.pane == "runs" and not self.is_on_list and (run := self.run_meant) and run.elsewhere:
            text = _("{run}: only MLflow knows this run; ask it on its own machine").format(run=run.run_id)
            self.notify(text, severity="warning", markup=False)
        else:
            super()._ask_run(command)
