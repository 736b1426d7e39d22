"""The list of experiments: name, state of the last run, last and best IoU."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from app.text import escape, score, status_text

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView


class ExperimentList(OptionList):
    """Two lines an experiment; the option's id is the experiment's name."""

    BINDINGS: ClassVar = [Binding("j", "cursor_down", show=False), Binding("k", "cursor_up", show=False)]

    def show(
        self,
        experiments: "Sequence[Experiment]",
        runs: "Mapping[str, list[RunView]] | None",
        unsaved: set[str],
    ) -> None:
        """Show the experiments; the highlight stays where it is.

        Args:
            runs: newest first, by experiment; None while they have not been read.
        """
        prompts = {experiment.name: _prompt(experiment, runs, experiment.name in unsaved) for experiment in experiments}
        if [option.id for option in self.options] == list(prompts):
            for index, (option, prompt) in enumerate(zip(self.options, prompts.values(), strict=True)):
                if option.prompt != prompt:
                    self.replace_option_prompt_at_index(index, prompt)
            return
        current = self.highlighted_option.id if self.highlighted_option else None
        with self.prevent(OptionList.OptionHighlighted):
            self.set_options([Option(prompt, id=name) for name, prompt in prompts.items()])
            if current in prompts:
                self.highlighted = list(prompts).index(current)

    def select(self, name: str) -> None:
        for index, option in enumerate(self.options):
            if option.id == name:
                self.highlighted = index


def _prompt(experiment: "Experiment", runs: "Mapping[str, list[RunView]] | None", unsaved: bool) -> str:
    mark = " [$warning]● unsaved[/]" if unsaved else ""
    first = f"[b]{escape(experiment.name)}[/b]{mark}"
    if experiment.problem:
        return f"{first}\n[$error]✗ {escape(_short(experiment))}[/]"
    if runs is None:
        return f"{first}\n[$foreground 50%]…[/]"
    own = runs.get(experiment.name, [])
    if not own:
        return f"{first}\n[$foreground 50%]no run yet[/]"
    return f"{first}\n{status_text(own[0].status)}{_scores(own)}"


def _scores(runs: "Sequence[RunView]") -> str:
    """Last and best IoU, both of one kind: on test where any run got that far, else on val."""
    word, values = "test", [run.test.get("iou") for run in runs]
    if all(value is None for value in values):
        word, values = "val", [run.best_iou for run in runs]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    return f"  [$foreground 60%]{word}[/] {score(values[0])} [$foreground 60%]best[/] {score(max(known))}"


def _short(experiment: "Experiment") -> str:
    """The problem without the path that the list already shows."""
    return (experiment.problem or "").removeprefix(str(experiment.path)).lstrip("/\\")
