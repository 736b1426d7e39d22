"""Starting a run of the selected experiment."""

from functools import partial

from textual import on, work

from app import messages
from app.layers.editing import Editing
from app.widgets.experiment_list import ExperimentList


class Launching(Editing):
    """From a key to a run in Live."""

    _launching = False
    _last_overrides = ""

    def action_launch(self) -> None:
        self._launch_checked([])

    def action_launch_with(self) -> None:
        if not self.selected:
            return
        from app.screens.overrides import Overrides

        def answer(overrides: list[str] | None) -> None:
            if overrides is not None:
                self._last_overrides = " ".join(overrides)
                self._launch_checked(overrides)

        self.push_screen(Overrides(self.selected, self._last_overrides), answer)

    def _launch_checked(self, overrides: list[str]) -> None:
        """Launch, after asking what to do with unsaved changes."""
        if not self.selected or self._launching:
            return
        launch = partial(self._launch, overrides)
        if not self.furnished or self.selected not in self.part("#config").unsaved:
            launch()
            return
        answers = {"s": partial(self.save, launch), "f": launch}
        question = f"{self.selected}/config.yaml has unsaved changes."
        labels = [("s", "save and launch"), ("f", "launch the file as it is"), ("k", "keep editing")]
        self.ask(question, labels, lambda key: answers[key]() if key in answers else None)

    def _launch(self, overrides: list[str]) -> None:
        self._launching = True
        self.notify(f"starting {self.selected} …", timeout=2)
        self._start_run(self.selected or "", overrides)

    @work(thread=True, group="launch", exit_on_error=False)
    def _start_run(self, name: str, overrides: list[str]) -> None:
        from experiments import launcher, sweeps
        from experiments.sweep_grid import combinations

        try:
            grid = combinations(overrides)
            if len(grid) > 1:
                sweep = sweeps.launch(self.settings, name, overrides)
                self.post_message(messages.SweepLaunched(sweep.sweep_id, len(grid), name))
                return
            directory = launcher.launch(self.settings, name, grid[0])
        finally:
            self._launching = False
        self.post_message(messages.Launched(directory.path, name))

    @on(messages.Launched)
    def launched(self, message: messages.Launched) -> None:
        self.selected = message.experiment
        self.part(ExperimentList).select(message.experiment)
        self.watch_run(message.path)
        self.action_show("live")
        self.read_list()

    @on(messages.SweepLaunched)
    def sweep_launched(self, message: messages.SweepLaunched) -> None:
        self.notify(
            f"sweep of {message.count} runs started, one after another; "
            f"python -m experiments stop {message.sweep_id} stops it",
            timeout=10,
            markup=False,
        )
        self.action_show("runs")
        self.read_list()
