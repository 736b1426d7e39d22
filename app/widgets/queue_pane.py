"""The queue: what waits, in its order and for what; below it what works and what is over."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from app.language import N_, _, ngettext
from app.text import ago, escape, score, status_text
from app.widgets.drawn import Bare
from app.widgets.grid import Column, Grid, Row
from app.widgets.told import tell

if TYPE_CHECKING:
    from experiments.queue import EntryView, QueueView

COLUMNS = (
    Column("#", 2, right=True, keep=10),
    Column(N_("experiment"), 11, grow=True, keep=9),
    Column(N_("overrides"), 14, grow=True, keep=6),
    Column(N_("device"), 7, keep=7),
    Column(N_("memory"), 8, right=True, keep=3),
    Column(N_("state"), 22, grow=True, keep=8),
    Column(N_("age"), 10, right=True, keep=5),
)
# of entries without a run; the others have the glyph of their run
_STATES = {
    "waiting": "[$foreground 70%]○[/]",
    "held": "[$warning]‖[/]",
    "starting": "[$secondary]◌[/]",
    "refused": "[$error]✗ refused[/]",
    "gone": "[$foreground 50%]? gone[/]",
}


class QueuePane(Bare, Vertical):
    """Told by the App what there is; the line below the table holds all of what is cut above it."""

    DEFAULT_CSS = """
    QueuePane #queue-head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; margin: 0 0 1 0; }
    QueuePane #queue-detail { height: auto; max-height: 5; border-top: solid $foreground 15%; display: none; }
    .-short QueuePane #queue-head { margin: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.queue: QueueView | None = None

    def compose(self) -> ComposeResult:
        empty = _(
            "Nothing is queued: [b $primary]l[/], then [b $primary]→[/] and Enter, queues the selected experiment."
        )
        yield Static(f"[b]{_('Queue')}[/b]", id="queue-head")
        yield Grid(COLUMNS, id="queue-grid", empty=f" {empty}")
        yield Static(id="queue-detail")

    @property
    def selected(self) -> "EntryView | None":
        """The entry under the cursor."""
        key = self.query_one(Grid).cursor_key
        entries = self.queue.entries if self.queue else ()
        return next((each for each in entries if each.entry.entry_id == key), None)

    def show(self, queue: "QueueView", follow: str | None = None) -> None:
        """Show the queue; the cursor goes to the entry `follow`, else stays on its own."""
        self.queue = queue
        grid = self.query_one(Grid)
        grid.show(Row(each.entry.entry_id, _cells(each)) for each in queue.entries)
        places = [row.key for row in grid.rows]
        if follow in places:
            grid.action_move(places.index(follow) - grid.cursor)
        waiting = len(queue.waiting)
        told = ngettext("{count} entry waits", "{count} entries wait", waiting).format(count=waiting)
        paused = f"  [$warning]‖ {_('paused: p lets it go on')}[/]" if queue.paused else ""
        tell(self.query_one("#queue-head", Static), f"[b]{_('Queue')}[/b]  [$foreground 55%]{told}[/]{paused}")
        self.show_detail()

    def show_detail(self) -> None:
        detail, each = self.query_one("#queue-detail", Static), self.selected
        detail.display = each is not None
        if each is None:
            return
        entry = each.entry
        named = f"[b]{escape(entry.name)}[/b]  " if entry.name not in (None, " ".join(entry.overrides)) else ""
        memory = (
            _("{gib:.1f} GiB ({source})").format(gib=entry.memory, source=entry.memory_from) if entry.memory else ""
        )
        facts = (entry.label, memory, each.reason, each.run.run_id if each.run else "")
        tell(detail, f"{named}[$foreground 70%]{escape(' · '.join(fact for fact in facts if fact))}[/]")


def _cells(each: "EntryView") -> tuple[str, ...]:
    entry = each.entry
    return (
        str(each.position or ""),
        escape(entry.experiment),
        escape(" ".join(entry.overrides)),
        escape(entry.where),
        f"{entry.memory:.1f} GiB" if entry.memory is not None else "",
        _state(each),
        ago(entry.added if each.is_waiting else entry.changed),
    )


def _state(each: "EntryView") -> str:
    if each.run and not each.is_waiting and each.status != "refused":
        test = each.run.test.get("iou")
        return status_text(each.status) + (f" [$foreground 70%]IoU {score(test)}[/]" if test is not None else "")
    glyph = "[$error]✗[/]" if each.stuck else _STATES[each.status]
    return f"{glyph} {escape(each.reason)}"
