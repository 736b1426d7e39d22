"""Every run, of this machine and of MLflow: what is shown of them and in which order, and the rows in view."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, overload

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from app import messages
from app.language import N_, _, ngettext
from app.text import ago, duration, escape, score, status_text
from app.widgets.drawn import Bare
from app.widgets.grid import Column, Grid, Row
from app.widgets.told import tell, tell_if_any

if TYPE_CHECKING:
    from experiments.runs import RunView

MARKED, ELSEWHERE, ARCHIVED = "◆", "↗", "▽"
COLUMNS = (
    Column("", 2, keep=11),
    Column(N_("state"), 10, keep=10),
    Column(N_("experiment"), 12, grow=True, keep=9),
    Column(N_("class"), 12, keep=7),
    Column(N_("stage"), 8, keep=2),
    Column(N_("progress"), 8, right=True, keep=4),
    Column(N_("val IoU"), 7, right=True, keep=6),
    Column(N_("test IoU"), 8, right=True, keep=8),
    Column(N_("took"), 7, right=True, keep=1),
    Column(N_("started"), 10, right=True, keep=5),
    Column(N_("notes"), 14, keep=3, grow=True),
    Column(N_("run"), 30, keep=0),
)
# the field of `experiments.run_fields` by which each column sorts
FIELDS = (None, "status", "experiment", "class", "stage", "progress", "val", "test", "took", "started", "tag", "id")


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the pane shows.

    Attributes:
        runs: as filtered and sorted.
        total: how many there are, archived ones too.
        elsewhere: how many of all only MLflow knows; `read` is when it was asked, unix seconds.
        unread: how many runs, or configs that the filter asks for, are still to be read.
        sort: name of the field, `reverse` the other way round.
        problem: a sentence about what cannot be read.
    """

    runs: "Sequence[RunView]" = ()
    total: int = 0
    elsewhere: int = 0
    read: float | None = None
    unread: int = 0
    query: str = ""
    sort: str = "started"
    reverse: bool = False
    problem: str | None = None


class FilterInput(Input):
    """Esc shows everything again, Enter keeps the filter."""

    BINDINGS: ClassVar = [Binding("escape", "clear", show=False)]

    def action_clear(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class RunRows(Sequence[Row]):
    """Rows that are made when they are drawn: ten thousand would hold the keys up."""

    def __init__(self, runs: "Sequence[RunView]", marked: Collection[str]) -> None:
        self.runs, self.marked = runs, marked

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        run = self.runs[index]
        return Row(run.run_id, cells(run, run.run_id in self.marked))


class RunsGrid(Grid):
    BINDINGS: ClassVar = [Binding("escape", "escape", show=False)]

    def show_runs(self, runs: "Sequence[RunView]", marked: Collection[str]) -> None:
        """Show runs; the cursor stays on its run, and at the top if it was there. Only what changed is drawn."""
        key, before = self.cursor_key, self._in_view()
        at_top = self.cursor == 0
        self.rows = RunRows(runs, marked)  # type: ignore[assignment]
        if not at_top:
            place = next((place for place, run in enumerate(runs) if run.run_id == key), self.cursor)
            self.cursor = min(place, max(0, len(runs) - 1))
        self._strips.clear()
        if self.virtual_size.height != len(runs) + 1 or before != self._in_view():
            self._redraw()

    def _in_view(self) -> tuple[int, list[Row]]:
        top = self.scroll_offset.y
        return self.cursor, list(self.rows[top : top + self.size.height])

    def shown_columns(self) -> list[int]:
        """Which columns there is room for."""
        return [index for index, _width in self._layout()]

    def sort_sign(self, field: str, reverse: bool) -> None:
        """Show in the header by what the rows are sorted."""
        sign = "▲" if reverse else "▼"
        columns = []
        for column, name in zip(COLUMNS, FIELDS, strict=True):
            title = _(column.title) if column.title else ""
            if name == field:
                title = f"{title} {sign}"
                column = replace(column, width=max(column.width, len(title)))
            columns.append(replace(column, title=title))
        if tuple(columns) != self.columns:
            self.columns = tuple(columns)
            self._redraw()

    def action_escape(self) -> None:
        self.post_message(messages.RunsEscaped())


class RunsPane(Bare, Vertical):
    """Told by the App what to show."""

    DEFAULT_CSS = """
    RunsPane {
        & #runs-head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #runs-note { height: auto; max-height: 2; display: none; }
        & #runs-filter { display: none; height: 1; border: none; background: $boost; padding: 0 1; }
        & #runs-filter:focus { border: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sifted = Sifted()

    def compose(self) -> ComposeResult:
        yield Static(id="runs-head")
        yield FilterInput(placeholder="class:deposition iou>0.5 -status:failed", id="runs-filter")
        yield Static(id="runs-note")
        yield RunsGrid(COLUMNS, id="runs-grid")

    @property
    def cursor_key(self) -> str | None:
        return self.query_one(RunsGrid).cursor_key

    @property
    def is_filtering(self) -> bool:
        return bool(self.query_one(FilterInput).display)

    def open_filter(self) -> None:
        field = self.query_one(FilterInput)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(messages.RunsFiltered(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(messages.RunsFiltered(event.value, is_done=True))

    def clear_filter(self) -> None:
        self.query_one(FilterInput).value = ""

    def close_filter(self) -> None:
        self.query_one(FilterInput).display = False
        self.query_one(RunsGrid).focus()

    def show(self, sifted: Sifted, marked: Collection[str]) -> None:
        self.sifted = sifted
        grid = self.query_one(RunsGrid)
        grid.empty = _empty(sifted)
        grid.sort_sign(sifted.sort, sifted.reverse)
        grid.show_runs(sifted.runs, marked)
        tell(self.query_one("#runs-head", Static), _head(sifted, len(marked)), fixed=True)
        self.tell(sifted.problem)

    def tell(self, problem: str | None) -> None:
        """Show a sentence above the table; None takes it away."""
        tell_if_any(self.query_one("#runs-note", Static), f"[$warning]! {escape(problem)}[/]" if problem else "")


def _empty(sifted: Sifted) -> str:
    if sifted.unread or sifted.total:
        return _(" No run is like this; [b $primary]Esc[/] shows all again.") if not sifted.unread else _(" reading …")
    return _(" No runs yet: select an experiment and press [b $primary]l[/] to start one.")


def _head(sifted: Sifted, marked: int) -> str:
    count = len(sifted.runs)
    counted = ngettext("{count} run", "{count} runs", count).format(count=f"{count:,}")
    if count != sifted.total:
        counted = _("{count} of {total} runs").format(count=f"{count:,}", total=f"{sifted.total:,}")
    parts = [f"[b]{counted}[/b]"]
    if sifted.query:
        parts.append(f"[$primary]/ {escape(sifted.query)}[/]")
    if marked:
        parts.append(
            f"[$primary]{MARKED}[/] " + ngettext("{count} marked", "{count} marked", marked).format(count=marked)
        )
    if sifted.unread:
        parts.append(_("{count} still to be read").format(count=f"{sifted.unread:,}"))
    if sifted.elsewhere:
        text = _("{count} only in MLflow, as of {age}").format(count=f"{sifted.elsewhere:,}", age=ago(sifted.read))
        parts.append(f"[$foreground 60%]{ELSEWHERE} {text}[/]")
    if any(run.archived for run in sifted.runs[:200]):
        parts.append(f"[$foreground 60%]{ARCHIVED} {_('archived')}[/]")
    return " [$foreground 40%]·[/] ".join(parts)


def cells(run: "RunView", is_marked: bool = False) -> tuple[str, ...]:
    """Return one row of the table."""
    from experiments.run_fields import progress, took

    done, seconds = progress(run), took(run, run.ended or 0) if run.ended else None
    kind = ELSEWHERE if run.elsewhere else ""
    kind = ARCHIVED if run.archived else kind
    tags = " ".join(f"#{escape(tag)}" for tag in run.tags)
    note = f"[$foreground 70%]{escape(' '.join(run.note.split()))}[/]" if run.note else ""
    return (
        (f"[b $primary]{MARKED}[/]" if is_marked else " ") + f"[$foreground 60%]{kind}[/]",
        status_text(run.status),
        escape(run.experiment),
        escape(run.defect_class or "–"),
        escape(run.stage or "–"),
        f"{done:.0%}" if done is not None else "–",
        score(run.best_iou),
        score(run.test.get("iou")),
        duration(seconds),
        ago(run.created),
        f"{tags} {note}".strip(),
        f"[$foreground 60%]{escape(run.run_id)}[/]",
    )
