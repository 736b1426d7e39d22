"""Lies over everything while the terminal is too small to show it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Resize
from textual.widgets import Static

from app.language import _
from app.layers.frame import LEAST_COLUMNS, LEAST_ROWS, is_too_small
from app.screens.dialog import Dialog


class TooSmall(Dialog[None]):
    """Goes when there is room again; what lies below stays as it was."""

    BINDINGS: ClassVar = [Binding("ctrl+q,q", "app.quit", show=False)]
    DEFAULT_CSS = """
    TooSmall Static { width: auto; max-width: 100%; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        yield Static()

    def on_mount(self) -> None:
        self._tell()

    def on_resize(self, event: Resize) -> None:
        self._tell()

    def on_screen_resume(self) -> None:
        self._tell()

    def _tell(self) -> None:
        size = self.app.size
        if self.is_current and not is_too_small(size):
            self.dismiss()
            return
        needed, now = f"{LEAST_COLUMNS}x{LEAST_ROWS}", f"{size.width}x{size.height}"
        self.query_one(Static).update(_("needs {needed}, has {now}").format(needed=needed, now=now))
