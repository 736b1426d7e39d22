"""Baseline against final, class by class, and below the table everything about the class under the cursor."""

import time

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.strip import Strip
from textual.widgets import Static

from app.compare_view import State, cells, choice, columns, head
from app.compare_words import below
from app.language import _
from app.widgets.drawn import Bare
from app.widgets.grid import Grid, Row
from app.widgets.told import tell, tell_if_any
from experiments.comparison import Comparison

_RULE = Style(underline=True)
# below the table there is always room for a few lines
_SPARE = 9


class CompareGrid(Grid):
    """A rule sets the mean over classes apart; it takes no line of its own."""

    ruled: int | None = None

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        return strip.apply_style(_RULE) if y and y - 1 + self.scroll_offset.y == self.ruled else strip


class ComparePane(Bare, Vertical):
    """Told by the App what there is (`show`), how old it is (`show_head`) and that the cursor has moved."""

    DEFAULT_CSS = """
    ComparePane {
        & #compare-head, & #compare-choice { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #compare-choice { display: none; }
        & #compare-grid { height: auto; min-height: 4; margin: 1 0 0 0; }
        & #compare-notes { height: 1fr; border-top: solid $foreground 15%; scrollbar-size: 1 1; }
        & #compare-notes:focus { border-top: solid $primary 60%; }
        & #compare-below { height: auto; padding: 0 1 0 0; }
    }
    """

    state: State | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="compare-head")
        yield Static(id="compare-choice")
        yield CompareGrid((), id="compare-grid")
        with VerticalScroll(id="compare-notes", can_focus=True):
            yield Static(id="compare-below")

    def show(self, state: State) -> None:
        self.state = state
        rows, grid = state.rows, self.query_one(CompareGrid)
        grid.columns = columns(rows)
        waits = state.since is not None and not state.has_report
        grid.empty = f" {_('reading …') if waits else '' if state.problem else _('Nothing to compare yet.')}"
        grid.ruled = next((place - 1 for place, row in enumerate(rows) if row.kind == "mean" and place), None)
        grid.show(Row(_key(row), cells(row, rows)) for row in rows)
        self.show_head()
        self.show_row()
        self._fit()
        grid.refresh()

    def show_head(self) -> None:
        """Write how old the table is, and how long it is being read."""
        if self.state:
            told = head(self.state, time.time(), time.monotonic())
            tell(self.query_one("#compare-head", Static), told, fixed=True)
            tell_if_any(self.query_one("#compare-choice", Static), choice(self.state.question))

    def show_row(self) -> None:
        """Write about the row under the cursor."""
        if self.state:
            tell(self.query_one("#compare-below", Static), below(self.state, self.row))

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """As many lines as there are rows, but for what is told below them."""
        grid = self.query_one(CompareGrid)
        wanted = max(4, len(grid.rows) + 1)
        grid.styles.height = max(4, min(wanted, self.size.height - _SPARE)) if self.size.height else wanted

    @property
    def row(self) -> Comparison | None:
        """The row under the cursor."""
        key = self.query_one(CompareGrid).cursor_key
        return next((row for row in self.state.rows if _key(row) == key), None) if self.state else None


def _key(row: Comparison) -> str:
    return f"{row.kind} {row.defect_class}"
