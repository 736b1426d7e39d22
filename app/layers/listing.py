"""The experiments and runs on disk: read again and again, in a thread; what is selected."""

from typing import TYPE_CHECKING

from textual import on, work
from textual.widgets import OptionList

from app import messages, reading
from app.layers.watching import Watching
from app.text import escape
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    from experiments.folders import Experiment

LIST_SECONDS = 2.0
# a folder of thousands of unknown runs comes in pieces, the newest first
READ_SECONDS = 0.5


class Listing(Watching):
    """Reads the lists, keeps the selection."""

    _listing = False
    _has_datasets = True
    _thorough = False

    def begin(self) -> None:
        super().begin()
        self.read_list()
        self.set_interval(LIST_SECONDS, self.read_list)

    @on(messages.Furnished)
    def show_what_was_read(self) -> None:
        if self.selected:
            self.select(self.selected)

    @on(messages.ListStale)
    def read_list(self) -> None:
        if not self._listing:
            self._listing = True
            thorough, self._thorough = self._thorough, False
            self._read_list(self.runs is None, thorough)

    @work(thread=True, group="list", exit_on_error=False)
    def _read_list(self, first: bool, thorough: bool) -> None:
        from experiments.folders import list_experiments

        try:
            has_datasets = reading.has_datasets(self.settings)
            if first:  # names at once, what is behind them a moment later
                experiments = list_experiments(self.settings, check_configs=False)
                self.post_message(messages.Listed(experiments, None, has_datasets))
            from experiments.runs import look

            found = look(self.settings, thorough=thorough, seconds=READ_SECONDS)
            self.post_message(
                messages.Listed(list_experiments(self.settings), found.runs, has_datasets, unread=found.unread)
            )
        finally:
            self._listing = False

    def action_refresh(self) -> None:
        self._thorough = True
        self.read_list()

    @on(messages.Listed)
    def listed(self, message: messages.Listed) -> None:
        before, is_opening = self.experiment, not self.experiments and self.runs is None
        self.experiments = message.experiments
        if is_opening:
            self.load_panes()  # behind the names, so that it does not hold them up
        if message.runs is not None:
            is_first, self.runs = self.runs is None, message.runs
            if is_first or self.experiment is None:
                self._open_first()
            elif self.watched is None:
                self._watch_newest()
            if self.selected and self.furnished:
                self.part("#overview").show_result(reading.by_experiment(self.runs).get(self.selected, []))
            if before and self.experiment and before.problem != self.experiment.problem:
                self.describe(self.experiment)
        self._has_datasets = message.has_datasets
        self.draw_frame()

    def _open_first(self) -> None:
        name = reading.first_choice(self.experiments, self.runs or [])
        self.draw_frame()
        if name:
            self.part(ExperimentList).select(name)
            self.select(name)

    def draw_frame(self) -> None:
        super().draw_frame()
        self.hint(self._start_hint())

    def _start_hint(self) -> str:
        if self.runs is None:
            return ""
        if not self.experiments:
            return (
                f"No experiments in {self.settings.experiments_dir}: each is a folder with config.yaml, experiment.py."
            )
        if not self._has_datasets:
            return "No datasets yet: run  python scripts/tools/make_sample_dataset.py  to make a sample."
        if not self.runs and self.selected:
            return f"Ready: press [b]l[/b] to start [b]{escape(self.selected)}[/b]; the curve moves within seconds."
        return ""

    @on(OptionList.OptionHighlighted, "#left")
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id and event.option_id != self.selected:
            self.select(event.option_id)

    @on(OptionList.OptionSelected, "#left")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.action_show("overview" if self.is_narrow else self.pane)

    def select(self, name: str) -> None:
        """Select an experiment: describe it, watch its newest run."""
        self.selected = name
        if experiment := self.experiment:
            self.describe(experiment)
        if self.furnished:
            self._watch_newest()
            self.part("#overview").show_result(reading.by_experiment(self.runs or []).get(name, []))
        self.draw_frame()

    def _watch_newest(self) -> None:
        own = [run for run in self.runs or [] if run.experiment == self.selected]
        if own:
            self.watch_run(own[0].path)
        elif self.watched is not None and self.furnished:
            self.watched = None
            self.workers.cancel_group(self, "follow")
            self.part("#live").clear("No run yet: [b $primary]l[/] starts the selected experiment.")

    @work(thread=True, exclusive=True, group="describe", exit_on_error=False)
    def describe(self, experiment: "Experiment") -> None:
        self.post_message(messages.Described(experiment.name, *reading.describe(experiment)))

    @on(messages.Described)
    def described(self, message: messages.Described) -> None:
        if message.name == self.selected and self.furnished:
            self.part("#overview").show_description(message.readme, message.facts, message.problem)
            self.part("#config").show(message.name, message.config_text)
