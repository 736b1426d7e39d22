"""Runs side by side: of their configs only what differs, and below it how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from app.language import _, ngettext
from app.screens.dialog import Dialog
from app.text import escape
from app.widgets.grid import Column, Grid, Row

if TYPE_CHECKING:
    from experiments.run_table import RunTable
    from experiments.runs import RunView

KEY_WIDTH, LEAST_WIDTH, MOST_WIDTH = 30, 14, 34


@dataclass
class TableRead(Message):
    """The configs were read."""

    table: "RunTable"


class RunDiff(Dialog[None]):
    """One run a column; where they do not all fit, the columns are paged and the first run stays."""

    BINDINGS: ClassVar = [
        Binding("escape,q,d", "dismiss(None)", show=False),
        Binding("right,right_square_bracket,l", "page(1)", show=False),
        Binding("left,left_square_bracket,h", "page(-1)", show=False),
        Binding("y", "copy('markdown')", show=False),
        Binding("Y", "copy('csv')", show=False),
        Binding("ctrl+q", "app.quit", show=False),
    ]
    DEFAULT_CSS = """
    RunDiff {
        align: left top; background: $background;
        & #diff-head, & #diff-keys { height: 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
        & #diff-note { height: auto; display: none; }
    }
    """

    def __init__(self, runs: "Sequence[RunView]") -> None:
        super().__init__()
        self.runs = runs
        self.table: RunTable | None = None
        self.first = 1

    def compose(self) -> ComposeResult:
        yield Static(id="diff-head")
        yield Grid((Column("", KEY_WIDTH),), empty=_(" reading …"), id="diff-grid")
        keys = _("y copy as Markdown · Y as CSV · ← → other runs · Esc back")
        yield Static(f" [$foreground 75%]{keys}[/]", id="diff-keys")

    def on_mount(self) -> None:
        self.query_one(Grid).focus()
        self._read()

    @work(thread=True, group="diff", exit_on_error=False)
    def _read(self) -> None:
        from experiments.run_table import table_of

        self.post_message(TableRead(table_of(self.runs)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self.app.report(event.worker.error)  # type: ignore[attr-defined]
            self.dismiss()

    @on(TableRead)
    def table_read(self, message: TableRead) -> None:
        self.table = message.table
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _room(self) -> int:
        """How many runs fit beside the first one; at least one."""
        return max(1, (self.size.width - KEY_WIDTH - 3) // (LEAST_WIDTH + 2) - 1)

    def action_page(self, pages: int) -> None:
        if self.table:
            room, count = self._room(), len(self.table.runs)
            last = 1 + max(0, (count - 2) // room * room)
            self.first = min(max(1, self.first + pages * room), last)
            self._draw()

    def _draw(self) -> None:
        if not (table := self.table):
            return
        count, room = len(table.runs), self._room()
        shown = [0, *range(self.first, min(count, self.first + room))]
        width = min(MOST_WIDTH, max(LEAST_WIDTH, (self.size.width - KEY_WIDTH - 3) // len(shown) - 2))
        grid, labels = self.query_one(Grid), _labels(self.runs)
        # the first column never goes
        grid.columns = (Column("", KEY_WIDTH, keep=99), *(Column(labels[i], width, keep=98) for i in shown))
        grid.show(Row(f"{number} {row.key}", _cells(row, shown)) for number, row in enumerate(table.rows))
        grid.refresh()
        differing = len(table.configs)
        head = " · ".join(
            (
                ngettext("{count} run", "{count} runs", count).format(count=count),
                ngettext("{count} key differs", "{count} keys differ", differing).format(count=differing),
                ngettext("{count} is the same", "{count} are the same", table.alike).format(count=table.alike),
            )
        )
        if len(shown) < count:
            head += " · " + _("shown: 1, {first}–{last}").format(first=self.first + 1, last=self.first + len(shown) - 1)
        self.query_one("#diff-head", Static).update(f" [b]{head}[/b]")

    def action_copy(self, form: str) -> None:
        from experiments.run_table import as_csv, markdown

        if self.table:
            self.app.copy_to_clipboard(markdown(self.table) if form == "markdown" else as_csv(self.table))
            what = "Markdown" if form == "markdown" else "CSV"
            self.notify(_("copied the table as {form}").format(form=what), timeout=2)


def _cells(row: "object", shown: Sequence[int]) -> tuple[str, ...]:
    from experiments.run_table import TableRow

    assert isinstance(row, TableRow)
    first = row.texts[0]
    style = "[$foreground 60%]" if row.is_result else "[b]"
    cells = [f"{style}{escape(row.key)}[/]"]
    for index in shown:
        text = escape(row.texts[index])
        # what is not as in the first run has a sign of its own
        cells.append(f"[$primary]≠[/] {text}" if not row.is_result and row.texts[index] != first else f"  {text}")
    return tuple(cells)


def _labels(runs: "Sequence[RunView]") -> list[str]:
    """Names of the runs, else their ids without the date; where two are called the same, the end of the id with it."""
    labels = [run.name or run.run_id[16:] or run.run_id for run in runs]
    return [
        f"{run.run_id[-4:]} {label}" if labels.count(label) > 1 else label
        for run, label in zip(runs, labels, strict=True)
    ]
