"""A run as it works, or as it went: progress, curves, log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from app.text import escape, status_text
from app.widgets.charts_panel import ChartsPanel
from app.widgets.drawn import Bare
from app.widgets.live_lines import gauge_line, progress_line, verdict_line
from app.widgets.log_filter import LogFilterInput
from app.widgets.run_log import RunLog
from app.widgets.told import tell, tell_if_any

if TYPE_CHECKING:
    from app.follow import Advance
    from experiments.diagnosis import Verdict
    from experiments.machine import Reading
    from experiments.runs import RunView

_NOTE = {"message": ("$foreground 70%", "·"), "warning": ("$warning", "!"), "error": ("$error", "✗")}
FEW_ROWS = 32


class Live(Bare, Vertical):
    """Told by the App which run it shows (`turn_to`), how it stands (`show_run`) and what is new (`advance`)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: RunView | None = None
        self.phase = self.note = ""
        self.reading: Reading | None = None
        self.verdicts: Sequence[Verdict] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="live-head")
        yield Static(id="live-progress")
        yield Static(id="live-gauges")
        yield Static(id="live-verdict")
        yield Static(id="live-note")
        yield ChartsPanel(id="live-charts")
        yield RunLog(id="live-log")
        yield LogFilterInput(id="live-filter")

    def on_mount(self) -> None:
        self.clear("No run yet: [b $primary]l[/] starts the selected experiment.")

    def on_resize(self) -> None:
        if self.run:
            self.show_run(self.run)
            self.show_verdicts(self.verdicts)

    def clear(self, hint: str = "") -> None:
        """Forget the run; `hint` says what to do."""
        self.run, self.phase, self.reading = None, "", None
        self.show_verdicts(())
        self._draw_gauges()
        self.query_one(ChartsPanel).clear()
        self.query_one(RunLog).show(None)
        tell(self.query_one("#live-head", Static), hint, fixed=True)
        tell(self.query_one("#live-progress", Static), "", fixed=True)
        self._note("")

    def advance(self, advance: "Advance") -> None:
        """Draw what is new."""
        if advance.child:
            self.phase = advance.child[1]
        self.query_one(ChartsPanel).extend(advance.curves, anew=advance.child is not None)
        if advance.note:
            kind, text = advance.note
            style, glyph = _NOTE[kind]
            self._note(f"[{style}]{glyph} {escape(text)}[/]")

    def show_run(self, run: "RunView") -> None:
        """Show how the run stands."""
        self.run = run
        self.query_one(ChartsPanel).following = run.is_active
        facts = [f"[b]{escape(run.run_id)}[/b]"]
        facts += [escape(value) for value in (run.defect_class, run.stage) if value]
        if run.info.get("name"):
            facts.insert(1, escape(run.info["name"]))
        facts += [escape(text) for text in (" ".join(f"#{tag}" for tag in run.tags), run.note) if text]
        head = f"{status_text(run.status)}  " + " [$foreground 40%]·[/] ".join(facts)
        tell(self.query_one("#live-head", Static), head, fixed=True)
        progress = progress_line(run, self.phase, self.size.width)
        tell(self.query_one("#live-progress", Static), progress, fixed=True)
        if not run.is_active:
            self.reading = None
        self._draw_gauges()
        if run.error and run.status in ("failed", "lost"):
            self._note(f"[$error]✗ {escape(run.error)}[/]")

    def show_machine(self, reading: "Reading | None") -> None:
        """Show what the run takes of the machine; None when it takes nothing any more."""
        self.reading = reading
        self._draw_gauges()

    def show_verdicts(self, verdicts: "Sequence[Verdict]") -> None:
        """Show the gravest of what is wrong."""
        self.verdicts = verdicts
        self._draw_note()
        line = verdict_line(verdicts, self.size.width)
        tell_if_any(self.query_one("#live-verdict", Static), line, fixed=True)

    def _draw_gauges(self) -> None:
        run = self.run
        text = gauge_line(run, self.reading, self.size.width) if run and run.is_active else ""
        tell_if_any(self.query_one("#live-gauges", Static), text, fixed=True)

    def _note(self, text: str) -> None:
        self.note = text
        self._draw_note()

    def _draw_note(self) -> None:
        """Where rows are few, a grave verdict takes the place of the error that it tells of."""
        told = self.app.size.height < FEW_ROWS and any(each.severity == "critical" for each in self.verdicts)
        tell_if_any(self.query_one("#live-note", Static), "" if told else self.note)
