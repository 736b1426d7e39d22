"""A file as text: CSV in columns, JSON indented, anything else as it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from app.language import _
from app.screens.dialog import Dialog
from app.text import escape


@dataclass
class TextRead(Message):
    """The file was read; `remark` says what is not shown of it."""

    lines: list[str]
    remark: str


class Lines(ScrollView, can_focus=True):
    """Draws the lines in view."""

    BINDINGS: ClassVar = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]
    DEFAULT_CSS = "Lines { height: 1fr; scrollbar-size: 1 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: list[str] = []

    def show(self, lines: list[str]) -> None:
        self.lines = lines
        self.virtual_size = Size(max(map(len, lines), default=0), len(lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        across, down = self.scroll_offset
        index, width = y + down, self.size.width
        if index >= len(self.lines):
            return Strip.blank(width, self.rich_style)
        strip = Strip([Segment(self.lines[index], self.rich_style)])
        return strip.crop_extend(across, across + width, self.rich_style)


class Pager(Dialog[None]):
    BINDINGS: ClassVar = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("y", "copy", show=False),
        Binding("ctrl+q", "app.quit", show=False),
    ]
    DEFAULT_CSS = """
    Pager {
        align: left top; background: $background;
        & #pager-head, & #pager-keys { height: 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__()
        self.path, self.file_name = path, name

    def compose(self) -> ComposeResult:
        yield Static(f" [b]{escape(self.file_name)}[/b]", id="pager-head")
        yield Lines(id="pager-lines")
        keys = _("arrows scroll · y copies the path · Esc back")
        yield Static(f" [$foreground 75%]{keys}[/]", id="pager-keys")

    def on_mount(self) -> None:
        self.query_one(Lines).focus()
        self._read()

    @work(thread=True, group="pager", exit_on_error=False)
    def _read(self) -> None:
        from experiments.readable import readable

        self.post_message(TextRead(*readable(self.path)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.app.report(event.worker.error)  # type: ignore[attr-defined]
            self.dismiss()

    @on(TextRead)
    def text_read(self, message: TextRead) -> None:
        self.query_one(Lines).show(message.lines)
        remark = f"  [$warning]{escape(message.remark)}[/]" if message.remark else ""
        self.query_one("#pager-head", Static).update(f" [b]{escape(self.file_name)}[/b]{remark}")

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(str(self.path))
        self.notify(_("copied {text}").format(text=self.path), timeout=3, markup=False)
