"""A new experiment from one that is there."""

from typing import TYPE_CHECKING

from textual import on, work

from app import messages
from app.language import _
from app.layers.editing import Editing
from app.widgets.experiment_list import ExperimentList

if TYPE_CHECKING:
    pass


class Creating(Editing):
    """Between the dialog and `experiments.new_experiment`."""

    def action_new(self) -> None:
        if not self.experiments:
            self.notify(_("no experiment to copy from"), severity="warning")
            return
        from app.screens.new_experiment import NewExperiment

        def answer(chosen: tuple[str, str] | None) -> None:
            if chosen:
                self._create(*chosen)

        names = [experiment.name for experiment in self.experiments]
        self.push_screen(NewExperiment(self.settings, names, self.selected or names[0]), answer)

    @work(thread=True, group="create", exit_on_error=False)
    def _create(self, name: str, source: str) -> None:
        from experiments.folders import list_experiments
        from experiments.new_experiment import create

        made = create(self.settings, name, source)
        self.post_message(messages.Created(made, list_experiments(self.settings)))

    @on(messages.Created)
    def created(self, message: messages.Created) -> None:
        """Select the new one and open it in the editor."""
        self.experiments = message.experiments
        self.show_all()
        self.draw_frame()
        self.part(ExperimentList).select(message.experiment.name)
        self.select(message.experiment.name)
        self.action_show("config")
        self.notify(_("{name} made").format(name=message.experiment.name))
