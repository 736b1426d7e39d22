"""A screen with a painted picture on it: keys change what is wanted, one worker paints the newest wish in a thread."""

import asyncio
import os
from dataclasses import replace
from typing import Any

from textual import on, work
from textual.worker import Worker, WorkerState

from app import messages
from app.canvas import Blocks, Paints, Shown, Wish, canvas
from app.painting import Look, Window
from app.screens.dialog import Dialog
from app.terminal import has_colours
from app.widgets.picture_view import PictureView
from pipeseg.settings import Settings

ZOOM_STEP = 1.5
PAN_STEP = 0.25
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


class PaintedScreen(Dialog[None]):
    """Keys never wait for a picture. Textual calls the handlers here beside those of the same name in a subclass.

    Attributes:
        painter: None until it is known what there is to paint.
        name_shown: the picture that is on the screen by now.
    """

    AUTO_FOCUS = ""  # an input would take the keys

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.painter: Paints | None = None
        self.canvas = Blocks(self.app.console)
        self.window = Window()
        self.look = Look()
        self.name_shown: str | None = None
        self.facts = ""
        self._wanted = asyncio.Event()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.app.report(event.worker.error)  # type: ignore[attr-defined]
            self.dismiss()

    # -- what a screen says of itself ----------------------------------------------------------------------------

    @property
    def current(self) -> str | None:
        """The picture that is wanted."""
        raise NotImplementedError

    def copies_shown(self) -> tuple[str, ...]:
        """Pictures to show beside each other instead of one."""
        return ()

    def ahead(self) -> list[str]:
        """Pictures that may be wanted next; decoded while nobody asks for anything."""
        return []

    def draw_words(self) -> None:
        """Write what stands around the picture."""

    # -- the canvas ----------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        without = self.app.console.color_system is None or not has_colours(os.environ)
        colours = "none" if without else "grey" if self.app.no_color else "full"
        self.look = replace(self.look, colours=colours)
        self.canvas = canvas(self.settings.pictures, self.app.console, self._write, in_browser=self.app.is_web)
        self.app.set_class(not self.canvas.bears_tint, "-graphics")
        self.app.app_resume_signal.subscribe(self, self._show_again)
        self.app.leaving.subscribe(self, lambda _: self.canvas.close(), immediate=True)  # type: ignore[attr-defined]

    def on_unmount(self) -> None:
        self.canvas.close()
        self.app.remove_class("-graphics")

    def _write(self, text: str) -> None:
        """To the terminal, past Textual; called where frames are written, so never within one."""
        if self.app._driver is not None:
            self.app._driver.write(text)

    def _show_again(self, _: object) -> None:
        """After Ctrl+Z and fg: the terminal forgets pictures when another program has its screen."""
        self.canvas.forget()
        self.want()

    # -- painting ------------------------------------------------------------------------------------------------

    def begin_painting(self, painter: Paints) -> None:
        self.painter = painter
        self._paint_for_ever()
        self.want()

    def want(self) -> None:
        """Something changed that is painted."""
        self._wanted.set()
        self.draw_words()

    @on(messages.PictureWanted)
    def size_changed(self) -> None:
        if self.painter:
            self.want()

    @work(exclusive=True, group="paint", exit_on_error=False)
    async def _paint_for_ever(self) -> None:
        view = self.query_one(PictureView)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            name, (columns, rows) = self.current, view.size
            if name is None or not columns or not rows:
                continue
            wish = Wish(name, self.copies_shown(), columns, rows, self.window, self.look, view.rich_style)
            shown: Shown = self.canvas.known(wish) or await asyncio.to_thread(self.canvas.paint, self.painter, wish)
            self.canvas.send(wish, shown)
            view.show(shown.lines, shown.problem or "")
            self.name_shown, self.facts = name, shown.facts
            self.draw_words()
            await self._look_ahead(columns, rows)

    async def _look_ahead(self, columns: int, rows: int) -> None:
        for name in self.ahead():
            if self._wanted.is_set() or not self.painter:
                return
            await asyncio.to_thread(self.painter.prefetch, name, columns, rows, self.canvas.cell(columns, rows))

    # -- the part that is shown ----------------------------------------------------------------------------------

    def action_zoom_in(self) -> None:
        self.zoom(ZOOM_STEP)

    def action_zoom_out(self) -> None:
        self.zoom(1 / ZOOM_STEP)

    def action_whole(self) -> None:
        self.window = Window()
        self.want()

    def zoom(self, factor: float) -> None:
        self.window = self.window.zoomed(factor)
        self.want()

    def pan(self, key: str) -> bool:
        """Move what is shown; False while that is everything."""
        across, down = ARROWS[key]
        if self.window.zoom <= 1:
            return False
        self.window = self.window.moved(across * PAN_STEP, down * PAN_STEP)
        self.want()
        return True

    async def run_named(self, name: str | None) -> Any:
        """Run the action that was chosen in the help."""
        if name:
            await self.run_action(name)
