"""What workers tell the App. Only the App changes what is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from app.comparison import Table
    from app.follow import Advance
    from experiments.dataset_jobs import Job
    from experiments.datasets import DatasetView
    from experiments.folders import Experiment
    from experiments.pictures import Pictures
    from experiments.runs import RunView


@dataclass
class PanesLoaded(Message):
    """The modules of the panes are imported."""

    make: Callable[[], list[Any]]


class Furnished(Message):
    """The panes are there."""


class ListStale(Message):
    """Something changed that the lists show."""


@dataclass
class Listed(Message):
    """The experiment folders and the runs were read."""

    experiments: "list[Experiment]"
    runs: "list[RunView] | None"
    has_datasets: bool
    # runs that nobody had time to read yet
    unread: int = 0


@dataclass
class Described(Message):
    """README and config of an experiment were read."""

    name: str
    readme: str
    facts: list[tuple[str, str]]
    config_text: str
    problem: str | None


@dataclass
class Checked(Message):
    """A config text was validated."""

    name: str
    text: str
    problems: list[tuple[str, str]]


@dataclass
class Saved(Message):
    """A config was written; `then` is what was waiting for it."""

    name: str
    text: str
    then: Callable[[], None] | None = None


@dataclass
class ChangedOnDisk(Message):
    """A config was not written: the file is no longer the one that was edited."""

    experiment: "Experiment"
    text: str
    then: Callable[[], None] | None = None


@dataclass
class Launched(Message):
    """A run was started."""

    path: Path
    experiment: str


@dataclass
class SweepLaunched(Message):
    """A sweep was started; its runs appear one by one."""

    sweep_id: str
    count: int
    experiment: str


@dataclass
class Advanced(Message):
    """The run that is watched has something new."""

    path: Path
    advance: "Advance"
    run: "RunView"


@dataclass
class Asked(Message):
    """A request was written for a run to read."""

    run_id: str
    command: str


@dataclass
class Copied(Message):
    """Text is ready for the clipboard."""

    text: str
    what: str


@dataclass
class Compared(Message):
    """The comparison was read."""

    table: "Table"


@dataclass
class DatasetsRead(Message):
    """The datasets were read."""

    datasets: "list[DatasetView]"


@dataclass
class JobStarted(Message):
    """An audit or verification was started."""

    job: "Job"


@dataclass
class PicturesRead(Message):
    """Everything about the pictures of a dataset was read, but the pictures."""

    pictures: "Pictures"


# What widgets ask for. They are declared here, so that the App hears them without importing the widgets at start.


@dataclass
class Edited(Message):
    """A config text was changed, and then not for a moment."""

    name: str
    text: str


@dataclass
class UnsavedChanged(Message):
    """Another set of configs differs from its files."""

    names: set[str]


class PictureWanted(Message):
    """The room for a picture has another size."""


class LeftEditor(Message):
    """Esc was pressed in the editor."""


class CursorMoved(Message):
    """Another row of a grid is under the cursor."""


@dataclass
class Opened(Message):
    """A row of a grid was chosen with Enter or a click."""

    grid: Any
    key: str

    @property
    def control(self) -> Any:
        return self.grid


@dataclass
class RunsChanged(Message):
    """What is said about runs was changed."""

    text: str


@dataclass
class RunsFiltered(Message):
    """The filter of Runs was typed; `is_done` with Enter or Esc."""

    text: str
    is_done: bool = False


class RunsEscaped(Message):
    """Esc in Runs: everything is to be shown again."""
