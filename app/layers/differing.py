"""What differs between the config as it is edited and the saved file, the last run, or any run."""

from textual import on, work

from app import messages
from app.language import _
from app.layers.editing import Editing


class Differing(Editing):
    """Between the diff screen and `experiments.config_sides`."""

    def action_diff(self) -> None:
        experiment = self.experiment
        if not self.furnished or experiment is None:
            return
        from app.screens.config_diff import ConfigDiff

        drafts = self.part("#config").drafts
        draft = drafts[experiment.name].text if experiment.name in drafts else None
        own = [run for run in self.runs or [] if run.experiment == experiment.name]
        others = [run for run in self.runs or [] if run.experiment != experiment.name]
        self.push_screen(ConfigDiff(experiment, draft, [*own, *others], has_own=bool(own)))

    @on(messages.DiffWanted)
    def diff_wanted(self, message: messages.DiffWanted) -> None:
        self._compare_configs(message)

    @work(thread=True, exclusive=True, group="diff", exit_on_error=False)
    def _compare_configs(self, wanted: messages.DiffWanted) -> None:
        from experiments.config_diff import line_diff
        from experiments.config_file import read_text
        from experiments.config_sides import compare, side_of_file, side_of_text
        from pipeseg.errors import BadInput

        experiment, run = wanted.experiment, wanted.run
        label = _("saved file") if run is None else run.run_id
        try:
            saved = read_text(experiment.config_file)
            text = saved if wanted.draft is None else wanted.draft
            right = saved if run is None else read_text(run.directory.config_file)
            # a run's config is written by the program: its lines say nothing beside those of a person
            lines = line_diff(saved, text, (_("saved file"), _("as edited"))) if run is None else []
        except BadInput as error:
            self.post_message(messages.Differs(wanted, label, [], [], [str(error)]))
            return
        problems: list[str] = []
        found = []
        try:
            left = side_of_text(text, "config.yaml")
            other = side_of_text(right, label) if run is None else side_of_file(run.directory.config_file, label)
            found = compare(left, other)
            problems = [each for each in (left.problem, other.problem) if each]
        except BadInput as error:
            problems = [str(error)]
        self.post_message(messages.Differs(wanted, label, found, lines, problems))

    @on(messages.Differs)
    def differs(self, message: messages.Differs) -> None:
        from app.screens.config_diff import ConfigDiff

        for screen in self.screen_stack:
            if isinstance(screen, ConfigDiff):
                screen.show(message)
