"""The files of a run: text, tables and pictures are shown, of others the path can be copied."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from app import messages
from app.language import _, ngettext
from app.screens.dialog import Dialog
from app.text import escape
from app.widgets.grid import Column, Grid, Row
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.artifacts import RunFile
    from experiments.runs import RunView


@dataclass
class FilesRead(Message):
    """The files were listed."""

    files: "list[RunFile]"


@dataclass
class FileHere(Message):
    """A file lies on this machine."""

    file: "RunFile"
    path: Path


class Artifacts(Dialog[None]):
    """Listed in a thread; a file that only MLflow has is fetched when it is opened."""

    BINDINGS: ClassVar = [
        Binding("escape,q,i", "dismiss(None)", show=False),
        Binding("y", "copy", show=False),
        Binding("ctrl+q", "app.quit", show=False),
    ]
    DEFAULT_CSS = """
    Artifacts {
        align: left top; background: $background;
        & #files-head, & #files-keys { height: 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, settings: Settings, run: "RunView") -> None:
        super().__init__()
        self.settings, self.run = settings, run
        self.files: dict[str, RunFile] = {}

    def compose(self) -> ComposeResult:
        columns = (Column("bytes", 14, right=True), Column("file", 30, grow=True))
        yield Static(f" [b]{escape(self.run.run_id)}[/b]", id="files-head")
        yield Grid(columns, empty=_(" reading …"), id="files-grid")
        keys = _("Enter shows the file · y copies its path · Esc back")
        yield Static(f" [$foreground 75%]{keys}[/]", id="files-keys")

    def on_mount(self) -> None:
        self.query_one(Grid).focus()
        self._read()

    @work(thread=True, group="files", exit_on_error=False)
    def _read(self) -> None:
        from experiments.artifacts import files_of

        self.post_message(FilesRead(files_of(self.settings, self.run)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.app.report(event.worker.error)  # type: ignore[attr-defined]
            if not self.files:
                self.dismiss()

    @on(FilesRead)
    def files_read(self, message: FilesRead) -> None:
        self.files = {file.name: file for file in message.files}
        grid = self.query_one(Grid)
        grid.empty = _(" This run has no files.")
        grid.show(
            Row(file.name, ("–" if file.size is None else f"{file.size:,}", _name(file))) for file in message.files
        )
        grid.refresh()
        count, total = len(message.files), sum(file.size or 0 for file in message.files)
        counted = ngettext("{count} file", "{count} files", count).format(count=count)
        self.query_one("#files-head", Static).update(
            f" [b]{escape(self.run.run_id)}[/b]  [$foreground 70%]{counted}, {total / 2**20:,.1f} MiB[/]"
        )

    @property
    def selected(self) -> "RunFile | None":
        return self.files.get(self.query_one(Grid).cursor_key or "")

    @on(messages.Opened)
    def opened(self, message: messages.Opened) -> None:
        message.stop()
        if file := self.selected:
            if file.path is None:
                self.notify(_("fetching {file} …").format(file=file.name), timeout=3, markup=False)
            self._fetch(file)

    @on(messages.CursorMoved)
    def moved(self, message: messages.CursorMoved) -> None:
        message.stop()

    @work(thread=True, exclusive=True, group="fetch", exit_on_error=False)
    def _fetch(self, file: "RunFile") -> None:
        from experiments.artifacts import fetch

        self.post_message(FileHere(file, fetch(self.settings, self.run, file)))

    @on(FileHere)
    def show_file(self, message: FileHere) -> None:
        if message.file.is_picture:
            from app.screens.run_pictures import RunPictures

            here = [file.path for file in self.files.values() if file.is_picture and file.path]
            paths = here if message.path in here else [message.path]
            self.app.push_screen(RunPictures(self.settings, paths, paths.index(message.path)))
            return
        from app.screens.pager import Pager

        self.app.push_screen(Pager(message.path, message.file.name))

    def action_copy(self) -> None:
        if file := self.selected:
            text = str(file.path) if file.path else f"{self.run.info.get('artifact_uri')}/{file.name}"
            self.app.copy_to_clipboard(text)
            self.notify(_("copied {text}").format(text=text), timeout=3, markup=False)


def _name(file: "RunFile") -> str:
    folder, slash, name = file.name.rpartition("/")
    away = "" if file.path else " [$foreground 55%]↗[/]"
    return f"[$foreground 60%]{escape(folder + slash)}[/]{escape(name)}{away}"
