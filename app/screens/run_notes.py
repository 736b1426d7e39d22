"""Tags and a note, for one run or several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from app.language import _, ngettext
from app.screens.dialog import Dialog
from app.text import escape

if TYPE_CHECKING:
    from experiments.runs import RunView


class RunNotes(Dialog[dict[str, Any] | None]):
    """Answers with what is to change, as `experiments.annotating.annotate` takes it; None on Esc.

    Of several runs the tags that all have are shown: taken away there they go from all, and others stay.
    """

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, runs: "Sequence[RunView]") -> None:
        super().__init__()
        self.runs = runs
        self.shared = [tag for tag in runs[0].tags if all(tag in run.tags for run in runs)]
        notes = {run.note for run in runs}
        self.note = notes.pop() if len(notes) == 1 else None

    def compose(self) -> ComposeResult:
        count = len(self.runs)
        title = ngettext("Tags and note of {run}", "Tags and note of {count} runs", count)
        with Vertical(classes="dialog"):
            run = f"[b]{escape(self.runs[0].run_id)}[/b]"
            yield Static(title.format(run=run, count=count))
            yield Input(" ".join(self.shared), placeholder=_("tags, with spaces between"), id="notes-tags")
            placeholder = _("note") if self.note is not None else _("note; leave empty to keep the notes as they are")
            yield Input(self.note or "", placeholder=placeholder, id="notes-text")
            yield Static(f"[$foreground 55%]{_('Enter saves · Tab goes on · Esc leaves')}[/]", id="notes-said")

    def on_input_submitted(self) -> None:
        from experiments.notes import Notes
        from pipeseg.errors import BadInput

        tags = self.query_one("#notes-tags", Input).value.replace("#", " ").split()
        text: str | None = self.query_one("#notes-text", Input).value.strip()
        if text == (self.note or ""):
            text = None
        change = {
            "text": text,
            "add": [tag for tag in tags if tag not in self.shared],
            "remove": [tag for tag in self.shared if tag not in tags],
        }
        try:
            Notes().changed(**change)
        except BadInput as error:
            self.query_one("#notes-said", Static).update(f"[$error]✗ {escape(error)}[/]")
            return
        self.dismiss(change if text is not None or change["add"] or change["remove"] else None)
