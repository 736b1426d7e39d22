"""The log of the watched run: read and filtered in a thread, of any length."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.widgets import Input

from app import messages
from app.layers.watching import FOLLOW_ENDED_SECONDS, FOLLOW_SECONDS, Watching

if TYPE_CHECKING:
    from experiments.log_file import LogView


class ReadingLog(Watching):
    """Keeps the log pane up to date; `/` in Live filters it."""

    _log_view: "LogView | None" = None
    _log_wake: asyncio.Event

    def watch_run(self, path: Path) -> None:
        before = self.watched
        super().watch_run(path)
        if self.watched != before:
            self._open_log(path)

    @work(exclusive=True, group="log", exit_on_error=False)
    async def _open_log(self, path: Path) -> None:
        from experiments.log_file import LogFile, LogView
        from pipeseg.run_directory import RunDirectory

        view = self._log_view = LogView(LogFile(RunDirectory(path).log_file))
        wake = self._log_wake = asyncio.Event()
        self.part("#live-filter").close()
        self.part("#live-log").show(view)
        seen = None
        while self.watched == path:
            behind = await asyncio.to_thread(view.advance)
            state = view.log.version, view.shown.count, view.filtered
            if state != seen:
                seen = state
                self.post_message(messages.LogGrown(path))
            if behind:
                continue
            run = self.part("#live").run
            seconds = FOLLOW_SECONDS if run is None or run.is_active else FOLLOW_ENDED_SECONDS
            try:
                await asyncio.wait_for(wake.wait(), seconds)
            except TimeoutError:
                continue
            wake.clear()

    @on(messages.LogGrown)
    def log_grown(self, message: messages.LogGrown) -> None:
        if message.path == self.watched:
            self.part("#live-log").grown()

    def action_filter(self) -> None:
        if self.pane != "live" or self.is_on_list:
            super().action_filter()
        elif self.furnished:
            self.part("#live-filter").open()

    @on(messages.LogFilterTyped)
    def log_filter_typed(self, message: messages.LogFilterTyped) -> None:
        from experiments.log_lines import LogFilter

        if view := self._log_view:
            log = self.part("#live-log")
            if view.filtered is None:
                log.about_to_filter()
            view.set_filter(LogFilter.parse(message.text))
            log.refilter()
            self._log_wake.set()

    @on(Input.Submitted, "#live-filter")
    def _to_the_lines(self) -> None:
        self.set_focus(self.part("#live-log"))

    @on(messages.LogFilterLeft)
    def log_filter_left(self) -> None:
        self.part("#live-filter").close()
        self.set_focus(self.part("#live-log"))
        if (view := self._log_view) and view.filtered:
            view.set_filter(None)
            self.part("#live-log").refilter()
