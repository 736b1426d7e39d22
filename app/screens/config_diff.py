"""What differs: the config as edited on the left, the saved file or a run on the right; only keys that differ."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from app.language import _, ngettext
from app.messages import Differs, DiffWanted
from app.screens.dialog import Dialog
from app.text import ago, escape
from app.widgets.grid import Column, Grid, Row
from experiments.config_diff import ABSENT, as_text

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView


class ConfigDiff(Dialog[None]):
    """Asks the App for each comparison, shows what comes back.

    Args:
        draft: the text as it is edited; None for the file as it is.
        runs: to choose from, those of the experiment first, newest first.
    """

    BINDINGS: ClassVar = [
        Binding("escape,q,d", "dismiss", show=False),
        Binding("s", "against('saved')", show=False),
        Binding("l", "against('last')", show=False),
        Binding("c", "choose", show=False),
        Binding("t", "lines", show=False),
    ]
    DEFAULT_CSS = """
    ConfigDiff .dialog { width: 120; height: 90%; }
    ConfigDiff Grid { height: 1fr; background: $panel; }
    ConfigDiff #diff-lines { height: 1fr; display: none; scrollbar-size: 1 1; }
    ConfigDiff #diff-keys { height: 1; }
    """

    def __init__(self, experiment: "Experiment", draft: str | None, runs: "Sequence[RunView]", has_own: bool) -> None:
        super().__init__()
        self.experiment, self.draft, self.runs, self.has_own = experiment, draft, list(runs), has_own
        self.run_shown: RunView | None = None
        self.found: Differs | None = None

    def compose(self) -> ComposeResult:
        columns = (
            Column(_("key"), 24, grow=True, keep=9),
            Column(_("as edited"), 20, grow=True, keep=9),
            Column(_("there"), 20, grow=True, keep=9),
        )
        with Vertical(classes="dialog"):
            yield Static(id="diff-head")
            yield Grid(columns, id="diff-grid")
            with VerticalScroll(id="diff-lines"):
                yield Static(id="diff-text", markup=False)
            yield Static(id="diff-note")
            yield Static(id="diff-keys")

    def on_mount(self) -> None:
        entries = [("s", _("saved file")), ("l", _("last run")), ("c", _("choose a run")), ("t", _("line by line"))]
        keys = "  ".join(f"[b $primary]{key}[/] {label}" for key, label in [*entries, ("Esc", _("back"))])
        self.query_one("#diff-keys", Static).update(keys)
        self.query_one(Grid).focus()
        # a saved file that is as edited has nothing to say: then the last run is what one wants to know
        is_edited = self.draft is not None and self._is_edited()
        self.action_against("saved" if is_edited or not self.has_own else "last")

    def _is_edited(self) -> bool:
        drafts = self.app.screen_stack[0].query_one("#config").unsaved  # type: ignore[attr-defined]
        return self.experiment.name in drafts

    def action_against(self, what: str) -> None:
        if what == "last" and not self.has_own:
            self.query_one("#diff-note", Static).update(_("[$warning]![/] it has no run yet: c chooses another one's"))
            return
        self._ask(self.runs[0] if what == "last" else None)

    def action_choose(self) -> None:
        from app.screens.choose import Choose

        choices = [(run.run_id, f"{run.status} · {ago(run.created)}") for run in self.runs]

        def answer(run_id: str | None) -> None:
            run = next((run for run in self.runs if run.run_id == run_id), None)
            if run:
                self._ask(run)

        self.app.push_screen(Choose(_("Compare with which run?"), choices), answer)

    def action_lines(self) -> None:
        grid, lines = self.query_one(Grid), self.query_one("#diff-lines")
        if self.run_shown is not None and grid.display:
            self.query_one("#diff-note", Static).update(_("[$warning]![/] lines are compared with the saved file only"))
            return
        grid.display, lines.display = not grid.display, not lines.display
        (grid if grid.display else lines).focus()

    def _ask(self, run: "RunView | None") -> None:
        self.run_shown = run
        self.query_one("#diff-note", Static).update("")
        self.post_message(DiffWanted(self.experiment, self.draft, run))

    def show(self, found: Differs) -> None:
        """Show a comparison, unless another one was asked for since."""
        if found.wanted.run is not self.run_shown:
            return
        self.found = found
        count = len(found.differences)
        head = _("[b]{name}[/b] as edited | [b]{other}[/b]").format(
            name=escape(self.experiment.name), other=escape(found.label)
        )
        self.query_one("#diff-head", Static).update(
            f"{head}  [$foreground 60%]{ngettext('{} key differs', '{} keys differ', count).format(count)}[/]"
        )
        same = _("the same in every key") if not found.notes else ""
        self.query_one(Grid).empty = f"[$foreground 60%]{same}[/]"
        self.query_one(Grid).show([_row(each.key, each.left, each.right) for each in found.differences])
        self.query_one("#diff-text", Static).update("\n".join(found.lines) or _("every line is the same"))
        self.query_one("#diff-note", Static).update("\n".join(f"[$warning]![/] {escape(text)}" for text in found.notes))
        if found.wanted.run is not None:
            self.query_one(Grid).display, self.query_one("#diff-lines").display = True, False


def _row(key: str, left: object, right: object) -> Row:
    """A key that one side does not have shows `–` there: nothing is told by colour alone."""
    cells = tuple("[$foreground 45%]–[/]" if side is ABSENT else escape(as_text(side)) for side in (left, right))
    return Row(key, (f"[b]{escape(key)}[/b]", *cells))
