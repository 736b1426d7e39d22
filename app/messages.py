"""What workers tell the App. Only the App changes what is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from textual.message import Message

if TYPE_CHECKING:
    from app.follow import Advance
    from experiments.config_diff import Difference
    from experiments.config_form import Form
    from experiments.dataset_jobs import Job
    from experiments.datasets import DatasetView
    from experiments.folders import Experiment
    from experiments.pictures import Pictures
    from experiments.queue import QueueView
    from experiments.runs import RunView
    from experiments.summary import Summary

T = TypeVar("T")


@dataclass_transform(eq_default=False)
def message(cls: type[T]) -> type[T]:
    """A dataclass that is neither compared nor printed: compiling that takes 0.24 ms each, for fifty at every start."""
    return dataclass(eq=False, repr=False)(cls)


@message
class PanesLoaded(Message):
    """The modules of the panes are imported."""

    make: Callable[[], list[Any]]


class Furnished(Message):
    """The panes are there."""


class ListStale(Message):
    """Something changed that the lists show."""


@message
class Listed(Message):
    """The experiment folders and the runs were read."""

    experiments: "list[Experiment]"
    runs: "list[RunView] | None"
    has_datasets: bool
    summaries: "dict[str, Summary] | None" = None
    # runs that nobody had time to read yet
    unread: int = 0


@message
class Described(Message):
    """README and config of an experiment were read."""

    name: str
    readme: str
    facts: list[tuple[str, str]]
    config_text: str
    problem: str | None


@message
class Checked(Message):
    """A config text was validated, and read as a form."""

    name: str
    form: "Form"


@message
class Saved(Message):
    """A config was written; `then` is what was waiting for it."""

    name: str
    text: str
    then: Callable[[], None] | None = None


@message
class ChangedOnDisk(Message):
    """A config was not written: the file is no longer the one that was edited."""

    experiment: "Experiment"
    text: str
    then: Callable[[], None] | None = None


@message
class Launched(Message):
    """A run was started."""

    path: Path
    experiment: str


@message
class SweepLaunched(Message):
    """A sweep was started; its runs appear one by one."""

    sweep_id: str
    count: int
    experiment: str


@message
class Queued(Message):
    """Runs were put at the end of the queue; `entry_id` is the first."""

    entry_id: str
    count: int
    experiment: str


@message
class QueueRead(Message):
    """The queue was read; the cursor goes to the entry `follow`, where one is named."""

    queue: "QueueView"
    follow: str | None = None


@message
class Advanced(Message):
    """The run that is watched has something new."""

    path: Path
    advance: "Advance"
    run: "RunView"


@message
class Asked(Message):
    """A request was written for a run to read."""

    run_id: str
    command: str


@message
class Copied(Message):
    """Text is ready for the clipboard."""

    text: str
    what: str


@message
class DatasetsRead(Message):
    """The datasets were read."""

    datasets: "list[DatasetView]"


@message
class JobStarted(Message):
    """An audit or verification was started."""

    job: "Job"


@message
class PicturesRead(Message):
    """Everything about the pictures of a dataset was read, but the pictures."""

    pictures: "Pictures"


# What widgets ask for. They are declared here, so that the App hears them without importing the widgets at start.


@message
class Edited(Message):
    """A config text was changed, and then not for a moment."""

    name: str
    text: str


@message
class UnsavedChanged(Message):
    """Another set of configs differs from its files."""

    names: set[str]


class PictureWanted(Message):
    """The room for a picture has another size."""


class LeftEditor(Message):
    """Esc was pressed in the editor."""


class CursorMoved(Message):
    """Another row of a grid is under the cursor."""


@message
class Opened(Message):
    """A row of a grid was chosen with Enter or a click."""

    grid: Any
    key: str

    @property
    def control(self) -> Any:
        return self.grid


# About the log of the watched run.


@message
class LogGrown(Message):
    """The log of a run was read further, or looked through further."""

    path: Path

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LogGrown) and message.path == self.path


@message
class LogFilterTyped(Message):
    """Something else is typed into the filter of the log."""

    text: str


class LogFilterLeft(Message):
    """The whole log is wanted again."""


@message
class FieldTyped(Message):
    """Something was typed as the value of a key, not yet taken over."""

    key: str
    text: str
    is_done: bool = False


@message
class FieldChanged(Message):
    """A key is to have another value; `ABSENT` removes it."""

    name: str
    key: str
    value: object


@message
class ChoiceWanted(Message):
    """A value is to be chosen from many."""

    key: str


@message
class FieldWritten(Message):
    """A change was worked into a config text; `problem` says why not."""

    change: FieldChanged
    base: str
    text: str
    problem: str | None = None


@message
class Filtered(Message):
    """What is typed into a line that filters, `is_done` with Enter; None where it was left with Esc."""

    line: Any
    text: str | None
    is_done: bool = False

    @property
    def control(self) -> Any:
        return self.line


@message
class Created(Message):
    """A new experiment folder is there."""

    experiment: "Experiment"
    experiments: "list[Experiment]"


@message
class DiffWanted(Message):
    """A config is to be compared: as edited (None: as saved) with the saved file (no run) or with a run."""

    experiment: "Experiment"
    draft: str | None
    run: "RunView | None"


@message
class Differs(Message):
    """Two configs were compared; `notes` say what could not be."""

    wanted: DiffWanted
    label: str
    differences: "list[Difference]"
    lines: list[str]
    notes: list[str]


@message
class ExperimentMeant(Message):
    """Another experiment is under the cursor of the list."""

    name: str


@message
class ExperimentOpened(Message):
    """An experiment was chosen with Enter or a click."""

    name: str


@message
class FilesChanged(Message):
    """README or config of an experiment were changed by another program."""

    experiment: "Experiment"


@message
class RunsChanged(Message):
    """What is said about runs was changed."""

    text: str


@message
class RunsFiltered(Message):
    """The filter of Runs was typed; `is_done` with Enter or Esc."""

    text: str
    is_done: bool = False


class RunsEscaped(Message):
    """Esc in Runs: everything is to be shown again."""
