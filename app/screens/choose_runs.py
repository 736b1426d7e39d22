"""The runs of one side of the comparison: searched, marked, several at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from app.comparison import Question
from app.language import N_, _, ngettext
from app.screens.dialog import Dialog
from app.text import ago, escape, score
from app.widgets.grid import Column, Grid, Row
from experiments.candidates import Candidate, cannot_meet, for_side

if TYPE_CHECKING:
    from textual.events import Resize

_COLUMNS = (
    (" ", 1, 100, False, False),
    (N_("class"), 14, 98, False, True),
    (N_("stage"), 12, 96, False, False),
    (N_("seed"), 4, 94, True, False),
    (N_("IoU"), 6, 95, True, False),
    (N_("ended"), 10, 93, True, False),
    (N_("tested on"), 18, 50, False, True),
    (N_("run"), 25, 60, False, True),
)
OTHERS = {"baseline": "final", "final": "baseline"}


class RunGrid(Grid):
    """Space or a click marks; Enter takes what is marked."""

    BINDINGS: ClassVar = [
        Binding("enter", "screen.accept", show=False),
        Binding("space", "open", show=False),
    ]

    def action_open(self) -> None:
        if key := self.cursor_key:
            self.screen.toggle(key)  # type: ignore[attr-defined]


class ChooseRuns(Dialog[tuple[str, ...] | None]):
    """Answers with run ids, `()` for the latest of each, None on Esc.

    Args:
        side: `baseline` or `final`.
        found: every run that can be compared.
        question: what is compared now.
    """

    AUTO_FOCUS = "#choose-grid"
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("slash", "search", show=False),
        Binding("c,delete,backspace", "clear", show=False),
        Binding("a", "mark_shown", show=False),
    ]

    def __init__(self, side: str, found: Sequence[Candidate], question: Question) -> None:
        super().__init__()
        self.side, self.found = side, found
        self.marked = dict.fromkeys(question.sides[side])
        opposite = question.sides[OTHERS[side]]
        self.opposite = [candidate for candidate in found if candidate.run_id in opposite]

    def compose(self) -> ComposeResult:
        columns = [Column(_(title), width, right, grow, keep) for title, width, keep, right, grow in _COLUMNS]
        with Vertical(classes="dialog", id="choose"):
            yield Static(id="choose-told")
            yield Input(placeholder=_("/ searches: class, stage, seed 1, data set, run"), id="choose-search")
            yield RunGrid(columns, empty=f" {_('No run has all these words.')}", id="choose-grid")
            yield Static(
                _("Space marks · a all that are shown · c none: the latest of each · Enter takes them · Esc leaves"),
                id="choose-note",
            )

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self, event: "Resize") -> None:
        self._draw()

    @property
    def shown(self) -> list[Candidate]:
        return for_side(self.found, self.side, self.query_one(Input).value)

    def _draw(self) -> None:
        chosen = [candidate for candidate in self.found if candidate.run_id in self.marked]
        others = [*chosen, *self.opposite]
        self.query_one(RunGrid).show(Row(each.run_id, self._cells(each, others)) for each in self.shown)
        word = _("Baseline side") if self.side == "baseline" else _("Final side")
        count = len(self.marked)
        told = ngettext("{count} run marked", "{count} runs marked", count).format(count=count) if count else ""
        problem = ""
        if any(cannot_meet(each, others) for each in chosen):
            problem = f"  [$warning]! {_('not all were tested on the same pictures')}[/]"
        self.query_one("#choose-told", Static).update(f"[b]{word}[/b]  {told or _('latest of each')}{problem}")

    def _cells(self, each: Candidate, others: Sequence[Candidate]) -> tuple[str, ...]:
        tests = ", ".join(dict.fromkeys(each.tests.values()))
        unlike = cannot_meet(each, [other for other in others if other is not each])
        style = "$foreground 45%" if unlike else "$foreground"
        marked = "[b $primary]☑[/]" if each.run_id in self.marked else "☐"
        return (
            marked,
            f"[{style}]{escape(', '.join(each.classes))}[/]",
            f"[{style}]{escape(each.stage)}[/]",
            f"[{style}]{each.seed}[/]",
            score(each.mean_iou),
            ago(each.ended),
            f"[$warning]≠[/] [{style}]{escape(tests)}[/]" if unlike else f"[{style}]{escape(tests)}[/]",
            f"[$foreground 60%]{escape(each.run_id)}[/]",
        )

    # -- keys ----------------------------------------------------------------------------------------------------

    def toggle(self, run_id: str) -> None:
        if run_id in self.marked:
            del self.marked[run_id]
        else:
            self.marked[run_id] = None
        self._draw()

    def action_mark_shown(self) -> None:
        """Mark all that are shown; where they are, unmark them."""
        shown = [each.run_id for each in self.shown]
        if all(run_id in self.marked for run_id in shown):
            self.marked = {run_id: None for run_id in self.marked if run_id not in shown}
        else:
            self.marked |= dict.fromkeys(shown)
        self._draw()

    def action_clear(self) -> None:
        self.marked.clear()
        self._draw()

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        self._draw()

    def on_input_submitted(self) -> None:
        self.query_one(RunGrid).focus()

    def action_leave(self) -> None:
        if self.query_one(Input).has_focus:
            self.query_one(RunGrid).focus()
        else:
            self.dismiss(None)

    def action_accept(self) -> None:
        self.dismiss(tuple(self.marked))
