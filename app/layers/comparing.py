"""The comparison: read when it is first looked at, again when another run can be compared, copied as Markdown."""

import time

from textual import on, work

from app import messages, reading
from app.layers.launching import Launching


class Comparing(Launching):
    """Between the Compare pane and `python -m experiments compare`."""

    compared: frozenset[str] | None = None

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "compare" and self.compared is None:
            self.compare()

    @on(messages.Listed)
    def compare_again(self) -> None:
        if self.compared is not None and reading.comparable(self.runs or []) != self.compared:
            self.compare()

    def compare(self) -> None:
        if self.furnished:
            self.compared = reading.comparable(self.runs or [])
            self.part("#compare").show_reading()
            self._read_comparison()

    @work(exclusive=True, group="compare", exit_on_error=False)
    async def _read_comparison(self) -> None:
        from app.comparison import read

        self.post_message(messages.Compared(await read(self.settings)))

    @on(messages.Compared)
    def show_comparison(self, message: messages.Compared) -> None:
        self.part("#compare").show(message.table, time.strftime("%H:%M:%S"))

    def action_copy(self) -> None:
        if self.pane == "compare" and not self.is_on_list:
            self.notify("copying the comparison …", timeout=2)
            self._copy_comparison()
        elif run := self.current_run:
            self.copy_to_clipboard(run.run_id)
            self.notify(f"copied {run.run_id}", timeout=2)

    @work(exclusive=True, group="copy", exit_on_error=False)
    async def _copy_comparison(self) -> None:
        from app.comparison import read_markdown

        self.post_message(messages.Copied(await read_markdown(self.settings), "the comparison as Markdown"))

    @on(messages.Copied)
    def copied(self, message: messages.Copied) -> None:
        self.copy_to_clipboard(message.text)
        self.notify(f"copied {message.what}")
