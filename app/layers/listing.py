"""The experiments and runs on disk: read again and again, in a thread; what is selected."""

import time
from typing import TYPE_CHECKING, Any

from textual import on, work

from app import messages, reading
from app.language import _
from app.layers.watching import Watching
from app.text import escape
from app.widgets.experiment_list import ExperimentList, Experiments

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView
    from experiments.summary import Summary

LIST_SECONDS = 2.0
# at most this share of the time goes into reading, however many runs there are
SHARE = 0.2
# a folder of thousands of unknown runs comes in pieces, the newest first
READ_SECONDS = 0.5


class Listing(Watching):
    """Reads the lists, keeps the selection."""

    _listing = False
    _has_datasets = True
    _not_before = 0.0
    _thorough = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._summaries: tuple[list[RunView], dict[str, Summary]] | None = None
        self._described: tuple[str, object] | None = None

    def begin(self) -> None:
        super().begin()
        self.read_list()
        self.set_interval(LIST_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if time.monotonic() >= self._not_before:
            self.read_list()

    def summaries(self) -> "dict[str, Summary] | None":
        if self.runs is None:
            return None
        if self._summaries is None or self._summaries[0] is not self.runs:
            from experiments.summary import summarise

            self._summaries = self.runs, summarise(self.runs)
        return self._summaries[1]

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

        begun = time.monotonic()
        try:
            has_datasets = reading.has_datasets(self.settings)
            if first:  # names at once, what is behind them a moment later
                experiments = list_experiments(self.settings, check_configs=False)
                self.post_message(messages.Listed(experiments, None, has_datasets))
            from experiments.runs import look
            from experiments.summary import summarise

            found = look(self.settings, thorough=thorough, seconds=READ_SECONDS)
            summaries = summarise(found.runs)
            # hundreds of configs take seconds to check, once; without a run they choose what to open with
            if first and {run.experiment for run in found.runs} & {experiment.name for experiment in experiments}:
                self.post_message(messages.Listed(experiments, found.runs, has_datasets, summaries, found.unread))
            experiments = list_experiments(self.settings)
            self.post_message(messages.Listed(experiments, found.runs, has_datasets, summaries, found.unread))
            self._look_at_files(experiments)
        finally:
            now = time.monotonic()
            self._not_before = now + (now - begun) / SHARE
            self._listing = False

    def action_refresh(self) -> None:
        super().action_refresh()
        self._thorough = True
        self.read_list()

    def _look_at_files(self, experiments: "list[Experiment]") -> None:
        """Describe the selected experiment again when another program has changed its README or config."""
        selected = next((each for each in experiments if each.name == self.selected), None)
        if selected and self._described and self._described != (selected.name, reading.stamp(selected)):
            self.post_message(messages.FilesChanged(selected))

    @on(messages.Listed)
    def listed(self, message: messages.Listed) -> None:
        before, is_opening = self.experiment, not self.experiments and self.runs is None
        self.experiments = message.experiments
        if is_opening:
            self.load_panes()  # behind the names, so that it does not hold them up
        if message.runs is not None:
            is_first, self.runs = self.runs is None, message.runs
            if message.summaries is not None:
                self._summaries = message.runs, message.summaries
            if is_first or self.experiment is None:
                self._open_first()
            elif self.watched is None:
                self._watch_newest()
            if self.selected and self.furnished:
                self._show_result()
            if before and self.experiment and before.problem != self.experiment.problem:
                self.describe(self.experiment)
        self._has_datasets = message.has_datasets
        self.draw_frame()

    def _open_first(self) -> None:
        name = self.first_choice()
        self.draw_frame()
        if name:
            self.part(ExperimentList).select(name)
            self.select(name)

    def first_choice(self) -> str | None:
        """Which experiment to open with."""
        return reading.first_choice(self.experiments, self.runs or [])

    def draw_frame(self) -> None:
        super().draw_frame()
        self.hint(self._start_hint())

    def _start_hint(self) -> str:
        if self.runs is None:
            return ""
        if not self.experiments:
            text = _("No experiments in {folder}: each is a folder with config.yaml, experiment.py.")
            return text.format(folder=escape(self.settings.experiments_dir))
        if not self._has_datasets:
            text = _("No datasets yet: run  {command}  to make a sample.")
            return text.format(command="python scripts/tools/make_sample_dataset.py")
        if not self.runs and self.selected and not self.settings.read_only:
            text = _("Ready: press [b]l[/b] to start [b]{name}[/b]; the curve moves within seconds.")
            return text.format(name=escape(self.selected))
        return ""

    @on(messages.ExperimentMeant)
    def _meant(self, message: messages.ExperimentMeant) -> None:
        if message.name != self.selected:
            self.select(message.name)

    @on(messages.ExperimentOpened)
    def _chosen(self) -> None:
        self.action_show("overview" if self.is_narrow else self.pane)

    @on(messages.FilesChanged)
    def files_changed(self, message: messages.FilesChanged) -> None:
        if message.experiment.name == self.selected:
            self.describe(message.experiment)

    def action_filter(self) -> None:
        if self.is_on_list or self.pane == "overview" or self.part(ExperimentList).has_focus:
            self.part(Experiments).open_filter()
        else:
            super().action_filter()

    @on(messages.Filtered)
    def filtered(self, message: messages.Filtered) -> None:
        if message.control.id not in ("left-filter", "left-list"):
            return
        options = self.part(ExperimentList)
        self.part(Experiments).filter(message.text)
        if message.text is None:
            options.focus()
            if self.selected:
                options.select(self.selected)
        elif message.is_done and options.names:
            options.focus()
            options.go_to(self.selected if self.selected in options.names else options.names[0])

    def show_all(self) -> None:
        self.part(Experiments).filter(None)

    def select(self, name: str) -> None:
        """Select an experiment: describe it, watch its newest run."""
        self.selected = name
        if experiment := self.experiment:
            self.describe(experiment)
        if self.furnished:
            self._watch_newest()
            self._show_result()
        self.draw_frame()

    def _show_result(self) -> None:
        name = self.selected or ""
        own = [run for run in self.runs or [] if run.experiment == name]
        self.part("#overview").show_result(name, own, (self.summaries() or {}).get(name))

    def _watch_newest(self) -> None:
        own = [run for run in self.runs or [] if run.experiment == self.selected]
        if own:
            self.watch_run(own[0].path)
        elif self.watched is not None and self.furnished:
            self.watched = None
            self.workers.cancel_group(self, "follow")
            self.part("#live").clear(_("No run yet: [b $primary]l[/] starts the selected experiment."))

    @work(thread=True, exclusive=True, group="describe", exit_on_error=False)
    def describe(self, experiment: "Experiment") -> None:
        self._described = experiment.name, reading.stamp(experiment)
        self.post_message(messages.Described(experiment.name, *reading.describe(experiment)))

    @on(messages.Described)
    def described(self, message: messages.Described) -> None:
        if message.name == self.selected and self.furnished:
            self.part("#overview").show_description(message.readme, message.facts, message.problem)
            self.part("#config").show(message.name, message.config_text)
