"""Everything that is wrong with a run, what to do about it, and the lines of its log that belong to it."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.language import _
from app.screens.dialog import Dialog
from app.text import SEVERITY_STYLES, escape

if TYPE_CHECKING:
    from experiments.diagnosis import Verdict


class Diagnosis(Dialog[None]):
    """Esc leaves; the arrows scroll."""

    BINDINGS: ClassVar = [
        Binding("escape,d,q", "dismiss(None)", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("y", "copy", show=False),
    ]
    DEFAULT_CSS = """
    Diagnosis #diagnosis { width: 120; height: auto; max-height: 92%; padding: 1 2; }
    Diagnosis VerticalScroll { height: auto; max-height: 100%; scrollbar-size: 1 1; }
    Diagnosis #diagnosis-inside { height: auto; }
    Diagnosis .verdict { height: auto; margin: 1 0 0 0; }
    Diagnosis .lines { height: auto; padding: 0 0 0 2; color: $foreground 70%; }
    """

    def __init__(self, run_id: str, verdicts: "tuple[Verdict, ...]") -> None:
        super().__init__()
        self.run_id, self.verdicts = run_id, verdicts

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="diagnosis"), Vertical(id="diagnosis-inside"):
            head = _("Diagnosis of {run}").format(run=escape(self.run_id))
            yield Static(f"[b]{head}[/b]   [$foreground 55%]{_('y copies · Esc leaves')}[/]")
            if not self.verdicts:
                yield Static(f"[$success]✓[/] {_('nothing is wrong')}", classes="verdict")
            for verdict in self.verdicts:
                yield Static(self._told(verdict), classes="verdict")
                if verdict.lines:
                    # as it was written: brackets are no markup here
                    yield Static(Content("\n".join(verdict.lines)), classes="lines")

    @staticmethod
    def _told(verdict: "Verdict") -> str:
        from experiments.diagnosis import GLYPHS

        style, whose = SEVERITY_STYLES[verdict.severity], f"{escape(verdict.run_id)}: " if verdict.run_id else ""
        advice = f"[b]→[/b] {escape(verdict.what_to_do)}"
        return f"[{style} b]{GLYPHS[verdict.severity]} {whose}{escape(verdict.sentence)}[/]\n{advice}"

    def action_scroll(self, direction: int) -> None:
        self.query_one("#diagnosis").scroll_relative(y=direction * 2, animate=False)

    def action_copy(self) -> None:
        """Copy everything, as it is put into a message to somebody who can help."""
        parts = [self.run_id]
        for verdict in self.verdicts:
            parts += [f"{verdict.severity}: {verdict.sentence}", f"-> {verdict.what_to_do}", *verdict.lines]
        self.app.copy_to_clipboard("\n".join(parts))
        self.notify(_("copied"), timeout=2)
