"""Starting a run of the selected experiment: at once, or through the launch sheet; now, or by the queue."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work

from app import messages
from app.language import _, ngettext
from app.layers.editing import Editing
from app.text import escape
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    from app.screens.launch_sheet import Request


class Launching(Editing):
    """From a key to a run in Live, or to an entry in Queue."""

    _launching = False
    _last_overrides = ""

    def action_launch(self) -> None:
        self._settled(partial(self._open_sheet, "", "when"))

    def action_launch_with(self) -> None:
        self._settled(partial(self._open_sheet, self._last_overrides, "overrides"))

    def action_launch_now(self) -> None:
        from app.screens.launch_sheet import Request

        self._settled(partial(self._launch, Request()))

    def _settled(self, launch: Callable[[], None]) -> None:
        """Launch, after asking what to do with unsaved changes."""
        if not self.selected or self._launching:
            return
        if not self.furnished or self.selected not in self.part("#config").unsaved:
            launch()
            return
        answers = {"s": partial(self.save, launch), "f": launch}
        question = _("{name}/config.yaml has unsaved changes.").format(name=self.selected)
        labels = [("s", _("save and launch")), ("f", _("launch the file as it is")), ("k", _("keep editing"))]
        self.ask(question, labels, lambda key: answers[key]() if key in answers else None)

    def _open_sheet(self, overrides: str, focus: str) -> None:
        from app.screens.launch_sheet import LaunchSheet

        def answer(request: "Request | None") -> None:
            if request is not None:
                if request.overrides:
                    self._last_overrides = " ".join(request.overrides)
                self._launch(request)

        self.push_screen(LaunchSheet(self.settings, self.selected or "", overrides, focus), answer)

    def _launch(self, request: "Request") -> None:
        self._launching = True
        self.notify(_("starting {name} …").format(name=escape(self.selected)), timeout=2)
        self._start_run(self.selected or "", request)

    @work(thread=True, group="launch", exit_on_error=False)
    def _start_run(self, name: str, request: "Request") -> None:
        from experiments import launcher, queue, sweeps
        from experiments.sweep_grid import combinations

        try:
            if request.queued:
                added = queue.add(self.settings, name, request.overrides, name=request.name, device=request.device)
                self.post_message(messages.Queued(added[0].entry_id, len(added), name))
                return
            overrides = queue.with_device(request.overrides, request.device)
            grid = combinations(overrides)
            if len(grid) > 1:
                sweep = sweeps.launch(self.settings, name, overrides, request.name)
                self.post_message(messages.SweepLaunched(sweep.sweep_id, len(grid), name))
                return
            directory = launcher.launch(self.settings, name, grid[0], request.name)
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
        told = ngettext(
            "sweep of {count} run started; {command} stops it",
            "sweep of {count} runs started, one after another; {command} stops it",
            message.count,
        )
        command = f"python -m experiments stop {message.sweep_id}"
        self.notify(told.format(count=message.count, command=command), timeout=10, markup=False)
        self.action_show("runs")
        self.read_list()
